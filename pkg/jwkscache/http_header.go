package jwkscache

import (
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxDelta is what a larger number of seconds counts as (RFC 9111, section 1.2.2).
const maxDelta = (1 << 31) * time.Second

// deltaSeconds reads a non-negative decimal number of seconds.
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	var d time.Duration
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		d = min(d*10+time.Duration(c-'0')*time.Second, maxDelta)
	}
	return d, true
}

// ageOf is for how long caches had held the answer (RFC 9111, section 5.1). Of
// several values the largest counts. What is not a number of seconds is ignored,
// as that section wants: a cache that cannot count must not stop the rotation,
// and an answer is never taken as newer than its request.
func ageOf(h http.Header) time.Duration {
	var oldest time.Duration
	for member := range members(h, "Age") {
		if d, ok := deltaSeconds(member); ok {
			oldest = max(oldest, d)
		}
	}
	return oldest
}

// freshnessOf is for how long the origin calls the answer fresh (RFC 9111,
// section 4.2.1), if it says so. Where it contradicts itself or cannot be
// understood the answer is fresh for no time, as that section advises: that only
// makes the guard ask sooner.
func freshnessOf(h http.Header, now time.Time) (time.Duration, bool) {
	fresh, known := maxDelta, false
	for member := range members(h, "Cache-Control") {
		name, value, _ := strings.Cut(strings.ToLower(member), "=")
		switch strings.TrimSpace(name) {
		case "no-store", "no-cache":
			fresh, known = 0, true
		case "max-age":
			d, _ := deltaSeconds(strings.Trim(strings.TrimSpace(value), `"`))
			fresh, known = min(fresh, d), true
		}
	}
	if known {
		return fresh, true
	}
	if len(h["Expires"]) == 0 {
		return 0, false
	}
	expires, err := http.ParseTime(h.Get("Expires"))
	if err != nil {
		return 0, true // RFC 9111, section 5.3: "0" and the like mean already expired
	}
	return max(0, expires.Sub(dateOf(h, now))), true
}

// retryAfterOf is how long the server asks to be left alone (RFC 9110, section
// 10.2.3), 0 if it does not.
func retryAfterOf(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if d, ok := deltaSeconds(value); ok {
		return d
	}
	t, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, t.Sub(dateOf(h, now)))
}

// dateOf is the server's clock, with which its other times are compared, or ours
// if it does not tell.
func dateOf(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// contentTypeOf is the media type of an answer, printable.
func contentTypeOf(h http.Header) string {
	value := h.Get("Content-Type")
	if value == "" {
		return "none"
	}
	t, _, err := mime.ParseMediaType(value)
	if err != nil {
		return "not understood"
	}
	return printable(t, maxHint)
}

// encodedAs names the content codings of an answer; empty if there are none.
func encodedAs(h http.Header) string {
	for member := range members(h, "Content-Encoding") {
		if member != "" && !strings.EqualFold(member, "identity") {
			return printable(member, maxHint)
		}
	}
	return ""
}

// members gives the members of a header that is a comma-separated list, over all
// its lines. A comma in a quoted string splits too: none of the headers that are
// read here means anything else by one.
func members(h http.Header, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range h.Values(name) {
			for member := range strings.SplitSeq(line, ",") {
				if !yield(strings.TrimSpace(member)) {
					return
				}
			}
		}
	}
}
