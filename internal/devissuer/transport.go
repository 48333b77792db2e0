package devissuer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"syscall"
)

// Transport answers requests from a handler in this process, without sockets:
// a testing/synctest bubble can wait for it and fake its time. A handler that
// aborts looks like a reset connection, and a cancelled request cancels the
// handler's.
type Transport struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper. The handler's goroutine ends when
// the body is read to its end or closed, or the request is cancelled.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	a := &answer{header: http.Header{}, body: writer, started: make(chan struct{})}
	// A handler that is blocked in a write is freed, as is a blocked reader.
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	go func() {
		err := t.run(a, r.Clone(ctx))
		if gone := context.Cause(ctx); gone != nil {
			err = gone
		}
		a.start(http.StatusOK)
		writer.CloseWithError(err)
		cancel()
	}()
	select {
	case <-a.started:
	case <-ctx.Done():
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		<-a.started // the handler has ended
	}
	if a.aborted {
		return nil, errReset
	}
	return a.response(r, body{reader, cancel}), nil
}

// body is the client's side of an answer's body: closing it tells the handler
// that the client has gone.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

var errReset = fmt.Errorf("read: %w", syscall.ECONNRESET)

// run calls the handler. An abort before the first byte marks the answer,
// one after it cuts the body.
func (t Transport) run(a *answer, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = io.ErrUnexpectedEOF
			a.abort()
		default:
			panic(p)
		}
	}()
	t.Handler.ServeHTTP(a, r)
	return nil
}

// An answer is the handler's side of one response.
type answer struct {
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	started chan struct{} // closed when status, sent and aborted are final
	status  int
	sent    http.Header
	aborted bool
}

// Header, WriteHeader and Write implement http.ResponseWriter, Flush
// http.Flusher.
func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.start(status) }
func (a *answer) Flush()                 { a.start(http.StatusOK) }

func (a *answer) Write(b []byte) (int, error) {
	a.start(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) start(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.started)
	})
}

func (a *answer) abort() {
	a.once.Do(func() {
		a.aborted = true
		close(a.started)
	})
}

func (a *answer) response(r *http.Request, body io.ReadCloser) *http.Response {
	length := int64(-1)
	if n, err := strconv.ParseInt(a.sent.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status:     strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        a.sent,
		Body:          body,
		ContentLength: length,
		Request:       r,
	}
}
