package jwkscache

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// httpSource fetches a JWKS over HTTP, from a fixed address or from the one that
// discovery names.
type httpSource struct {
	client    httpClient
	uri       *url.URL   // nil with discovery
	discovery *discovery // nil with a fixed address

	base    *httpCopy // the last accepted document
	offered *httpCopy // the last answer, until it is accepted
}

// httpCopy is a document with what is needed to ask whether it still holds.
type httpCopy struct {
	uri       string
	body      []byte
	etag      string // RFC 9110, section 8.8.3; empty if there was none
	modified  string // Last-Modified as it came; empty if it cannot be relied on
	maxAge    time.Duration
	hasMaxAge bool
}

func newHTTPSource(s Source) (*httpSource, error) {
	h := &httpSource{client: httpClient{
		timeout:   s.Timeout,
		caFile:    s.CAFile,
		dial:      guardedDial(nil),
		transport: s.Transport,
	}}
	if h.client.timeout == 0 {
		h.client.timeout = defaultTimeout
	}
	if _, err := readRoots(s.CAFile); err != nil {
		return nil, fmt.Errorf("jwks.ca_file: %w", err)
	}
	var err error
	if s.Discovery != "" {
		if h.discovery, err = newDiscovery(s.Discovery, s.AllowInsecureHTTP); err != nil {
			return nil, fmt.Errorf("jwks.discovery: issuer %w", err)
		}
		return h, nil
	}
	if h.uri, err = parseAddress(s.URI, s.AllowInsecureHTTP); err != nil {
		return nil, fmt.Errorf("jwks.uri: %w", err)
	}
	return h, nil
}

func (h *httpSource) fetch(ctx context.Context, fresh bool) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, h.client.timeout)
	defer cancel()
	if h.offered != nil { // not accepted: there is no key set at that address
		h.offered = nil
		h.relocate()
	}
	u := h.uri
	if h.discovery != nil {
		var err error
		if u, err = h.discovery.find(ctx, &h.client); err != nil {
			return answer{}, err
		}
	}
	a, err := h.ask(ctx, u, fresh)
	if err != nil {
		h.relocate()
		return answer{}, err
	}
	return a, nil
}

func (h *httpSource) accepted() {
	if h.offered != nil {
		h.base, h.offered = h.offered, nil
	}
}

// relocate makes the next fetch ask discovery again, for the JWKS may have moved.
func (h *httpSource) relocate() {
	if h.discovery != nil {
		h.discovery.found = nil
	}
}

// ask fetches the document at u, only if it changed where that can be told.
func (h *httpSource) ask(ctx context.Context, u *url.URL, fresh bool) (answer, error) {
	header := http.Header{"Accept": {"application/jwk-set+json, application/json"}}
	base := h.base
	switch {
	case fresh:
		// RFC 9111, sections 5.2.1.4 and 5.4. No validators: a cache that
		// compares them with its own old copy would answer 304.
		header.Set("Cache-Control", "no-cache")
		header.Set("Pragma", "no-cache")
	case base != nil && base.uri == u.String():
		base.validate(header)
	}
	r, err := h.client.get(ctx, u, header)
	if err != nil {
		return answer{}, err
	}
	now := time.Now()
	a := answer{
		Body:        r.body,
		Age:         ageOf(r.header),
		from:        placeOf(u),
		contentType: contentTypeOf(r.header),
	}
	a.MaxAge, a.HasMaxAge = freshnessOf(r.header, now)
	if r.status == http.StatusNotModified {
		a.Body, a.NotModified = base.body, true
		if !a.HasMaxAge { // RFC 9111, section 3.2: what a 304 does not say stays as it was
			a.MaxAge, a.HasMaxAge = base.maxAge, base.hasMaxAge
		}
		return a, nil
	}
	h.offered = &httpCopy{
		uri:       u.String(),
		body:      r.body,
		etag:      etagOf(r.header),
		modified:  lastModifiedOf(r.header),
		maxAge:    a.MaxAge,
		hasMaxAge: a.HasMaxAge,
	}
	return a, nil
}

// validate asks for the document only if it is another one than c.
func (c *httpCopy) validate(header http.Header) {
	if c.etag != "" {
		header.Set("If-None-Match", c.etag)
	}
	if c.modified != "" {
		header.Set("If-Modified-Since", c.modified)
	}
}

// etagOf is the entity tag if it has the form that may be sent back (RFC 9110,
// section 8.8.3).
func etagOf(h http.Header) string {
	etag := h.Get("ETag")
	opaque := etag
	if len(opaque) > 2 && opaque[:2] == "W/" {
		opaque = opaque[2:]
	}
	if len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
		return ""
	}
	for _, c := range []byte(opaque[1 : len(opaque)-1]) {
		if c <= 0x20 || c == '"' || c >= 0x7f {
			return ""
		}
	}
	return etag
}

// settled is how old a document must have been for its Last-Modified to tell it
// from the next one: the header counts whole seconds, so that two versions in one
// second look alike, and a withdrawn key would stay for as long as the server
// answers 304 (RFC 9110, section 8.8.2.2). A minute also covers clocks that
// differ between the servers of one issuer.
const settled = time.Minute

// lastModifiedOf is Last-Modified if it can tell versions apart.
func lastModifiedOf(h http.Header) string {
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || date.Sub(modified) < settled {
		return ""
	}
	return h.Get("Last-Modified")
}
