package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// inLedger runs a test on a ledger that is being written, in fake time.
func inLedger(t *testing.T, test func(t *testing.T, d *disk, l *Ledger, log *text)) {
	synctest.Test(t, func(t *testing.T) {
		d, log := newDisk(), new(text)
		cfg := d.config()
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		l, err := Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, l)
		synctest.Wait()
		test(t, d, l, log)
		if err := stop(); err != nil {
			t.Error(err)
		}
		d.whole(t)
	})
}

// order is a change that narrows trust.
func order(set *keyset.Set, kid string) (*keyset.Set, keyset.Change) {
	next, events, _ := set.Apply(keyset.Order{Action: keyset.Retire, Kid: kid, Reason: "r"}, clockFrom(time.Time{})())
	return next, change(next, events)
}

// A full disk: commits are refused at once, orders stay in force and are written
// when there is room again, and the gap is on record.
func TestFullDiskAndRecovery(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, log *text) {
		ctx := context.Background()
		began := time.Now()
		d.full(40)
		set, c := order(keyset.New(keyset.Params{}), "A")
		durable := l.Record(c)
		if err := durable(ctx); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "not durable yet") {
			t.Fatal(err)
		}
		if s := l.Status(); !errors.Is(s.Failing, syscall.ENOSPC) || s.Errors != 1 || !s.FailingSince.Equal(began.UTC()) || s.Queued == 0 {
			t.Errorf("%+v", s)
		}
		// The next attempt is not due: this one is refused without one.
		next, w := order(set, "B")
		if err := l.Commit(ctx, w); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrUnknown) || time.Since(began) > 0 {
			t.Fatal(err, time.Since(began))
		}
		l.Note("admin_refused", nil)
		time.Sleep(time.Minute)
		errs := l.Status().Errors
		if errs < 12 || errs > 60 {
			t.Errorf("%d attempts in a minute", errs)
		}
		d.full(-1)
		time.Sleep(retryMost)
		if err := durable(ctx); err != nil {
			t.Error(err)
		}
		if s := l.Status(); s.Failing != nil || !s.FailingSince.IsZero() || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
		if err := l.Commit(ctx, change(next, w.Events)); err != nil {
			t.Error(err)
		}
		lines := d.whole(t)
		if got, want := events(lines), "file_opened guard_started gap key_ordered key_state admin_refused key_record key_ordered key_state"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if !strings.Contains(lines[2], `"since":"2000-01-01T00:00:00Z","until":"2000-01-01T00:01:`) || !strings.Contains(lines[2], fmt.Sprintf(`"errors":%d,"hash"`, l.Status().Errors)) {
			t.Error(lines[2])
		}
		if got := log.String(); strings.Count(got, "ledger_failing") != 1 || strings.Count(got, "ledger_recovered") != 1 {
			t.Error(got)
		}
	})
}

// A commit that fails leaves no trace, and one whose fate is not known says so.
func TestFailedCommit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fails   string // kinds of operations
		unknown bool
	}{
		{"the write fails", "write", false},
		{"the fsync fails", "sync-once", false},
		{"the fsync fails, and the truncation", "sync truncate", true},
		{"the write fails, and the fsync after the truncation", "write sync", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
				before, once := d.read(fileName), false
				d.fail(func(op operation) outcome {
					if tt.fails == "sync-once" && op.kind == "sync" && !once {
						once = true
						return outcome{err: errInjected, persist: -1}
					}
					if slices.Contains(strings.Fields(tt.fails), op.kind) {
						return outcome{err: errInjected, persist: -1}
					}
					return outcome{persist: -1}
				})
				_, c := order(keyset.New(keyset.Params{}), "A")
				err := l.Commit(context.Background(), c)
				if err == nil || !errors.Is(err, syscall.EIO) || errors.Is(err, ErrUnknown) != tt.unknown {
					t.Error(err)
				}
				if !tt.unknown && d.read(fileName) != before {
					t.Error("it left a trace")
				}
				d.fail(nil)
				time.Sleep(retryMost)
				if got := events(d.whole(t)); got != "file_opened guard_started gap" {
					t.Error(got)
				}
			})
		})
	}
}

