package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// compare holds every record and every name of the guard against the model.
func (w *world) compare() error {
	now, at := w.now(), w.guard.clock.Now()
	if got := (instant{wall: momentOf(at.Wall), life: momentOf(at.Life)}); got != now {
		return fmt.Errorf("the guard's clocks show %v, the model's %v", got, now)
	}
	for i, m := range w.models {
		set := w.guard.caches[i].Set()
		var got []view
		for _, k := range set.Keys() {
			got = append(got, viewOf(k, at))
		}
		if want := m.views(now); !slices.Equal(sorted(got), want) {
			return fmt.Errorf("the records of %s differ:\n  guard %s\n  model %s", issuerNames[i], listOf(got), listOf(want))
		}
	}
	return w.compareStates()
}

func listOf(all []view) string {
	var lines []string
	for _, v := range all {
		lines = append(lines, v.String())
	}
	return "[" + strings.Join(lines, "\n         ") + "]"
}

// compareStates holds the state under every name against the model's: what a
// token that names it would meet.
func (w *world) compareStates() error {
	now, at := w.now(), w.guard.clock.Now()
	var all []error
	for i, m := range w.models {
		set := w.guard.caches[i].Set()
		for _, kid := range kids {
			want, got := none, none
			if r := m.names[kid]; r != nil {
				want = r.stateAs(kid, now)
			}
			if ref, ok := set.Lookup(kid); ok {
				got = state(ref.State(at).String())
			}
			if m.dead[kid] && (got == retired || got == revoked) {
				continue // a key out of service was the last one to be listed under this name
			}
			if got != want {
				all = append(all, fmt.Errorf("%s: the kid %s is %s in the guard and %s in the model", issuerNames[i], kid, got, want))
			}
		}
	}
	return errors.Join(all...)
}

// token has a token judged by both.
func (w *world) token(s step) error {
	p := passport{key: materials()[s.key], kid: kids[s.kid], iat: w.wall.now().Add(-s.d).Unix(), exp: w.wall.now().Add(20 * time.Minute).Unix()}
	switch s.n {
	case expiredToken:
		p.exp = w.wall.now().Add(-clockSkew - time.Second).Unix()
	case futureToken:
		p.iat = w.wall.now().Add(clockSkew + 2*time.Second).Unix()
	case forgedToken:
		p.forged = true
	}
	return w.judge(s.iss, p)
}

// judge lets both judge one token, and checks what must hold of every allow.
func (w *world) judge(iss int, p passport) error {
	w.calm()
	if w.disk.dead() {
		return nil
	}
	now := w.now()
	before := w.uses()
	d := w.guard.decide(p.token(issuers[iss]))
	got, want := string(d.Reason), w.models[iss].judge(p, clockSkew, now)
	w.tell("%s: a token of %s as %s, issued %s ago: %s", issuerNames[iss], p.key.label, p.kid, now.wall-seconds(p.iat), got)
	if !slices.Contains(want, got) {
		return fmt.Errorf("%s: a token of %s as %s: the guard says %s (%s), the model %s", issuerNames[iss], p.key.label, p.kid, got, d.Detail, strings.Join(want, " or "))
	}
	if d.Refresh != 0 {
		w.guard.caches[iss].Refresh(context.Background(), 0)
	}
	return w.checks.decided(w, iss, p, d, w.uses()-before)
}

// uses is how many tokens were accepted, by all keys together.
func (w *world) uses() (n uint64) {
	for _, c := range w.guard.caches {
		for _, k := range c.Set().Keys() {
			n += k.Allowed()
		}
	}
	return n
}
