package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// oneLine makes text fit for one line of a terminal.
func oneLine(text string) string {
	return escape(strings.ReplaceAll(text, "\n", `\n`))
}

// plainName is what stands in a table and on a command line as it is.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:=@+/-]*$`)

// name shows a text that others chose: in quotes, unless there is nothing in it
// that could be taken for something else. No text is "-".
func name(s string) string {
	switch {
	case s == "":
		return "-"
	case plainName.MatchString(s):
		return s
	}
	return fmt.Sprintf("%+q", s)
}

// typeable tells whether a text can be typed into any shell.
func typeable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// shellWord writes a text as one word of a POSIX shell, or … if it cannot be typed.
func shellWord(s string) string {
	switch {
	case !typeable(s):
		return "…"
	case plainName.MatchString(strings.TrimPrefix(s, "/")):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ago is how far t lies from now, in one unit, for a table.
func ago(t, now time.Time) string {
	d := now.Sub(t).Round(time.Second)
	text := coarse(d.Abs())
	switch {
	case d > 0:
		return text + " ago"
	case d < 0:
		return "in " + text
	}
	return "now"
}

// coarse is a duration in the largest unit that leaves two digits or so.
func coarse(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

// exactly is a time with how far it lies from now.
func exactly(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", t.UTC().Format(time.RFC3339), ago(t, now))
}

// deadline is how far off a time is, with its hour, and its day if that is not
// today.
func deadline(t, now time.Time) string {
	layout := "2006-01-02 15:04Z"
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		layout = "15:04:05Z"
	}
	return fmt.Sprintf("%s (%s)", ago(t, now), t.UTC().Format(layout))
}
