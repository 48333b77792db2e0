package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// A check says what is wrong with a text and what to do, or nothing.
type check func(string) string

// scalar is the text of a value that is neither mapping nor list.
func (r *reader) scalar(v value, want string) (string, bool) {
	if v.node.Kind != yaml.ScalarNode {
		r.bad(v.path, "must be %s, not %s", want, describe(v.node))
		return "", false
	}
	return v.node.Value, true
}

// str is a value that YAML takes for text.
func (r *reader) str(v value) (string, bool) {
	s, ok := r.scalar(v, "text")
	switch {
	case !ok:
		return "", false
	case v.node.Tag != "!!str":
		r.bad(v.path, "must be text, not %s: write it in quotes, %s", describe(v.node), quote(s))
		return "", false
	case strings.ContainsFunc(s, unicode.IsControl):
		r.bad(v.path, "holds a line break or another control character: write it on one line")
		return "", false
	}
	return s, true
}

// text reads a text. Empty stands for "not set" and is not checked.
func (r *reader) text(dst *string, checks ...check) func(value) {
	return func(v value) {
		s, ok := r.str(v)
		if ok && (s == "" || r.passes(v.path, s, checks)) {
			*dst = s
		}
	}
}

func (r *reader) passes(path, s string, checks []check) bool {
	for _, c := range checks {
		if complaint := c(s); complaint != "" {
			r.bad(path, "%s", complaint)
			return false
		}
	}
	return true
}

// texts reads a list of different texts, none of them empty.
func (r *reader) texts(dst *[]string, most limit, checks ...check) func(value) {
	return func(v value) {
		list := []string{}
		seen := map[string]bool{}
		r.list(v, most, func(item value) {
			s, ok := r.str(item)
			switch {
			case !ok:
			case s == "":
				r.bad(item.path, "is empty: give it a value, or remove it")
			case seen[s]:
				r.bad(item.path, "%s stands in the list twice: remove one", quote(s))
			case r.passes(item.path, s, checks):
				seen[s] = true
				list = append(list, s)
			}
		})
		*dst = list
	}
}

// choice reads one of a few words.
func (r *reader) choice(dst *string, words ...string) func(value) {
	return func(v value) {
		s, ok := r.str(v)
		switch {
		case !ok:
		case !slices.Contains(words, s):
			r.bad(v.path, "must be %s, not %s", strings.Join(words, " or "), quote(s))
		default:
			*dst = s
		}
	}
}

// boolean reads true or false; yes, no, on and off are text since YAML 1.2.
func (r *reader) boolean(dst *bool) func(value) {
	return func(v value) {
		if v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!bool" {
			r.bad(v.path, "must be true or false, not %s", describe(v.node))
			return
		}
		*dst = strings.EqualFold(v.node.Value, "true")
	}
}

// moreThanZero is the least duration of what must take time at all.
const moreThanZero = time.Nanosecond

// maxDuration keeps sums of durations far from the end of their range. Nothing
// in a configuration takes that long.
const maxDuration = 10 * 365 * 24 * time.Hour

// duration reads a duration with its unit, no shorter than least.
func (r *reader) duration(dst *time.Duration, least time.Duration) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, "a duration, such as 30s")
		if !ok {
			return
		}
		d, complaint := parseDuration(s)
		switch {
		case complaint != "":
		case d < 0:
			complaint = fmt.Sprintf("must not be negative, not %s", quoteless(s))
		case d < least && least == moreThanZero:
			complaint = "must be more than 0, for example 30s"
		case d < least:
			complaint = fmt.Sprintf("must be at least %s, not %s", least, quoteless(s))
		case d > maxDuration:
			complaint = fmt.Sprintf("must be at most %dh, not %s", int(maxDuration.Hours()), quoteless(s))
		}
		if complaint != "" {
			r.bad(v.path, "%s", complaint)
			return
		}
		*dst = d
	}
}

func parseDuration(s string) (time.Duration, string) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, ""
	}
	if number(s) {
		return 0, fmt.Sprintf("has no unit: write %[1]ss (seconds), %[1]sm or %[1]sh", quoteless(s))
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return 0, fmt.Sprintf("days are no unit here: write %dh", 24*n)
		}
	}
	return 0, fmt.Sprintf("not a duration: %s; write a number and its unit, such as 100ms, 30s, 5m or 1h30m", quote(s))
}

// number tells whether s is a plain decimal number.
func number(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && strings.Trim(s, "+-.0123456789") == ""
}

// units of sizes; a power of 1000 would be taken for one of 1024 sooner or later.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size reads a number of bytes with its unit.
func (r *reader) size(dst *int64) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, "a size, such as 32MiB")
		if !ok {
			return
		}
		n, complaint := parseSize(s)
		if complaint != "" {
			r.bad(v.path, "%s", complaint)
			return
		}
		*dst = n
	}
}

func parseSize(s string) (int64, string) {
	if s == "0" {
		return 0, ""
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > math.MaxInt64/u.bytes {
			return 0, fmt.Sprintf("%s is more than any machine has", quoteless(s))
		}
		return n * u.bytes, ""
	}
	if number(s) {
		return 0, fmt.Sprintf("has no unit: write %[1]sB (bytes), %[1]sKiB or %[1]sMiB", quoteless(s))
	}
	return 0, fmt.Sprintf("not a size: %s; write a whole number and B, KiB, MiB or GiB, such as 32MiB", quote(s))
}

// instant reads a point in time.
func (r *reader) instant(dst *time.Time) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, "a time, such as 2026-11-01T00:00:00Z")
		if !ok {
			return
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil || t.Year() < 1970 {
			r.bad(v.path, "not a time of RFC 3339: %s; write 2026-11-01T00:00:00Z", quote(s))
			return
		}
		*dst = t.UTC()
	}
}

// printable are the characters that a log line and a label can hold anywhere.
func printable(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 || c > 0x7E }) {
		return "must be printable ASCII, not " + quote(s)
	}
	return ""
}

// quotable is what may stand between the quotes of a challenge (RFC 9110,
// section 5.6.4) without an escape.
func quotable(s string) string {
	if complaint := printable(s); complaint != "" {
		return complaint
	}
	if strings.ContainsAny(s, `"\`) {
		return "must have no quotes and no backslashes, not " + quote(s)
	}
	return ""
}

// nameable is what a name may be that stands in labels, in paths of the admin
// API and on command lines.
func nameable(s string) string {
	switch {
	case len(s) > 128:
		return "must have at most 128 characters"
	case strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c > 0x7E }), strings.ContainsAny(s, `"'\/%?#,*`):
		return "must be printable ASCII without spaces, quotes and / % ? # , *, not " + quote(s)
	case s == "_OTHER", s == "-", s == ".", s == "..":
		return quote(s) + " has a meaning of its own: choose another name"
	}
	return ""
}
