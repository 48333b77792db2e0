package admin

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// told is one event that a reader got.
type told struct{ name, id, data string }

// reader reads the events of an API, as long as it likes.
type reader struct {
	t      *testing.T
	status chan int // of the answer
	lines  *bufio.Scanner
	leave  func()
	ended  chan struct{} // when the answer is over
}

// pipeWriter is an answer that waits for its reader.
type pipeWriter struct {
	header http.Header
	status chan int
	*io.PipeWriter
}

func (w *pipeWriter) Header() http.Header    { return w.header }
func (w *pipeWriter) WriteHeader(status int) { w.status <- status }
func (w *pipeWriter) Flush()                 {}

// listen reads the events. after is the id of the last one that was read before.
func (w *world) listen(t *testing.T, after string) *reader {
	t.Helper()
	out, in := io.Pipe()
	r := &reader{t: t, status: make(chan int, 1), lines: bufio.NewScanner(out), ended: make(chan struct{})}
	r.lines.Buffer(nil, 1<<24)
	q := request("GET", "/api/v1/events", "")
	ctx, cancel := context.WithCancel(q.Context())
	r.leave = func() { cancel(); out.Close(); <-r.ended }
	q = q.WithContext(ctx)
	if after != "" {
		q.Header.Set("Last-Event-ID", after)
	}
	go func() {
		defer close(r.ended)
		w.api.ServeHTTP(&pipeWriter{http.Header{}, r.status, in}, q)
		in.Close()
	}()
	return r
}

// next is the next event; ok is false at the end.
func (r *reader) next() (e told, ok bool) {
	r.t.Helper()
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "":
			return e, true
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		default:
			r.t.Fatalf("no line of an event: %q", r.lines.Text())
		}
	}
	return e, false
}

// want reads the next event, which has this name, into v.
func (r *reader) want(name string, v any) told {
	r.t.Helper()
	e, ok := r.next()
	if !ok || e.name != name {
		r.t.Fatalf("want %s, got %+v", name, e)
	}
	decode(r.t, e.data, v)
	return e
}

// state reads what every reader is told first.
func (r *reader) state() (rows usage, refused map[string]uint64) {
	r.t.Helper()
	var fresh issuers
	r.want("issuers", &fresh)
	r.want("usage", &rows)
	r.want("refusals", &refused)
	return rows, refused
}

// run runs the feed until the test ends.
func (w *world) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.api.cfg.Feed.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// change puts a key set in place of corp's.
func (w *world) change(f func(*IssuerKeys)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.sets[0])
}
