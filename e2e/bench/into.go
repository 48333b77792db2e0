package main

import (
	"bytes"
	"fmt"
	"os"
)

// insert puts a page into a file, in place of what stands between two lines there:
// <!-- NAME --> and <!-- end of NAME -->.
func insert(file, name string, page []byte) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- end of %s -->\n", name)
	before, rest, begins := bytes.Cut(text, []byte(from))
	_, after, ends := bytes.Cut(rest, []byte(to))
	if !begins || !ends {
		return fmt.Errorf("%s: there must be a line %q and behind it a line %q", file, from[:len(from)-1], to[:len(to)-1])
	}
	return os.WriteFile(file, bytes.Join([][]byte{before, []byte(from), page, []byte(to), after}, nil), 0o644)
}
