package mesh

import (
	"strings"

	"github.com/google/go-cmp/cmp"
)

// diffText tells two texts apart by their lines.
func diffText(a, b string) string {
	return cmp.Diff(strings.Split(a, "\n"), strings.Split(b, "\n"))
}
