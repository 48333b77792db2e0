package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const head = `What jwtguard is linked with

The binaries of jwtguard (Linux; amd64 and arm64) hold code of the modules listed
here. Their licences and notices follow, each text once. Versions are in go.mod, and
in the software bill of materials beside each binary. "std" is Go's standard library.

This file is generated: run "make licences" after a change of dependencies.

`

var ruler = strings.Repeat("=", 80)

// text is the file with the licences of all modules but our own. It holds no
// versions, so that it changes only when what is said to readers does.
func text(modules []module) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	origins := map[string][]string{} // of a text: the files that have it
	var order []string
	for _, m := range modules {
		if m.own {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", m.path, m.expression())
		for _, name := range slices.Sorted(maps.Keys(m.files)) {
			body := strings.TrimSpace(strings.ReplaceAll(string(m.files[name]), "\r\n", "\n"))
			if origins[body] == nil {
				order = append(order, body)
			}
			origins[body] = append(origins[body], m.path+": "+name)
		}
	}
	for _, body := range order {
		fmt.Fprintf(&b, "\n%s\n", ruler)
		for _, origin := range origins[body] {
			fmt.Fprintln(&b, origin)
		}
		fmt.Fprintf(&b, "%s\n\n%s\n", ruler, body)
	}
	return b.Bytes()
}
