package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jwtguard/jwtguard/internal/config"
)

// options says what becomes of each option of one message, by its name in
// snake case.
type options[T any] map[string]func(a *adoption, into T, v place)

// readOptions goes through the options of a message that are set. None is passed
// over in silence.
func readOptions[T any](a *adoption, p place, into T, known options[T]) {
	if p.Kind != config.Mapping {
		a.mistake(p, "must be a mapping, not %s", p.Describe())
		return
	}
	seen := map[string]bool{}
	for _, f := range p.Fields {
		name := snake(f.Key)
		v := p.at(f.Key, f.Value)
		read := known[name]
		switch {
		case f.Key == "@type":
		case seen[name]:
			a.mistake(v, "stands here twice, in snake case and in camel case: remove one")
		case unset(f.Value): // as if it were not written
		case read == nil:
			a.note(noteLost, v, "this version does not know the option; if it narrows what passes, what is below is WEAKER", "look up what it does")
		default:
			read(a, into, v)
		}
		seen[name] = true
	}
}

// unset is the value that an option of protobuf has without being written. An
// empty message is not: allow_missing is one.
func unset(n *config.Node) bool {
	switch n.Kind {
	case config.Null:
		return true
	case config.Text:
		return n.Text == ""
	case config.List:
		return len(n.Items) == 0
	}
	return false
}

// snake turns the camel case of protobuf's JSON into the names of the API.
func snake(key string) string {
	var b strings.Builder
	for _, r := range key {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// option is one field of a message by its name in either case; nil if it is not
// set.
func option(n *config.Node, name string) *config.Node {
	for _, f := range n.Fields {
		if snake(f.Key) == name && !unset(f.Value) {
			return f.Value
		}
	}
	return nil
}

func (a *adoption) text(p place) string {
	if p.Kind != config.Text {
		a.mistake(p, "must be text, not %s", p.Describe())
		return ""
	}
	return p.Text
}

func (a *adoption) texts(p place) (all []string) {
	a.each(p, func(v place) {
		if s := a.text(v); s != "" {
			all = append(all, s)
		} else if v.Kind == config.Text {
			a.mistake(v, "is empty: give it a value, or remove it")
		}
	})
	return all
}

// each calls do for the items of a list.
func (a *adoption) each(p place, do func(place)) {
	if p.Kind != config.List {
		a.mistake(p, "must be a list, not %s", p.Describe())
		return
	}
	for i, n := range p.Items {
		do(place{n, p.path + "[" + strconv.Itoa(i) + "]"})
	}
}

func (a *adoption) boolean(p place) bool {
	if p.Kind != config.Bool {
		a.mistake(p, "must be true or false, not %s", p.Describe())
		return false
	}
	return strings.EqualFold(p.Text, "true")
}

// number is an unsigned integer; protobuf's JSON may write it as text.
func (a *adoption) number(p place) uint32 {
	n, err := strconv.ParseUint(p.Text, 10, 32)
	if err != nil || p.Kind != config.Number && p.Kind != config.Text {
		a.mistake(p, "must be a number from 0 to %d, not %s", uint32(1<<32-1), p.Describe())
	}
	return uint32(n)
}

// protoDuration is how protobuf writes a duration.
var protoDuration = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,9})?s$`)

// longest is the longest duration that the guard's configuration takes.
const longest = 10 * 365 * 24 * time.Hour

// duration is one of protobuf: as text, or as a message of seconds and nanos, as
// Envoy's own examples have it. What is longer than the guard takes is cut.
func (a *adoption) duration(p place) time.Duration {
	if p.Kind == config.Mapping {
		var parts [2]uint32
		readOptions(a, p, &parts, options[*[2]uint32]{
			"seconds": func(a *adoption, d *[2]uint32, v place) { d[0] = a.number(v) },
			"nanos":   func(a *adoption, d *[2]uint32, v place) { d[1] = a.number(v) },
		})
		if parts[1] >= 1e9 {
			a.mistake(p, "nanos must be under a second")
		}
		return min(longest, time.Duration(parts[0])*time.Second+time.Duration(parts[1]))
	}
	if p.Kind != config.Text || !protoDuration.MatchString(p.Text) {
		a.mistake(p, "must be a duration of seconds, such as 5s or 0.25s, not %s", p.Describe())
		return 0
	}
	d, err := time.ParseDuration(p.Text)
	if err != nil { // out of range: all else was matched
		return longest
	}
	return min(longest, d)
}

// shorten cuts what a message repeats of the file.
func shorten(s string) string {
	const most = 120
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// cited repeats text of the file, so that it can neither flood nor steer.
func cited(s string) string { return strconv.Quote(shorten(s)) }
