package devissuer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, i.base)
	if !ok {
		http.NotFound(w, r)
		return
	}
	document, fault, header, etag := i.take(path, r)
	if document == nil && fault == nil {
		http.NotFound(w, r)
		return
	}
	if fault != nil {
		w.Header().Set("Content-Type", "application/json")
		fault.answer(w, r, document)
		return
	}
	maps.Copy(w.Header(), header)
	w.Header().Set("Content-Type", "application/json")
	if etag != "" {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Write(document)
}

// take notes a request and decides, in one moment, how it is answered.
func (i *Issuer) take(path string, r *http.Request) (document []byte, fault *Fault, header http.Header, etag string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests = append(i.requests, Request{At: time.Now(), Path: path, Header: r.Header.Clone()})
	document = i.document(path)
	if s := i.faults[path]; s != nil {
		if len(s.next) > 0 {
			fault = &s.next[0]
			s.next = s.next[1:]
			return document, fault, nil, ""
		}
		if s.always != nil {
			return document, s.always, nil, ""
		}
	}
	if !i.etagsAway {
		sum := sha256.Sum256(document)
		etag = `"` + hex.EncodeToString(sum[:8]) + `"`
	}
	return document, nil, i.header.Clone(), etag
}

// document is the body at a path, nil where there is none.
func (i *Issuer) document(path string) []byte {
	if body, ok := i.literal[path]; ok {
		return body
	}
	switch path {
	case JWKSPath:
		return Document(i.keys...)
	case DiscoveryPath:
		// The members that OpenID Connect Discovery 1.0, section 3, requires.
		return must(json.Marshal(map[string]any{
			"issuer":                                i.URL,
			"authorization_endpoint":                i.URL + "/authorize",
			"token_endpoint":                        i.URL + "/token",
			"jwks_uri":                              i.JWKSURI(),
			"response_types_supported":              []string{"code"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA"},
		}))
	}
	return nil
}
