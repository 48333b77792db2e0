package config

import (
	"fmt"
	"strings"
)

const (
	// maxCompared bounds the unknown names that are compared with all known ones,
	// of which there may be thousands: a person who has that many wrong has made
	// another mistake than one of spelling.
	maxCompared = 10
	// maxKnown is how many known words a message lists.
	maxKnown = 20
)

// unknownKey is the message for a key that path may not have.
func unknownKey(path, key string, fields []field) string {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	return under(path, "unknown key "+quote(key)+": "+suggest(key, known))
}

// suggest is the remedy for a name that is none of the known ones, of which the
// file may have many.
func (r *reader) suggest(name string, known []string) string {
	if r.compared == maxCompared {
		return knownHere(known)
	}
	r.compared++
	return suggest(name, known)
}

// suggest is the remedy for a word that is none of the known ones: the one that
// was probably meant, or those that are known.
func suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return knownHere(known)
}

func knownHere(known []string) string {
	more := ""
	if len(known) > maxKnown {
		more = fmt.Sprintf(" and %d more", len(known)-maxKnown)
		known = known[:maxKnown]
	}
	return "known here: " + strings.Join(known, ", ") + more
}

// nearest is the known word that the given one was probably meant to be: at
// most a third of its letters differ. Empty if there is none.
func nearest(word string, known []string) string {
	if len(word) > maxQuoted { // comparing costs its square
		return ""
	}
	separators := strings.NewReplacer("-", "", "_", "", " ", "")
	plain := func(s string) string { return separators.Replace(strings.ToLower(s)) }
	best, least, word := "", len(word)/3+1, plain(word)
	for _, k := range known {
		other := plain(k)
		if max(len(word)-len(other), len(other)-len(word)) >= least { // so many letters differ at least
			continue
		}
		if d := distance(word, other); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap with their
// neighbour that makes a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
