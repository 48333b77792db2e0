package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// foreign refuses what a page of another site has a browser ask for. Such a page
// can name this listener by a host name of its own that leads here (DNS
// rebinding), so that the browser takes it for the same site: hence the Host
// header must be one that no DNS has a say in, or the configured one.
func (a *API) foreign(r *http.Request) *problem {
	_, socket := socketUser(r)
	// A browser may come over the socket, too, by a port that is forwarded there:
	// then it sends Origin with changes, which take no token there.
	if (!socket || r.Header.Get("Origin") != "") && !a.ownHost(r.Host) {
		return foreignHost()
	}
	// Fetch, section 3.2: browsers send Origin with whatever can change something.
	for _, origin := range r.Header.Values("Origin") {
		if !strings.EqualFold(origin, "http://"+r.Host) {
			return &problem{Status: http.StatusForbidden, Title: "Foreign origin", reason: ForeignOrigin,
				Detail: "the Origin header names another site than this one"}
		}
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" { // none: typed by a person
			return &problem{Status: http.StatusForbidden, Title: "Foreign origin", reason: ForeignOrigin,
				Detail: "a page of another site asks (Sec-Fetch-Site)"}
		}
	}
	return nil
}

func foreignHost() *problem {
	return &problem{Status: http.StatusForbidden, Title: "Foreign host", reason: ForeignHost,
		Detail: "the Host header must be an IP address, localhost, or the host name in listen.admin: ask by one of these"}
}

// ownHost tells whether a Host header, with a port or without, is ours.
func (a *API) ownHost(header string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") || a.cfg.Host != "" && strings.EqualFold(host, a.cfg.Host)
}
