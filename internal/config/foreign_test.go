package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One text that is both: what is read of it must not depend on who reads it.
func TestForeignTextReadsAlikeAsYAMLAndAsJSON(t *testing.T) {
	const text = `{
  "a": [1, "é", true, null, {}],
    "b": {"c": -1.5e3}
}`
	leaf := func(line, column int, kind Kind, text string) *Node {
		return &Node{Place: Place{line, column}, Kind: kind, Text: text}
	}
	want := &Node{Place: Place{1, 1}, Kind: Mapping, Fields: []Field{
		{"a", &Node{Place: Place{2, 8}, Kind: List, Items: []*Node{
			leaf(2, 9, Number, "1"), leaf(2, 12, Text, "é"), leaf(2, 17, Bool, "true"), leaf(2, 23, Null, ""), leaf(2, 29, Mapping, ""),
		}}},
		{"b", &Node{Place: Place{3, 10}, Kind: Mapping, Fields: []Field{{"c", leaf(3, 16, Number, "-1.5e3")}}}},
	}}
	asJSON, err := ReadForeign("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := foreignYAML("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	asYAML[0].Fields[0].Value.Items[3].Text = "" // null has no text of its own
	for reader, got := range map[string][]*Node{"JSON": asJSON, "YAML": asYAML} {
		if diff := cmp.Diff([]*Node{want}, got); diff != "" {
			t.Errorf("%s: %s", reader, diff)
		}
	}
}

func TestForeignYAMLFollowsAliasesAndLeavesEmptyDocumentsOut(t *testing.T) {
	docs, err := ReadForeign("x", []byte("---\n# nothing\n---\na: &x [1]\nb: *x\n---\n{c: [d]}\n"))
	if err != nil || len(docs) != 2 {
		t.Fatal(docs, err)
	}
	if b := docs[0].Get("b"); b == nil || len(b.Items) != 1 || b.Line != 4 {
		t.Errorf("%+v", b)
	}
	if docs[0].Get("c") != nil || docs[1].Get("c") == nil {
		t.Errorf("%+v %+v", docs[0], docs[1])
	}
}

func TestForeignTextIsBounded(t *testing.T) {
	values := "[" + strings.Repeat("0,", maxNodes) + "0]"
	for name, tt := range map[string]struct{ text, want string }{
		"values of JSON":   {values, "x:1:2000000: the file is too big: over 1000000 values, at most that many are read"},
		"depth of JSON":    {strings.Repeat("[", 100_000), "x:1:65: nested more than 64 levels deep"},
		"length":           {strings.Repeat(" ", MaxForeign+1), "x:1:1: the file is too big: over 33554432 bytes, at most that many are read"},
		"length of YAML":   {"a: " + strings.Repeat("b", maxFile), "x:1:1: the file is too big: 1048579 bytes, at most 1048576 are read"},
		"items of YAML":    {strings.Repeat("- a\n", maxItems+1), "x:1:1: the file is too big: 100001 lines and commas, at most 100000 are read"},
		"documents":        {strings.Repeat("--- a\n", maxForeignDocuments+1), "x:1:1: not valid YAML: over 1000 documents, at most that many are read"},
		"an alias of self": {"&a [*a]", "x:1:5: too much: over 1000000 values, or nested more than 64 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := ReadForeign("x", []byte(tt.text))
			if err == nil || err.Error() != tt.want || docs != nil {
				t.Errorf("%d documents, %.200v, want %s", len(docs), err, tt.want)
			}
		})
	}
}
