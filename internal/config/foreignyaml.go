package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// foreignYAML reads a stream of YAML documents, those without content left out.
func foreignYAML(name string, data []byte) ([]*Node, error) {
	r := &reader{}
	r.problems.File = name
	if !r.readable(data) {
		return nil, &r.problems
	}
	docs, err := foreignDocuments(data)
	if err != nil {
		r.malformed(data, err)
		return nil, &r.problems
	}
	nodes := 0
	var all []*Node
	for _, d := range docs {
		if n := r.foreign(d, 0, &nodes); n != nil && n.Kind != Null {
			all = append(all, n)
		}
	}
	if len(r.problems.List) > 0 {
		return nil, r.problems.sorted()
	}
	return all, nil
}

func foreignDocuments(data []byte) (docs []*yaml.Node, err error) {
	// What somebody else wrote must not end the program by a defect of the library.
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, fmt.Errorf("not valid YAML: %v", p)
		}
	}()
	limits := loaderlimits.New(loaderlimits.DepthValue(maxForeignDepth))
	l, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits))
	if err != nil {
		return nil, err
	}
	for {
		var n yaml.Node
		switch err := l.Load(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		case len(docs) == maxForeignDocuments:
			return nil, fmt.Errorf("over %d documents, at most that many are read", maxForeignDocuments)
		case len(n.Content) > 0:
			docs = append(docs, n.Content[0])
		}
	}
}

// foreign turns a node of the YAML library into ours. Aliases are followed, as
// the program does that the text is for; the number of nodes bounds them.
func (r *reader) foreign(y *yaml.Node, depth int, nodes *int) *Node {
	if *nodes++; *nodes > maxNodes || depth > maxForeignDepth || len(r.problems.List) > 0 {
		if len(r.problems.List) == 0 {
			r.problems.add(placeOf(y), fmt.Sprintf("too much: over %d values, or nested more than %d levels deep", maxNodes, maxForeignDepth))
		}
		return nil
	}
	n := &Node{Place: placeOf(y), Text: y.Value}
	switch {
	case y.Kind == yaml.AliasNode:
		return r.foreign(y.Alias, depth+1, nodes)
	case y.Kind == yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			n.Items = append(n.Items, r.foreign(c, depth+1, nodes))
		}
	case y.Kind == yaml.MappingNode:
		n.Kind = Mapping
		r.foreignFields(n, y, depth, nodes)
	case y.Tag == "!!str":
		n.Kind = Text
	case y.Tag == "!!bool":
		n.Kind = Bool
	case y.Tag != "!!null":
		n.Kind = Number
	}
	return n
}

func (r *reader) foreignFields(n *Node, y *yaml.Node, depth int, nodes *int) {
	seen := make(map[string]bool, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		switch {
		case k.Tag == "!!merge":
			r.problems.add(placeOf(k), "the merge key << is not supported: write the keys out")
		case k.Kind != yaml.ScalarNode:
			r.problems.add(placeOf(k), "a key must be text, not "+describe(k))
		case seen[k.Value]:
			r.problems.add(placeOf(k), "duplicate key "+quote(k.Value)+": remove one")
		default:
			seen[k.Value] = true
			n.Fields = append(n.Fields, Field{k.Value, r.foreign(y.Content[i+1], depth+1, nodes)})
		}
	}
}
