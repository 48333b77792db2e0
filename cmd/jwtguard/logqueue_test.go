package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is a log reader that reads when it is told to.
type stalled struct {
	read chan struct{} // closed: from now on it reads
	mu   sync.Mutex
	text strings.Builder
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.read
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// queueTo is a queue that runs, for this many bytes.
func queueTo(out io.Writer, room int) *logQueue {
	q := newLogQueue(out, room, func(n int64) error {
		_, err := fmt.Fprintf(out, "lost %d\n", n)
		return err
	})
	go q.run()
	return q
}

// Whoever logs does not wait for a reader that stalls; what had no room is
// counted at the place where it is missing.
func TestStalledLogReaderStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stalled{read: make(chan struct{})}
		q := queueTo(out, 12)
		line := []byte("line 0\n")
		for i := range 5 {
			line[5] = '0' + byte(i)
			if n, err := q.Write(line); n != len(line) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			synctest.Wait() // the first one is on its way, the second one waits
		}
		q.Write([]byte("x\n")) // there would be room, but not at its place
		close(out.read)
		synctest.Wait()
		q.Write([]byte("again\n"))
		q.close(logFlushWithin)
		if got, want := out.text.String(), "line 0\nline 1\nlost 4\nagain\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestEndWaitsForTheLogButNotForEver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads time.Duration // after the end began
		took  time.Duration
		want  string
	}{
		{"it reads", 300 * time.Millisecond, 300 * time.Millisecond, "one\ntwo\n"},
		{"it does not read", time.Hour, logFlushWithin, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &stalled{read: make(chan struct{})}
				q := queueTo(out, 100)
				q.Write([]byte("one\n"))
				q.Write([]byte("two\n"))
				time.AfterFunc(tt.reads, func() { close(out.read) })
				start := time.Now()
				q.close(logFlushWithin)
				out.mu.Lock()
				got := out.text.String()
				out.mu.Unlock()
				if took := time.Since(start); took != tt.took || got != tt.want {
					t.Errorf("%q after %v, want %q after %v", got, took, tt.want, tt.took)
				}
				<-q.done
			})
		})
	}
}

// refusing is a log reader that is gone until it is back.
type refusing struct {
	strings.Builder
	gone bool
}

func (r *refusing) Write(p []byte) (int, error) {
	if r.gone {
		return 0, errors.New("broken pipe")
	}
	return r.Builder.Write(p)
}

func TestLinesThatTheReaderRefusesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &refusing{gone: true}
		q := queueTo(out, 100)
		for range 3 {
			q.Write([]byte("line\n"))
			synctest.Wait()
		}
		out.gone = false
		q.Write([]byte("back\n"))
		q.close(logFlushWithin)
		if got, want := out.String(), "back\nlost 3\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// The report has the format of the log, and comes at every level.
func TestLostLinesAreReportedInTheFormatOfTheLog(t *testing.T) {
	for _, tt := range []struct {
		flags logFlags
		want  string
	}{
		{logFlags{"text", "info"}, "level=ERROR msg=log_lines_lost lines=1\n"},
		{logFlags{"json", "error"}, `"level":"ERROR","msg":"log_lines_lost","lines":1}` + "\n"},
	} {
		var out strings.Builder
		log, q, err := tt.flags.queued(&out)
		if err != nil {
			t.Fatal(err)
		}
		log.Error(strings.Repeat("x", logRoom), slog.Int("n", 1))
		go q.run()
		q.close(patienceOfTests)
		if got := out.String(); !strings.HasSuffix(got, tt.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%.200q, want %q", got, tt.want)
		}
	}
}
