package model

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// origin is the JWKS endpoint of one issuer, with the caches in front of it, as
// the transport of the guard. What it answers is what the model is told: which
// document came, of which age, when it was asked for and when it was there.
type origin struct {
	mu       sync.Mutex
	versions [][]listing // the newest is the last
	edges    []edge      // of the next answers
	fault    int         // -1: none
	slow     time.Duration
	asked    []time.Time // every request
	log      *journal    // where answers are noted
	iss      int
	ignorant bool // a mutant: the guard is not told how old an answer is
	doubled  bool // a mutant: every fetch is two
}

// edge is a cache with an old copy.
type edge struct {
	back int // versions
	age  time.Duration
}

func newOrigin(iss int, log *journal) *origin {
	return &origin{versions: [][]listing{{}}, fault: -1, log: log, iss: iss}
}

// change publishes another document.
func (o *origin) change(f func([]listing) []listing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := append([]listing(nil), o.versions[len(o.versions)-1]...)
	o.versions = append(o.versions, f(now))
}

// set changes how it answers.
func (o *origin) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

// count is how often it was asked.
func (o *origin) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

// plan decides about one answer.
func (o *origin) plan() (doc []listing, age time.Duration, fault int, slow time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, time.Now())
	if o.doubled {
		o.asked = append(o.asked, time.Now())
	}
	at := len(o.versions) - 1
	if len(o.edges) > 0 && o.fault < 0 {
		at, age = max(0, at-o.edges[0].back), o.edges[0].age
		o.edges = o.edges[1:]
	}
	slow, o.slow = o.slow, 0
	return o.versions[at], age, o.fault, slow
}

var errReset = errors.New("connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	start, wall := time.Now(), o.log.wall.now()
	doc, age, fault, slow := o.plan()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if fault == faultHang {
		<-r.Context().Done()
	}
	if errors.Is(r.Context().Err(), context.Canceled) { // the guard stopped
		return nil, r.Context().Err()
	}
	answer := landing{iss: o.iss, start: start, startWall: wall, age: age, doc: doc, failed: fault >= 0}
	body := document(doc)
	etag := strconv.Quote(thumbprint("%s", body))
	response := &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}, "Etag": {etag}}, Request: r, ContentLength: -1,
	}
	if age > 0 && !o.ignorant {
		response.Header.Set("Age", strconv.Itoa(int(age/time.Second)))
	}
	o.log.land(answer)
	switch fault {
	case faultStatus:
		response.StatusCode, body = http.StatusBadGateway, nil
	case faultReset:
		return nil, errReset
	case faultHang:
		return nil, r.Context().Err()
	case faultGarbage:
		body = []byte("<html>please log in</html>")
	case faultTruncated:
		body = body[:len(body)-1]
	default:
		if r.Header.Get("If-None-Match") == etag {
			response.StatusCode, body = http.StatusNotModified, nil
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
