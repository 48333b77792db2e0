package jwkscache

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// rediscoverAfter is how long a found address is used without asking again. An
// issuer that moves its JWKS keeps the old address for far longer, and the
// address is looked up at once when it fails.
const rediscoverAfter = time.Hour

// discovery finds an issuer's JWKS by OpenID Connect Discovery 1.0.
type discovery struct {
	issuer   string   // compared byte for byte
	metadata *url.URL // of the issuer's metadata document
	insecure bool     // plain http is permitted everywhere

	found *url.URL // nil if it is to be looked up
	since time.Time
}

func newDiscovery(issuer string, insecure bool) (*discovery, error) {
	u, err := parseAddress(issuer, insecure)
	if err != nil {
		return nil, err
	}
	// Section 2: no query or fragment components.
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#") {
		return nil, errors.New("must not hold a query or a fragment (OpenID Connect Discovery 1.0, section 2)")
	}
	// Section 4: a terminating slash is removed before the well-known path is appended.
	metadata, err := url.Parse(strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return nil, errors.New("is not a URL; write https://host/path")
	}
	return &discovery{issuer: issuer, metadata: metadata, insecure: insecure}, nil
}

// find gives the address of the JWKS. A look-up that fails is an error even if
// an older address is known: what it led to may no longer be the issuer's.
func (d *discovery) find(ctx context.Context, c *httpClient) (*url.URL, error) {
	start := time.Now()
	if d.found != nil && start.Sub(d.since) < rediscoverAfter {
		return d.found, nil
	}
	d.found = nil
	place := placeOf(d.metadata)
	r, err := c.get(ctx, d.metadata, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	// Refuses duplicate names, invalid UTF-8 and trailing data.
	if err := json.Unmarshal(r.body, &document); err != nil {
		a := answer{Body: r.body, from: place, contentType: contentTypeOf(r.header)}
		return nil, a.isNot("the metadata of an OpenID provider", err)
	}
	if document.Issuer != d.issuer { // section 4.3
		return nil, failedFetch(ResultMalformed, place, nil, "it is the metadata of issuer %+q, not of %+q; they must be equal, a slash at the end included",
			printable(document.Issuer, maxPlace), d.issuer)
	}
	u, err := parseAddress(document.JWKSURI, d.insecure)
	if err == nil && u.Scheme != "https" && d.metadata.Scheme == "https" && !d.insecure {
		err = errors.New("must be https, as the issuer is")
	}
	if err != nil {
		return nil, failedFetch(ResultMalformed, place, err, "its jwks_uri %v", err)
	}
	d.found, d.since = u, start
	return u, nil
}
