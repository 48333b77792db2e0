package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// maxFile bounds the time and memory that reading takes. A Kubernetes
	// ConfigMap holds no more than this either.
	maxFile = 1 << 20
	// maxItems bounds the lines and commas, of which every item takes one: the
	// YAML parser needs over a kilobyte of memory for an item of two bytes.
	maxItems = 100_000
	// maxDepth is far beyond what a configuration nests, and keeps the YAML
	// parser's recursion flat.
	maxDepth = 32
)

// parse turns the file into its one mapping. It is nil if the text is at fault;
// then the problem is noted.
func (r *reader) parse(data []byte) *yaml.Node {
	if !r.readable(data) {
		return nil
	}
	docs, err := documents(data)
	switch {
	case err != nil:
		r.malformed(data, err)
		return nil
	case len(docs) == 0:
		r.problems.add(Place{1, 1}, "the file is empty: it needs at least issuers, with issuer and audiences of each")
		return nil
	case len(docs) > 1:
		r.problems.add(placeOf(docs[1]), "a second document begins here: a configuration is one document, remove the line ---")
		return nil
	}
	root := docs[0].Content[0]
	r.places[""] = placeOf(root)
	if !r.plain(root) {
		return nil
	}
	return root
}

// readable refuses what is no text, at the first byte that is not.
func (r *reader) readable(data []byte) bool {
	if len(data) > maxFile {
		r.problems.add(Place{1, 1}, fmt.Sprintf("the file is too big: %d bytes, at most %d are read", len(data), maxFile))
		return false
	}
	if n := bytes.Count(data, []byte(",")) + bytes.Count(data, []byte("\n")); n > maxItems {
		r.problems.add(Place{1, 1}, fmt.Sprintf("the file is too big: %d lines and commas, at most %d are read", n, maxItems))
		return false
	}
	at := Place{1, 1}
	for len(data) > 0 {
		c, n := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && n == 1:
			r.problems.add(at, "not UTF-8: save the file as UTF-8")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7F:
			r.problems.add(at, fmt.Sprintf("control character 0x%02X: remove it", c))
			return false
		case c == '\n':
			at = Place{at.Line + 1, 0}
		}
		at.Column++
		data = data[n:]
	}
	return true
}

// documents are those of the stream, two at most: more are as wrong as two.
func documents(data []byte) (docs []*yaml.Node, err error) {
	// A defect of the YAML library must not end a guard that reloads its file.
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, fmt.Errorf("not valid YAML: %v", p)
		}
	}()
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth))
	l, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits))
	if err != nil {
		return nil, err
	}
	for len(docs) < 2 {
		var n yaml.Node
		switch err := l.Load(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, &n)
	}
	return docs, nil
}

// malformed notes why the text is not YAML. The parser stops at the first fault.
func (r *reader) malformed(data []byte, err error) {
	at, message := Place{1, 1}, err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		at = Place{max(1, e.Mark.Line), max(1, e.Mark.Column)}
		message = e.Message
		if e.ContextMsg != "" {
			message = e.ContextMsg + ": " + message
		}
	}
	// The parser takes a tab in the indentation for something else altogether.
	line := 0
	for text := range strings.Lines(string(data)) {
		if line++; line > at.Line {
			break
		}
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			r.problems.add(Place{line, i + 1}, "a tab in the indentation: YAML indents with spaces")
			return
		}
	}
	r.problems.add(at, "not valid YAML: "+message)
}

// plain refuses what makes a file mean something else than it seems to say, or
// grow when it is expanded: anchors, aliases, merge keys and tags. Aliases are
// not followed.
func (r *reader) plain(n *yaml.Node) bool {
	ok := true
	refuse := func(what, remedy string) {
		r.problems.add(placeOf(n), what+" is not supported: "+remedy)
		ok = false
	}
	switch {
	case n.Kind == yaml.AliasNode:
		refuse("the alias *"+quoteless(n.Value), "write the value out")
	case n.Anchor != "":
		refuse("the anchor &"+quoteless(n.Anchor), "write the value out where it is needed")
	case n.Style&yaml.TaggedStyle != 0:
		refuse("the tag "+quoteless(n.Tag), "remove it, and write text in quotes")
	case n.Tag == "!!merge":
		refuse("the merge key <<", "write the keys out")
	}
	for _, c := range n.Content {
		if r.problems.More {
			return false
		}
		ok = r.plain(c) && ok
	}
	return ok
}

func placeOf(n *yaml.Node) Place { return Place{n.Line, n.Column} }
