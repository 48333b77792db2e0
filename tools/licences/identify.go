package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	classifier "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
)

// accepted are the licences, as SPDX identifiers, that let anybody pass on a binary
// under the Apache License 2.0 together with their texts. MPL-2.0 asks besides that
// its own files stay available as source, which the Go module they came from does.
var accepted = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

const (
	// likeness is how much of a known text must be there, word by word. What is
	// printed of the accepted licences differs by a name or two (0.97 and up); a
	// clause more or less is beyond it.
	likeness = 0.95
	// restWords is how many words of a licence file may belong to no known text and to
	// no copyright line: those of a title, as in "The MIT License (MIT)". A condition
	// that somebody added ("Not for use in …") is longer, or changes the likeness.
	restWords = 5
)

// words matches a word; a ruler between two licences has none.
var words = regexp.MustCompile(`[\pL\pN]+`)

// A reader tells licences by their texts.
type reader struct{ known *classifier.Classifier }

func newReader() (reader, error) {
	known, err := assets.DefaultClassifier()
	if err != nil {
		return reader{}, fmt.Errorf("known licences: %w", err)
	}
	return reader{known}, nil
}

// identify sets the licences of each module, or says which module stands under none
// that is accepted.
func (r reader) identify(modules []module) error {
	for i := range modules {
		m := &modules[i]
		found := map[string]bool{}
		for name, text := range m.files {
			if !licence.MatchString(filepath.Base(name)) {
				continue
			}
			ids, err := r.read(text)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", m.path, name, err)
			}
			for _, id := range ids {
				found[id] = true
			}
		}
		if len(found) == 0 {
			return fmt.Errorf("%s: it has no licence file: nobody may pass it on", m.path)
		}
		m.licences = slices.Sorted(maps.Keys(found))
	}
	return nil
}

// read gives the SPDX identifiers of the licences in a text, all of which are accepted.
func (r reader) read(text []byte) ([]string, error) {
	var ids []string
	lines := bytes.Split(text, []byte("\n"))
	for _, m := range r.known.Match(text).Matches {
		switch m.MatchType {
		case "Copyright":
		case "License":
			if !slices.Contains(accepted, m.Name) {
				return nil, fmt.Errorf("lines %d to %d are %s, which is not among those accepted (%s): do without the module",
					m.StartLine, m.EndLine, m.Name, strings.Join(accepted, ", "))
			}
			if m.Confidence < likeness {
				return nil, fmt.Errorf("lines %d to %d are %s with changes (likeness %.2f, needed %.2f): read them",
					m.StartLine, m.EndLine, m.Name, m.Confidence, likeness)
			}
			if !slices.Contains(ids, m.Name) {
				ids = append(ids, m.Name)
			}
		default: // a mention of a licence is none
			continue
		}
		clear(lines[m.StartLine-1 : min(m.EndLine, len(lines))])
	}
	if len(ids) == 0 {
		return nil, errors.New("no known licence: read it, and do without the module unless it is one")
	}
	rest := words.FindAll(bytes.Join(lines, []byte("\n")), -1)
	if len(rest) > restWords {
		return nil, fmt.Errorf("beside %s there is text of no known licence: read it: %q", strings.Join(ids, " and "), bytes.Join(rest, []byte(" ")))
	}
	return ids, nil
}
