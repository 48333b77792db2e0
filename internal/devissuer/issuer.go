package devissuer

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// The paths that an issuer answers, below the path of its URL.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	JWKSPath      = "/jwks.json"
)

// An Issuer answers discovery and JWKS requests as the script says. It is an
// http.Handler, served by a Server or in-process by Transport. All its methods
// may be called at any time and from any goroutine; what they change holds for
// the requests that come after.
type Issuer struct {
	// URL is the issuer's identifier, the iss of its tokens.
	URL string

	base string // the path of URL

	mu        sync.Mutex
	keys      []JWK
	literal   map[string][]byte // path → document in place of the made one
	faults    map[string]*script
	header    http.Header
	requests  []Request
	etagsAway bool
}

// New makes an issuer without keys for an https URL without a trailing slash.
// It panics on a text that is no URL.
func New(issuerURL string) *Issuer {
	u := must(url.Parse(issuerURL))
	return &Issuer{
		URL:     issuerURL,
		base:    u.Path,
		literal: map[string][]byte{},
		faults:  map[string]*script{},
		header:  http.Header{},
	}
}

// JWKSURI is the absolute address of the issuer's keys.
func (i *Issuer) JWKSURI() string { return i.URL + JWKSPath }

// Publish adds keys to the document, behind those that are there. A kid that
// is already there stands in it twice.
func (i *Issuer) Publish(keys ...*Key) {
	for _, k := range keys {
		i.PublishJWK(k.JWK())
	}
}

// PublishJWK adds keys as they are, however odd.
func (i *Issuer) PublishJWK(keys ...JWK) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range keys {
		i.keys = append(i.keys, maps.Clone(k))
	}
}

// Withdraw removes the keys with these kids from the document.
func (i *Issuer) Withdraw(kids ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = slices.DeleteFunc(i.keys, func(k JWK) bool {
		kid, _ := k["kid"].(string)
		return slices.Contains(kids, kid)
	})
}

// Replace makes these the only keys of the document, at once.
func (i *Issuer) Replace(keys ...*Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = nil
	for _, k := range keys {
		i.keys = append(i.keys, k.JWK())
	}
}

// SetDocument serves these bytes at a path (JWKSPath or DiscoveryPath) in
// place of what the issuer would say; nil ends that.
func (i *Issuer) SetDocument(path string, body []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if body == nil {
		delete(i.literal, path)
		return
	}
	i.literal[path] = slices.Clone(body)
}

// SetHeader adds a header to every good answer, such as Cache-Control or Age;
// an empty value ends that.
func (i *Issuer) SetHeader(name, value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if value == "" {
		i.header.Del(name)
		return
	}
	i.header.Set(name, value)
}

// SetETags says whether answers carry an ETag and If-None-Match is honoured;
// they do from the start.
func (i *Issuer) SetETags(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.etagsAway = !on
}
