package model

import (
	"slices"
	"time"
)

// listing is what a publish step publishes.
func (w *world) listing(s step) listing {
	l := listing{kid: kids[s.kid], key: materials()[s.key]}
	at := momentOf(time.Now().Add(s.d).Truncate(time.Second))
	switch s.n {
	case notYet:
		l.notBefore = at
	case expiring:
		l.expires = at
	case withPrivatePart:
		l.private = true
	case unusable:
		l.broken = true
	}
	return l
}

// published adds a listing. The same key under several names has the same times,
// and the same name of the same key stands there once.
func published(doc []listing, l listing) []listing {
	var next []listing
	for _, old := range doc {
		if old.key == l.key {
			if old.kid == l.kid {
				continue
			}
			old.notBefore, old.expires = l.notBefore, l.expires
		}
		next = append(next, old)
	}
	return append(next, l)
}

func renamed(doc []listing, key *material, kid string) []listing {
	var next []listing
	for _, l := range doc {
		if l.key == key {
			l.kid = kid
			if slices.ContainsFunc(next, func(o listing) bool { return o.key == key }) {
				continue
			}
		}
		next = append(next, l)
	}
	return next
}
