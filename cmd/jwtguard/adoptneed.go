package main

import (
	"fmt"
	"strings"
)

// adoptNeed is what one kind of route asks of a request, as far as a policy can
// say it.
type adoptNeed struct {
	takes   []adoptTake // of any of them
	missing bool        // a request without a token passes
	failed  bool        // every request passes
	free    bool        // it is not even looked at
	closed  bool        // it cannot be said here: nothing passes
	partly  bool        // a part of it cannot be said here, and was left out
}

// adoptTake is a provider, with audiences of its own or those named beside it.
type adoptTake struct {
	provider  *adoptProvider
	audiences []string
}

// key is the same for needs that are the same.
func (n adoptNeed) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%t %t %t %t", n.missing, n.failed, n.free, n.closed)
	fmt.Fprintf(&b, " %t", n.partly)
	for _, t := range n.takes {
		fmt.Fprintf(&b, " %p%q", t.provider, t.audiences)
	}
	return b.String()
}

// requirement reads a JwtRequirement.
func (f *adoptFilter) requirement(a *adoption, p place) adoptNeed {
	var n adoptNeed
	set := 0
	one := options[*adoptNeed]{
		"provider_name": func(a *adoption, n *adoptNeed, p place) {
			n.takes = f.take(a, p, a.text(p), nil)
			n.closed = n.takes == nil
		},
		"provider_and_audiences": func(a *adoption, n *adoptNeed, p place) {
			name, at := "", p
			var audiences []string
			readOptions(a, p, n, options[*adoptNeed]{
				"provider_name": func(a *adoption, _ *adoptNeed, p place) { name, at = a.text(p), p },
				"audiences":     func(a *adoption, _ *adoptNeed, p place) { audiences = a.texts(p) },
			})
			if audiences != nil {
				// Without one that can be written nothing may pass.
				if audiences = a.ownAudiences(p, audiences); len(audiences) == 0 {
					n.closed = true
					return
				}
			}
			n.takes = f.take(a, at, name, audiences)
			n.closed = n.takes == nil
		},
		"requires_any": func(a *adoption, n *adoptNeed, p place) { f.requiresAny(a, n, p) },
		"requires_all": func(a *adoption, n *adoptNeed, p place) { f.requiresAll(a, n, p) },
		"allow_missing": func(_ *adoption, n *adoptNeed, _ place) {
			n.missing = true
		},
		"allow_missing_or_failed": func(_ *adoption, n *adoptNeed, _ place) {
			n.missing, n.failed = true, true
		},
		"extract_only_without_validation": func(a *adoption, n *adoptNeed, p place) {
			readOptions(a, p, n, options[*adoptNeed]{"verification_status_header": func(a *adoption, _ *adoptNeed, p place) { a.text(p) }})
			n.missing, n.failed = true, true
			a.note(noteLost, p, "claims of a token that nobody verified are never copied to headers", "where another hop verifies the token, leave the guard out; else only claims of good tokens arrive, and every request passes, as before")
		},
	}
	for key := range one {
		if v := p.Get(key); v != nil || p.Get(camel(key)) != nil {
			set++
		}
	}
	readOptions(a, p, &n, one)
	switch {
	case set > 1:
		a.mistake(p, "several requirements are set: one of them is, or requires_any or requires_all holds them")
	case set == 0:
		n.free = true
	}
	return n
}

// camel is the name of an option as protobuf's JSON has it.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func (f *adoptFilter) take(a *adoption, p place, name string, audiences []string) []adoptTake {
	v := f.providers[name]
	if v == nil {
		a.mistake(p, "there is no provider %s in providers", cited(name))
		return nil
	}
	if audiences == nil {
		audiences = v.audiences
	}
	return []adoptTake{{v, audiences}}
}

// requirements reads the list of requires_any and requires_all.
func (f *adoptFilter) requirements(a *adoption, p place) (all []adoptNeed) {
	readOptions(a, p, &all, options[*[]adoptNeed]{
		"requirements": func(a *adoption, all *[]adoptNeed, p place) {
			a.each(p, func(p place) {
				switch n := f.requirement(a, p); {
				case n.free:
					a.note(noteLost, p, "an empty requirement among others is left out: STRICTER than before", "")
				default:
					*all = append(*all, n)
				}
			})
		},
	})
	return all
}

// requiresAny takes what any of the requirements takes. What cannot be said is
// left out, which is stricter.
func (f *adoptFilter) requiresAny(a *adoption, n *adoptNeed, p place) {
	n.closed = true
	for _, one := range f.requirements(a, p) {
		n.closed = n.closed && one.closed
		n.partly = n.partly || one.partly || one.closed
		n.missing, n.failed = n.missing || one.missing, n.failed || one.failed
		for _, t := range one.takes {
			n.add(t)
		}
	}
}

// add adds a take, once.
func (n *adoptNeed) add(t adoptTake) {
	for _, have := range n.takes {
		if have.provider == t.provider && fmt.Sprintf("%q", have.audiences) == fmt.Sprintf("%q", t.audiences) {
			return
		}
	}
	n.takes = append(n.takes, t)
}

// requiresAll can be said only if all are the same.
func (f *adoptFilter) requiresAll(a *adoption, n *adoptNeed, p place) {
	all := f.requirements(a, p)
	if len(all) > 0 {
		*n = all[0]
	}
	for _, other := range all {
		if other.key() != n.key() {
			*n = adoptNeed{closed: true}
			a.note(noteLost, p, "several tokens at once: exactly one is taken of a request", "NOTHING PASSES the policy until you choose: keep jwt_authn for the other token, and name the issuer of one in the policy's issuers")
			return
		}
	}
	n.closed = n.closed || len(all) == 0
}
