package jwkscache

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
)

// parseAddress reads the URL of a JWKS or of an issuer, from the configuration
// or from discovery. Its errors do not repeat the URL: it may hold a password.
func parseAddress(raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return nil, errors.New("is not a URL; write https://host/path")
	}
	if u.User != nil {
		return nil, errors.New("must not hold a user name or password; a key set is public")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !allowHTTP && !isLoopbackHost(u.Hostname()) {
			return nil, errors.New("must be https: over plain http anybody on the way chooses the keys (jwks.allow_insecure_http: true permits it)")
		}
	default:
		return nil, errors.New("must be an https URL")
	}
	if u.Hostname() == "" {
		return nil, errors.New("has no host; write https://host/path")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, errors.New("has a port outside 1 to 65535")
		}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := checkAddr(a); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// placeOf names u in a text: without its query, which may hold a signature or
// a key.
func placeOf(u *url.URL) string {
	s := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		s += "?..."
	}
	return printable(s, maxPlace)
}
