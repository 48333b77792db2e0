package main

import (
	"regexp"
	"strings"
)

// thumbprintStart is the beginning of a thumbprint, as keys list shows it where its
// table is too wide; the ellipsis is seldom copied with it. What is shorter is taken
// for a mistake.
var thumbprintStart = regexp.MustCompile(`^([A-Za-z0-9_-]{10,42})…?$`)

// whole puts the whole thumbprint in the place of its beginning, for a command about
// a key that the guard has. It is false if that names no key, or several: then it has
// told so, and nothing else was asked.
func (k *keysRun) whole() bool {
	found := thumbprintStart.FindStringSubmatch(k.thumbprint)
	if found == nil {
		return true // the guard tells what is wrong with it
	}
	look := *k
	look.command.post, look.command.order, look.token = false, false, ""
	a, ok := look.ask("/api/v1/keys", nil)
	if !ok {
		return false
	}
	l, ok := look.read(a.body)
	if !ok {
		look.complainStrange()
		return false
	}
	var all []string
	for _, key := range l.keys {
		if strings.HasPrefix(key.Thumbprint, found[1]) {
			all = append(all, thumbprintText(key.Thumbprint))
		}
	}
	switch len(all) {
	case 0:
		k.complain("no key of %s has a thumbprint that begins with %s: compare it with jwtguard keys list, or give all 43 characters", name(k.issuer), found[1])
		return false
	case 1:
		k.thumbprint = all[0]
		return true
	}
	k.complain("%d keys of %s have a thumbprint that begins with %s: give more of it%s", len(all), name(k.issuer), found[1], named(all))
	return false
}
