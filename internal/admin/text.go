package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxNamed bounds how many names an answer lists; an issuer may have ten thousand.
const maxNamed = 10

// several lists names.
func several(names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > maxNamed:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// maxQuoted bounds what an answer repeats of a request.
const maxQuoted = 256

func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// span is a duration for people, in one unit, rounded up.
func span(d time.Duration) string {
	in := func(unit time.Duration, name string) string {
		return fmt.Sprintf("%d %s", (max(d, 0)+unit-1)/unit, name)
	}
	switch {
	case d <= 2*time.Minute:
		return in(time.Second, "s")
	case d <= 2*time.Hour:
		return in(time.Minute, "min")
	case d <= 48*time.Hour:
		return in(time.Hour, "h")
	}
	return in(24*time.Hour, "days")
}

// clock is a time for people, without the date if that is today's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05Z")
}