// A disk that hangs holds up nobody but those who must wait for it, and what they
// gave up is not kept.
func TestHungDisk(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
			hang, hung := make(chan struct{}), false
			d.fail(func(op operation) outcome {
				if op.kind == kind && !hung {
					hung = true
					return outcome{hang: hang, persist: -1}
				}
				return outcome{persist: -1}
			})
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			set, first := order(keyset.New(keyset.Params{}), "A")
			_, second := order(keyset.New(keyset.Params{}), "B")
			second.Issuer = "https://other.example.com"
			durable := l.Record(first)
			err := l.Commit(ctx, second) // in the same batch, or behind it
			if err == nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			unknown := errors.Is(err, ErrUnknown)
			began := time.Now()
			set, third := order(set, "C")
			later := l.Record(third)
			l.Note("admin_refused", nil)
			if l.Status(); time.Since(began) > 0 {
				t.Error("somebody waited")
			}
			if err := durable(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not durable yet: the disk has not answered: ") {
				t.Error(err)
			}
			time.Sleep(10 * time.Second)
			close(hang)
			synctest.Wait()
			if err := later(context.Background()); err != nil {
				t.Error(err)
			}
			if got := strings.Join(d.whole(t), "\n"); strings.Contains(got, "other.example.com") || !strings.Contains(got, `"kid":"A"`) || !strings.Contains(got, `"kid":"C"`) {
				t.Errorf("unknown %v: %s", unknown, got)
			}
			after := newDisk()
			after.write(fileName, d.read(fileName))
			want(t, restored(t, after.open(t), set), set)
		})
	}
}

// A disk that hangs gives no error. It is told as one that does, once when it begins
// and once when it is over, and counted for as long as it lasts; the gap is the next
// line. Who comes meanwhile is not kept waiting.
func TestHungDiskIsTold(t *testing.T) {
	for _, tt := range []struct {
		name, kind string
		err        error // of the operation, once it comes back
		counted    int   // a minute without an answer, and what came back with an error
		gap        int   // errors of the gap: a rotation that fails is none
		rotate     bool
		want       string
	}{
		{name: "a write", kind: "write", counted: 12, gap: 12, want: "key_ordered key_state gap key_ordered key_state"},
		{name: "an fsync", kind: "sync", counted: 12, gap: 12, want: "key_ordered key_state gap key_ordered key_state"},
		{name: "an fsync that fails then", kind: "sync", err: errInjected, counted: 13, gap: 13, want: "gap key_ordered key_state key_ordered key_state key_record key_record"},
		{name: "a rotation", kind: "rename", rotate: true, counted: 12, gap: 12, want: "file_opened key_record gap key_ordered key_state"},
		{name: "a rotation that fails then", kind: "syncdir", rotate: true, err: errInjected, counted: 13, gap: 12, want: "key_ordered key_state gap key_ordered key_state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inLedger(t, func(t *testing.T, d *disk, l *Ledger, log *text) {
				ctx, hang, hung, began := context.Background(), make(chan struct{}), false, time.Now()
				d.fail(func(op operation) outcome {
					if op.kind == tt.kind && !hung {
						hung = true
						return outcome{hang: hang, persist: -1, err: tt.err}
					}
					return outcome{persist: -1}
				})
				told := func(failing, recovered, errors int) {
					t.Helper()
					got := log.String()
					if strings.Count(got, "msg=ledger_failing") != failing || strings.Count(got, "msg=ledger_recovered") != recovered || l.Status().Errors != uint64(errors) {
						t.Errorf("after %s: %d errors, expected %d\n%s", time.Since(began), l.Status().Errors, errors, got)
					}
				}
				if tt.rotate {
					l.cfg.RotateAt = 1
				}
				set, c := order(keyset.New(keyset.Params{}), "A")
				first := l.Record(c)
				time.Sleep(hungAfter - time.Second)
				told(0, 0, 0)
				time.Sleep(time.Second)
				synctest.Wait()
				told(1, 0, 1)
				if !strings.Contains(log.String(), `error="the disk has not answered for 5s"`) {
					t.Error(log)
				}
				time.Sleep(time.Minute - hungAfter)
				synctest.Wait()
				told(1, 0, 12)
				if s := l.Status(); s.Failing == nil || s.Failing.Error() != "the disk has not answered for 1m0s" || !s.FailingSince.Equal(began) {
					t.Errorf("%+v", s)
				}

				soon, cancel := context.WithTimeout(ctx, hungAfter)
				defer cancel()
				set, c = order(set, "B")
				second := l.Record(c)
				if err := second(soon); err == nil || err.Error() != "not durable yet: the disk has not answered for 1m0s" {
					t.Error(err)
				}
				_, never := order(set, "C")
				if err := l.Commit(soon, never); err == nil || errors.Is(err, ErrUnknown) || err.Error() != "not written: the disk has not answered for 1m0s" {
					t.Error(err)
				}
				if waited := time.Since(began); waited != time.Minute {
					t.Errorf("somebody waited until %s", waited)
				}

				l.cfg.RotateAt = rotateAt
				close(hang)
				time.Sleep(retryMost)
				for _, durable := range []func(context.Context) error{first, second} {
					if err := durable(ctx); err != nil {
						t.Error(err)
					}
				}
				told(1, 1, tt.counted)
				if s := l.Status(); s.Failing != nil || !s.FailingSince.IsZero() {
					t.Errorf("%+v", s)
				}
				lines := d.whole(t)
				if got := events(lines[len(lines)-len(strings.Fields(tt.want)):]); got != tt.want {
					t.Errorf("%s\nwant %s", events(lines), tt.want)
				}
				gap := lines[slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"event":"gap"`) })]
				if !strings.Contains(gap, `"since":"2000-01-01T00:00:00Z","until":"2000-01-01T00:01:0`) || !strings.Contains(gap, fmt.Sprintf(`"errors":%d,"hash"`, tt.gap)) {
					t.Error(gap)
				}
				time.Sleep(time.Minute) // nothing is watched any more
				told(1, 1, tt.counted)
			})
		})
	}
}

