package harness

import (
	"fmt"
	"os"
	"path/filepath"
)

// Wrap writes a script that stands for a program: it runs lines of shell and then
// becomes the program, with the same arguments and process id. dir is where it goes.
func Wrap(dir, program, lines string) (string, error) {
	script := filepath.Join(dir, filepath.Base(program)+"-wrapped")
	text := fmt.Sprintf("#!/bin/sh\nset -e\n%s\nexec '%s' \"$@\"\n", lines, program)
	return script, os.WriteFile(script, []byte(text), 0o755)
}
