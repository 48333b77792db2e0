package config

import (
	"fmt"
	"slices"
	"strings"
)

// tokenChars are the characters of a token (RFC 9110, section 5.6.2).
const tokenChars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// connectionHeaders belong to one connection or to the framing of a message
// (RFC 9110, section 7.6.1, RFC 9112, section 6, and RFC 7540, section 3.2.1), as
// does all that begins with proxy-. A request is broken by setting or removing them.
var connectionHeaders = []string{
	"connection", "content-length", "expect", "http2-settings", "keep-alive",
	"te", "trailer", "transfer-encoding", "upgrade",
}

// connectionHeader tells whether a name is one of them, in whatever case.
func connectionHeader(s string) bool {
	lower := strings.ToLower(s)
	return strings.HasPrefix(lower, "proxy-") || slices.Contains(connectionHeaders, lower)
}

// headerName checks the name of a request header.
func headerName(s string) string {
	switch {
	case strings.HasPrefix(s, ":"):
		return quote(s) + " is a pseudo-header: choose a name such as x-jwt-sub"
	case strings.Trim(s, tokenChars) != "":
		return quote(s) + " is no header name: write letters, digits and -, such as x-jwt-sub"
	case strings.HasPrefix(strings.ToLower(s), "x-envoy"): // with or without a dash, it lets no filter touch them
		return quote(s) + " is Envoy's own: choose another name, such as x-jwt-sub"
	case connectionHeader(s):
		return quote(s) + " belongs to the HTTP connection: choose another name, such as x-jwt-sub"
	}
	return ""
}

// identityHeader checks the name of a header that tells the upstream who the
// caller is. It is removed from every request, so it must be ours alone.
func identityHeader(s string) string {
	if complaint := headerName(s); complaint != "" {
		return complaint
	}
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(lower, "content-"):
		return quote(s) + " says how the body is to be read: choose another name, such as x-jwt-sub"
	case slices.Contains([]string{"host", "cookie", "authorization"}, lower):
		return quote(s) + " has a meaning of its own: choose another name, such as x-jwt-sub"
	case strings.Count(s, "-") > maxDashes:
		return fmt.Sprintf("%s has %d dashes, at most %d, since every spelling with _ is removed too: choose a shorter name", quote(s), strings.Count(s, "-"), maxDashes)
	case strings.Contains(s, "_"):
		return fmt.Sprintf("must have no underscore, since many servers take _ and - for the same: write %s", quote(strings.ReplaceAll(lower, "_", "-")))
	}
	return ""
}

// tokenHeader checks the name of the header that a token comes in.
func tokenHeader(s string) string {
	if complaint := headerName(s); complaint != "" {
		return complaint
	}
	switch strings.ToLower(s) {
	case "cookie":
		return "is read by token.cookie: write the cookie's name there"
	case "host":
		return `"host" holds no token: write authorization, or a header of its own`
	}
	return ""
}

// cookieName checks the name of a cookie (RFC 6265, section 4.1.1).
func cookieName(s string) string {
	if strings.Trim(s, tokenChars) != "" {
		return quote(s) + " is no cookie name: write letters, digits, - and _"
	}
	return ""
}

// parameterName checks the name of a query parameter. It is compared decoded.
func parameterName(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c > 0x7E }) || strings.ContainsAny(s, "&=#?%+;") {
		return quote(s) + " is no name of a query parameter: write letters, digits, - and _, undecorated and not encoded"
	}
	return ""
}

// scopeToken checks one scope (RFC 6749, section 3.3). A space would make two
// of it, a quote would end the challenge that names it.
func scopeToken(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c > 0x7E || c == '"' || c == '\\' }) {
		return quote(s) + " is no scope: write one scope an item, in printable ASCII without spaces, quotes and backslashes"
	}
	return ""
}