// Who waited for a write when the disk began to hang learns it when everybody does.
func TestWhoWaitsForAHungDiskIsTold(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		hang, began := make(chan struct{}), time.Now()
		d.fail(func(operation) outcome { return outcome{hang: hang, persist: -1} })
		_, c := order(keyset.New(keyset.Params{}), "A")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := l.Record(c)(ctx); err == nil || !strings.Contains(err.Error(), "not answered for 5s") || time.Since(began) != hungAfter {
			t.Error(err, time.Since(began))
		}
		close(hang)
		synctest.Wait()
		if lines := events(d.whole(t)); lines != "file_opened guard_started key_ordered key_state" {
			t.Error(lines)
		}
		if err := l.Release(context.Background()); err != nil { // the gap is not forgotten
			t.Error(err)
		}
		if lines := events(d.whole(t)); lines != "file_opened guard_started key_ordered key_state gap guard_stopped" {
			t.Error(lines)
		}
	})
}

// A disk that answers each write, and each too late, is told each time, and does not
// write about itself for ever. The gap ends with the answer, however late its line is.
func TestSlowDiskIsToldEachTime(t *testing.T) {
	const answers = hungAfter + time.Second
	for kind, writes := range map[string]int{"sync": 3, "rename": 1} { // a rotation has two renamings
		inLedger(t, func(t *testing.T, d *disk, l *Ledger, log *text) {
			began, slow := time.Now().UTC(), true
			d.fail(func(op operation) outcome {
				if op.kind != kind || !slow {
					return outcome{persist: -1}
				}
				slow = kind == "sync"
				hang := make(chan struct{})
				time.AfterFunc(answers, func() { close(hang) })
				return outcome{hang: hang, persist: -1}
			})
			if kind == "rename" {
				l.cfg.RotateAt = 1
			}
			set := keyset.New(keyset.Params{})
			for n := range writes {
				next, c := order(set, fmt.Sprint("kid ", n))
				set = next
				l.Record(c)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := log.String(); strings.Count(got, "msg=ledger_failing") != n+1 || strings.Count(got, "msg=ledger_recovered") != n+1 || l.Status().Errors != uint64(n+1) {
					t.Errorf("%s %d: %+v\n%s", kind, n, l.Status(), got)
				}
			}
			d.fail(nil)
			_, c := order(set, "last")
			if err := l.Record(c)(context.Background()); err != nil {
				t.Error(err)
			}
			gaps := 0
			for _, line := range d.whole(t) {
				if !strings.Contains(line, `"event":"gap"`) {
					continue
				}
				at := began.Add(time.Duration(gaps) * time.Minute)
				want := fmt.Sprintf(`"since":%q,"until":%q,"errors":1,"hash"`, at.Format(time.RFC3339), at.Add(answers).Format(time.RFC3339))
				if gaps++; !strings.Contains(line, want) {
					t.Errorf("%s\nwant %s", line, want)
				}
			}
			if gaps != writes {
				t.Errorf("%s: %d gaps", kind, gaps)
			}
		})
	}
}

