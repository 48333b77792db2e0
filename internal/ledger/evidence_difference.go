package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// sameWriter compares what is written with what is expected, and notes where that
// ends to be the same.
type sameWriter struct {
	rest  []byte // what is still expected
	other bool
}

func (w *sameWriter) Write(b []byte) (int, error) {
	if w.other {
		return len(b), nil
	}
	if rest, ok := bytes.CutPrefix(w.rest, b); ok {
		w.rest = rest
		return len(b), nil
	}
	n := 0
	for n < len(b) && n < len(w.rest) && b[n] == w.rest[n] {
		n++
	}
	w.rest, w.other = w.rest[n:], true
	return len(b), nil
}

// difference names the first member in which a claim is not what the lines give,
// in the order of the file; empty if there is none.
func difference(want, claimed *Evidence) (member, what string) {
	w, c := reflect.ValueOf(*want), reflect.ValueOf(*claimed)
	for i := range w.NumField() {
		name, _, _ := strings.Cut(w.Type().Field(i).Tag.Get("json"), ",")
		if member, what := differ(name, plain(w.Field(i).Interface()), plain(c.Field(i).Interface())); member != "" {
			if i := 0; name == "keys" {
				if n, _ := fmt.Sscanf(member, "keys[%d]", &i); n == 1 && i < len(claimed.Keys) {
					k := claimed.Keys[i]
					what = fmt.Sprintf("(issuer %q, kid %q) %s", k.Issuer, k.Kid, what)
				}
			}
			return member, what
		}
	}
	return "", ""
}

// plain is a value as JSON has it.
func plain(v any) (p any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return nil // it cannot be: both were read from JSON, or made for it
	}
	return p
}

// differ finds the first difference of two values.
func differ(at string, want, claimed any) (member, what string) {
	switch w := want.(type) {
	case map[string]any:
		c, ok := claimed.(map[string]any)
		if !ok {
			break
		}
		names := slices.Collect(maps.Keys(w))
		names = slices.AppendSeq(names, maps.Keys(c))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if member, what = differ(at+"."+name, w[name], c[name]); member != "" {
				return member, what
			}
		}
		return "", ""
	case []any:
		c, ok := claimed.([]any)
		if !ok {
			break
		}
		for i := range min(len(w), len(c)) {
			if member, what = differ(fmt.Sprintf("%s[%d]", at, i), w[i], c[i]); member != "" {
				return member, what
			}
		}
		if len(w) != len(c) {
			return at, fmt.Sprintf("the export has %d, and its lines give %d", len(c), len(w))
		}
		return "", ""
	default:
		if reflect.DeepEqual(want, claimed) {
			return "", ""
		}
	}
	return at, fmt.Sprintf("the export says %s, and its lines give %s", brief(claimed), brief(want))
}

// brief is a value for a message.
func brief(v any) string {
	if v == nil {
		return "nothing"
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return "something else"
	}
	const most = 200 // bytes: a message is for one line of a terminal
	if text = appendASCII(nil, text); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// pointer is an RFC 6901 pointer in the form of the other messages.
func pointer(p string) string {
	var b strings.Builder
	for i, token := range strings.Split(strings.TrimPrefix(p, "/"), "/") {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			fmt.Fprintf(&b, "[%s]", token)
		case i > 0:
			b.WriteString("." + token)
		default:
			b.WriteString(token)
		}
	}
	return b.String()
}
