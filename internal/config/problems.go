package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problems are all mistakes of one configuration file, in the order of their
// places. As an error it reads one mistake a line.
type Problems struct {
	File string
	List []Problem // never empty
	More bool      // there are more, which nobody counted
}

// Problem is one mistake: where, what, and what to do about it.
type Problem struct {
	Place
	Message string
}

// Place is a line and a column of the file, both counted from 1. The zero Place
// is not known.
type Place struct{ Line, Column int }

// maxProblems bounds what one broken file makes a person scroll through. With
// one more, reading ends.
const maxProblems = 100

// Error lists the mistakes as FILE:LINE:COLUMN: message, one a line.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, m := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", p.File, m.Line, m.Column, m.Message)
	}
	if p.More {
		fmt.Fprintf(&b, "\n%s: and more mistakes", p.File)
	}
	return b.String()
}

func (p *Problems) add(at Place, message string) {
	if len(p.List) == maxProblems {
		p.More = true
		return
	}
	p.List = append(p.List, Problem{Place: at, Message: message})
}

func (p *Problems) sorted() *Problems {
	slices.SortStableFunc(p.List, func(a, b Problem) int { return a.compare(b.Place) })
	return p
}

func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// places knows where the value of each key stands, by its path
// (issuers[0].jwks.uri).
type places map[string]Place

// find is the place of the path, or of the nearest part of it that is written.
func (p places) find(path string) Place {
	for {
		if at, ok := p[path]; ok {
			return at
		}
		if path == "" {
			return Place{}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}