// A commit that was under way when its caller gave up is taken out again, also when
// the disk has not answered for so long that it counts as failing.
func TestAbandonedCommitOfAHungDiskIsNotKept(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, log *text) {
		hang, hung := make(chan struct{}), false
		d.fail(func(op operation) outcome {
			if op.kind == "sync" && !hung {
				hung = true
				return outcome{hang: hang, persist: -1}
			}
			return outcome{persist: -1}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, c := order(keyset.New(keyset.Params{}), "A")
		if err := l.Commit(ctx, c); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		time.Sleep(hungAfter)
		close(hang)
		synctest.Wait()
		if got := events(d.whole(t)); got != "file_opened guard_started gap" || l.Status().Failing != nil {
			t.Error(got, l.Status())
		}
		if got := log.String(); strings.Count(got, "msg=ledger_failing") != 1 || strings.Count(got, "msg=ledger_recovered") != 1 {
			t.Error(got)
		}
	})
}

// A commit that was under way when its caller gave up is taken out again.
func TestAbandonedCommitIsNotKept(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		hang := make(chan struct{})
		d.fail(func(op operation) outcome {
			if op.kind == "sync" && hang != nil {
				h := hang
				hang = nil
				return outcome{hang: h, persist: -1}
			}
			return outcome{persist: -1}
		})
		h := hang
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, c := order(keyset.New(keyset.Params{}), "A")
		if err := l.Commit(ctx, c); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		if !strings.Contains(d.read(fileName), `"kid":"A"`) {
			t.Fatal("it was not under way")
		}
		close(h)
		synctest.Wait()
		if got := events(d.whole(t)); got != "file_opened guard_started" || l.Status().Errors != 0 {
			t.Error(got, l.Status())
		}
	})
}

// However long the disk fails, what waits is bounded; orders and records are not
// what is left out.
func TestQueueIsBounded(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		d.full(0)
		set, c := order(keyset.New(keyset.Params{}), "first")
		l.Record(c)
		time.Sleep(100 * time.Millisecond)
		step := keyset.Event{Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, At: clockFrom(l.Last())()}
		for range maxEvents + 500 {
			l.Record(keyset.Change{Events: []keyset.Event{step}})
		}
		for range maxNotes + 500 {
			l.Note("admin_refused", nil)
		}
		set, c = order(set, "last")
		l.Record(c)
		for range 500 {
			l.Record(change(set, nil))
		}
		if n := l.Status().Queued; n > maxEvents+1 {
			t.Errorf("%d wait", n)
		}
		d.full(-1)
		time.Sleep(retryMost)
		lines := d.whole(t)
		words := strings.Fields(events(lines))
		count := map[string]int{}
		for _, w := range words {
			count[w]++
		}
		// Two orders with a key_state each: the second pair came when it was full.
		if count["key_ordered"] != 2 || count["key_record"] != 2 || len(words) != maxEvents+3+2 {
			t.Errorf("%d lines: %v", len(words), count)
		}
		left := 500 + maxNotes + 500 + 2 + 2
		if !strings.Contains(lines[2], fmt.Sprintf(`"events_left_out":%d,`, left)) {
			t.Errorf("%s, want %d", lines[2], left)
		}
		after := newDisk()
		after.write(fileName, d.read(fileName))
		want(t, restored(t, after.open(t), set), set)
	})
}

