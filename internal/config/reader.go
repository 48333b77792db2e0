package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader walks the tree of one file, fills in what it reads, and notes every
// mistake instead of stopping at the first.
type reader struct {
	dir      string // relative paths in the file count from here
	places   places
	problems Problems
	compared int // how many unknown names were compared with all known ones
}

// value is one node and the path by which messages name it.
type value struct {
	node *yaml.Node // nil: the key is not written
	path string
}

// field is one key that a mapping may have. read is called for a value that is
// not null.
type field struct {
	key  string
	read func(value)
}

// bad notes a mistake at the path, or at the nearest part of it that is written.
func (r *reader) bad(path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if path != "" {
		message = path + ": " + message
	}
	r.problems.add(r.places.find(path), message)
}

// written tells whether the file has the key.
func (r *reader) written(path string) bool {
	_, ok := r.places[path]
	return ok
}

// mapping reads a mapping that may have these keys alone. It is false if v is
// no mapping.
func (r *reader) mapping(v value, fields ...field) bool {
	return r.each(v, func(k *yaml.Node, child value) {
		for _, f := range fields {
			if f.key == k.Value {
				if r.present(child) {
					f.read(child)
				}
				return
			}
		}
		r.problems.add(placeOf(k), unknownKey(v.path, k.Value, fields))
	})
}

// each calls read for every key of a mapping once.
func (r *reader) each(v value, read func(key *yaml.Node, child value)) bool {
	if v.node.Kind != yaml.MappingNode {
		r.bad(v.path, "must be a mapping (key: value), not %s", describe(v.node))
		return false
	}
	lines := make(map[string]int, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content) && !r.problems.More; i += 2 {
		k := v.node.Content[i]
		if len(k.Value) > maxKey {
			r.problems.add(placeOf(k), under(v.path, fmt.Sprintf("the key %s is %d bytes long, at most %d: choose a shorter one", quote(k.Value), len(k.Value), maxKey)))
			continue
		}
		if k.Kind != yaml.ScalarNode || k.Tag != "!!str" {
			r.problems.add(placeOf(k), under(v.path, "a key must be text, not "+describe(k)))
			continue
		}
		if line, twice := lines[k.Value]; twice {
			r.problems.add(placeOf(k), under(v.path, fmt.Sprintf("duplicate key %s: it stands in line %d already, remove one", quote(k.Value), line)))
			continue
		}
		lines[k.Value] = k.Line
		read(k, r.child(v.node.Content[i+1], join(v.path, k.Value)))
	}
	return true
}

// list calls read for every item of a list that is no longer than the limit.
func (r *reader) list(v value, most limit, read func(value)) {
	if v.node.Kind != yaml.SequenceNode {
		r.bad(v.path, "must be a list, such as [a, b], not %s", describe(v.node))
		return
	}
	if !r.within(v, len(v.node.Content), most) {
		return
	}
	for i, n := range v.node.Content {
		if r.problems.More {
			return
		}
		if item := r.child(n, v.path+"["+strconv.Itoa(i)+"]"); r.present(item) {
			read(item)
		}
	}
}

func (r *reader) child(n *yaml.Node, path string) value {
	if len(path) <= maxPlaced {
		r.places[path] = placeOf(n)
	}
	return value{node: n, path: path}
}

// present refuses a key without a value. Taking the default instead would turn
// a template that came out empty into, say, a listener without client
// certificates.
func (r *reader) present(v value) bool {
	if v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null" {
		r.bad(v.path, "has no value: give it one, or remove it")
		return false
	}
	return true
}

// join is the path of a key; a key that is no plain word is quoted, so that two
// paths are never the same.
func join(path, key string) string {
	plain := key != "" && strings.IndexFunc(key, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}) < 0
	switch {
	case !plain:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func under(path, message string) string {
	if path == "" {
		return message
	}
	return path + ": " + message
}

// describe says what a node is, for a message about what it should be.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!str":
		return "the text " + quote(n.Value)
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "the time " + quoteless(n.Value)
	case "!!bool":
		return quoteless(n.Value)
	}
	return "the number " + quoteless(n.Value)
}

const (
	maxQuoted = 60   // how much of a value a message repeats
	maxPath   = 4096 // how much of a path: as much as Linux takes
)

// quote repeats what the file says, so that it can neither flood nor steer a
// terminal.
func quote(s string) string { return strconv.Quote(cut(s, maxQuoted)) }

// quoteless is quote for what is no text.
func quoteless(s string) string { return strings.Trim(quote(s), `"`) }

// quotePath is quote for a path, whose end is what tells it from others.
func quotePath(s string) string { return strconv.Quote(cut(s, maxPath)) }

func cut(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
