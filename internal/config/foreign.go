package config

import (
	"bytes"
	"fmt"
)

// Kind is what a [Node] is.
type Kind int

// The kinds of nodes. Number holds every scalar of YAML that is neither text, nor
// true, false or null.
const (
	Null Kind = iota
	Bool
	Number
	Text
	List
	Mapping
)

// Node is one value of a document that is not ours, such as another program's
// configuration: the same for YAML and JSON, with its place.
type Node struct {
	Place
	Kind   Kind
	Text   string  // of a scalar; a text without its quotes
	Fields []Field // of a mapping, each key once
	Items  []*Node // of a list
}

// Field is one key of a mapping.
type Field struct {
	Key   string
	Value *Node
}

const (
	// MaxForeign is the longest text that is read, in bytes: a dump of everything
	// that a busy Envoy has is about that long. YAML is bounded by maxFile.
	MaxForeign = 32 << 20
	// maxNodes bounds the memory: a node takes about a hundred bytes.
	maxNodes = 1_000_000
	// maxForeignDepth is twice the depth of a filter in a dump of Envoy.
	maxForeignDepth = 64
	// maxForeignDocuments is how many documents of YAML are read: a cluster has
	// fewer of the kinds that are looked for.
	maxForeignDocuments = 1000
)

// ReadForeign reads one document of JSON, or those of a YAML stream. The error is
// a [*Problems] with one mistake: where reading ended, and why.
func ReadForeign(name string, data []byte) ([]*Node, error) {
	f := &foreign{data: data, line: 1, column: 1}
	f.problems.File = name
	if len(data) > MaxForeign {
		f.problems.add(Place{1, 1}, fmt.Sprintf("the file is too big: over %d bytes, at most that many are read", MaxForeign))
		return nil, &f.problems
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		if n := f.json(); n != nil {
			return []*Node{n}, nil
		}
		if len(data) > maxFile {
			return nil, &f.problems
		}
		// Flow YAML begins like JSON.
		if docs, err := foreignYAML(name, data); err == nil {
			return docs, nil
		}
		return nil, &f.problems
	}
	return foreignYAML(name, data)
}

// Get is the value of a key; nil if it is not written, or null.
func (n *Node) Get(key string) *Node {
	for _, f := range n.Fields {
		if f.Key == key && f.Value.Kind != Null {
			return f.Value
		}
	}
	return nil
}

// Describe says what a node is, for a message about what it should be.
func (n *Node) Describe() string {
	switch n.Kind {
	case Mapping:
		return "a mapping"
	case List:
		return "a list"
	case Text:
		return "the text " + quote(n.Text)
	case Null:
		return "nothing"
	case Bool:
		return quoteless(n.Text)
	}
	return "the number " + quoteless(n.Text)
}