// A thousand owners share one write and one fsync.
func TestGroupCommit(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		ops, hang := 0, make(chan struct{})
		d.fail(func(op operation) outcome {
			ops++
			if ops == 1 {
				return outcome{hang: hang, persist: -1}
			}
			return outcome{persist: -1}
		})
		var owners sync.WaitGroup
		for n := range 1000 {
			owners.Go(func() {
				_, c := order(keyset.New(keyset.Params{}), "A")
				c.Issuer = fmt.Sprint("https://", n)
				if err := l.Commit(context.Background(), c); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hang)
		owners.Wait()
		if ops > 6 {
			t.Errorf("%d operations", ops)
		}
		if got := strings.Count(events(d.whole(t)), "key_ordered"); got != 1000 {
			t.Errorf("%d orders", got)
		}
	})
}

// Whoever releases a ledger whose disk fails is told; so is whoever waits.
func TestReleaseOfAFailingLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := d.open(t)
		stop := run(t, l)
		synctest.Wait()
		d.full(0)
		_, c := order(keyset.New(keyset.Params{}), "A")
		durable := l.Record(c)
		ctx := context.Background()
		for range 2 {
			if err := l.Release(ctx); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "not all was written") {
				t.Error(err)
			}
		}
		for _, err := range []error{durable(ctx), l.Commit(ctx, c), l.Record(c)(ctx)} {
			if !errors.Is(err, ErrReleased) {
				t.Error(err)
			}
		}
		l.Note("too_late", nil)
		stop()
		d.full(-1)
		if err := d.open(t).Release(ctx); err != nil { // the lock was given back; without Run
			t.Error(err)
		}
		if got := events(d.whole(t)); got != "file_opened guard_started guard_started guard_stopped" {
			t.Error(got)
		}
	})
}

// A disk that never answers again holds up the end for a few seconds only.
func TestEndWithAHungDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, hang := newDisk(), make(chan struct{})
		l := d.open(t)
		stop := run(t, l)
		synctest.Wait()
		d.fail(func(operation) outcome { return outcome{hang: hang, persist: -1} })
		_, c := order(keyset.New(keyset.Params{}), "A")
		l.Record(c)
		began := time.Now()
		if err := stop(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not answer") || time.Since(began) != flushWithin {
			t.Error(err, time.Since(began))
		}
		if _, err := Open(context.Background(), d.config()); err == nil {
			t.Error("the lock was given back amid a write")
		}
		close(hang)
	})
}

// What was used before a key's end is on record with the end, however the guard
// ends.
func TestUseBeforeAnOrderOutlastsACrash(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		at := clockFrom(time.Time{})()
		set, events := keyset.New(keyset.Params{}).Observe(document("A=m1", "B=m2"), at, at)
		l.Record(change(set, events))
		ref, _ := set.Lookup("A")
		ref.Allow(at.Life, at.Life.Add(time.Hour), at.Life)
		_, c := order(set, "A")
		if err := l.Record(c)(context.Background()); err != nil {
			t.Fatal(err)
		}
		if file := d.read(fileName); !strings.Contains(file, `"event":"usage"`) || !strings.Contains(file, `"last_used":"`+at.Life.Format(time.RFC3339Nano)) {
			t.Error("not in the file:", file)
		}
	})
}

// A file that was moved away takes lines all the same, and no start will find them.
func TestFileThatIsNotInItsPlaceKeepsNothing(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, _ *text) {
		p := d.process()
		if err := p.Rename(dir+"/"+fileName, dir+"/elsewhere"); err != nil {
			t.Fatal(err)
		}
		set, c := order(keyset.New(keyset.Params{}), "A")
		if err := l.Record(c)(context.Background()); err == nil {
			t.Error("durable, and nobody finds it")
		}
		if err := p.Rename(dir+"/elsewhere", dir+"/"+fileName); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryMost)
		_, c = order(set, "B")
		if err := l.Record(c)(context.Background()); err != nil {
			t.Error("back in its place:", err)
		}
	})
}
