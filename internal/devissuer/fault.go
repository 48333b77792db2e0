package devissuer

import (
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// A Fault is one way to answer a request wrongly, or at least unusually. Its
// zero value changes nothing.
type Fault struct {
	// Delay passes before anything is answered.
	Delay time.Duration
	// Reset drops the connection in place of an answer.
	Reset bool
	// Status replaces 200; with another status and no Body, the body is empty.
	Status int
	// Header is added to the answer, replacing members of the same name.
	Header http.Header
	// Body replaces the document.
	Body []byte
	// Truncate drops the connection after half of the body, whose full length
	// was promised.
	Truncate bool
	// Drip follows the body with white space, a byte at each such interval,
	// until the client gives up.
	Drip time.Duration
	// Flood follows the body with white space of this many bytes.
	Flood int
}

// StatusFault answers with a status and no body; header holds names and values
// in turn ("Retry-After", "120").
func StatusFault(status int, header ...string) Fault {
	return Fault{Status: status, Header: pairs(header)}
}

// HeaderFault answers the document with additional headers, such as Age and
// Cache-Control, given as names and values in turn.
func HeaderFault(header ...string) Fault {
	return Fault{Header: pairs(header)}
}

// BodyFault answers 200 with these bytes.
func BodyFault(body string) Fault {
	return Fault{Body: []byte(body)}
}

// HTMLFault answers 200 with a page, as a captive portal or a login wall does.
func HTMLFault() Fault {
	return Fault{
		Header: pairs([]string{"Content-Type", "text/html"}),
		Body:   []byte("<!doctype html><title>Sign in</title><p>Please sign in.</p>"),
	}
}

// RedirectFault answers 302 with a location.
func RedirectFault(location string) Fault {
	return StatusFault(http.StatusFound, "Location", location)
}

func pairs(kv []string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(kv); i += 2 {
		h.Add(kv[i], kv[i+1])
	}
	return h
}

// answer writes the document as the fault wants it.
func (f Fault) answer(w http.ResponseWriter, r *http.Request, document []byte) {
	gone := f.Delay > 0 && !wait(r, f.Delay)
	if gone || f.Reset {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), f.Header)
	body := f.Body
	if body == nil && (f.Status == 0 || f.Status == http.StatusOK) {
		body = document
	}
	if f.Drip == 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+f.Flood))
	}
	if f.Status != 0 {
		w.WriteHeader(f.Status)
	}
	if f.Truncate {
		w.Write(body[:len(body)/2])
		flush(w)
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
	f.flood(w)
	f.drip(w, r)
}

// flood writes the white space of Flood in pieces, until the client closes.
func (f Fault) flood(w io.Writer) {
	piece := spaces(32 << 10)
	for left := f.Flood; left > 0; left -= len(piece) {
		piece = piece[:min(left, len(piece))]
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

func (f Fault) drip(w http.ResponseWriter, r *http.Request) {
	if f.Drip == 0 {
		return
	}
	for flush(w); wait(r, f.Drip); flush(w) {
		if _, err := w.Write(spaces(1)); err != nil {
			break
		}
	}
	panic(http.ErrAbortHandler) // an endless body has no end
}

// wait lets time pass; false means that the client or the server gave up.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func spaces(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' '
	}
	return b
}
