package admin

import (
	"net/http"
	"time"
)

const (
	// maxStreams bounds the readers of events: each takes a connection, and what
	// waits for it takes memory. A page is one, and people are few.
	maxStreams = 16
	// readWithin is how long a reader may take for what is written at once, in place
	// of the server's limit for a whole answer. Of events, something is written each
	// second, so that who is gone is found out.
	readWithin = 10 * time.Second
)

// events serves what happens, as server-sent events, until the reader leaves,
// falls behind, or the guard stops.
func (a *API) events(w http.ResponseWriter, r *http.Request) *problem {
	leave, ok := enter(a.streams)
	if !ok {
		p := busy()
		p.Detail = "so many read events already; try again later"
		return p
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	s := a.cfg.Feed.join(r.Context(), r.Header.Get("Last-Event-ID"))
	for {
		select {
		case <-r.Context().Done():
			return nil
		case c, more := <-s.chunks:
			if !more {
				return nil
			}
			if !c.write(w) {
				return nil
			}
		}
	}
}

// write puts a chunk on its way. It is false when the reader is gone, or takes too
// long.
func (c chunk) write(w http.ResponseWriter) bool {
	put := func(text []byte) bool {
		inTime(w)
		_, err := w.Write(text)
		return err == nil && http.NewResponseController(w).Flush() == nil
	}
	if c.state != nil {
		for text := range c.state.whole {
			if !put(text) {
				return false
			}
		}
	}
	return len(c.text) == 0 || put(c.text)
}

// inTime gives a reader its time for what is written next.
func inTime(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(readWithin))
}
