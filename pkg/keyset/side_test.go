package keyset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// play lets something happen to the set, and to its twin: they must not differ.
func (w *world) play(apply func(*Set) (*Set, []Event)) {
	var events []Event
	w.set, events = apply(w.set)
	w.events = append(w.events, events...)
	if w.twin == nil {
		return
	}
	var again []Event
	w.twin, again = apply(w.twin)
	if diff := cmp.Diff(lines(lasting(w.set)), lines(lasting(w.twin))); diff != "" {
		w.wrong = "the restored set went another way (-, it: +)\n" + diff
	}
	if diff := cmp.Diff(told(events), told(again)); diff != "" {
		w.wrong = "the restored set tells other events (-, it: +)\n" + diff
	}
}

func (w *world) distrust(l Listed) {
	w.play(func(s *Set) (*Set, []Event) { return s.Distrust(l.Thumbprint, l.Modulus, "elsewhere", w.now) })
}

// restart gives the set a twin that has been through a ledger.
func (w *world) restart() {
	var records []*Key
	for _, k := range w.set.Keys() {
		c := *k
		c.Usage, c.Aliases = nil, slices.Clone(k.Aliases)
		records = append(records, &c)
	}
	w.twin = Restore(w.set.Observed(), records).WithParams(w.set.Params())
	w.log = append(w.log, "restart")
}

// lasting is what a restart must not change.
func lasting(s *Set) string {
	c := *s
	c.failing, c.skipped, c.returned, c.told = false, nil, nil, nil
	return fingerprint(&c)
}

// whole is all of a set; in what order keys are refused is no part of it.
func whole(s *Set) string {
	c := *s
	c.skipped = slices.SortedFunc(slices.Values(s.skipped), func(a, b Skipped) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return fingerprint(&c)
}

func lines(s string) []string { return strings.Split(s, "\n") }

// told lists events without the anomalies: a restart tells those that last again.
func told(events []Event) (all []string) {
	for _, e := range events {
		if e.Type != EventAnomaly {
			all = append(all, fmt.Sprintln(e.Type, e.Kid, e.Key.Thumbprint, e.From, e.To, e.Action))
		}
	}
	return all
}

// usable lists what tokens are accepted by: keys by thumbprint, and names.
func usable(s *Set, now Instant) map[string]bool {
	all := map[string]bool{}
	for _, k := range s.Keys() {
		if k.State(now).Usable() {
			all[k.Thumbprint] = true
		}
	}
	for _, kid := range worldKids {
		if ref, ok := s.Lookup(kid); ok && ref.State(now).Usable() {
			all[kid+" of "+ref.Thumbprint] = true
		}
	}
	return all
}

// beyond lists what is in a and not in b.
func beyond(a, b map[string]bool) []string {
	c := maps.Clone(a)
	maps.DeleteFunc(c, func(name string, _ bool) bool { return b[name] })
	return slices.Sorted(maps.Keys(c))
}

// widened checks that the turn says so if it let something pass.
func (w *world) widened() {
	more := beyond(usable(w.set, w.now), usable(w.before, w.now))
	if len(more) > 0 && !Widens(w.events) && w.wrong == "" {
		w.wrong = fmt.Sprintf("usable now, and no event tells: %q", more)
	}
}

// silent checks that an event tells of each record that changed: a ledger would
// lose it else. The last sight may be older there, new settings are kept by the
// configuration, and of a key that is out of service nothing counts any more.
func (w *world) silent() {
	if !w.closely || !cmp.Equal(w.set.Params(), w.before.Params()) {
		return
	}
	text := func(k *Key) string {
		c := *k
		c.Usage, c.LastSeen, c.Aliases = nil, time.Time{}, slices.Clone(k.Aliases)
		for i := range c.Aliases {
			c.Aliases[i].LastSeen = time.Time{}
		}
		return fmt.Sprintf("%+v", c)
	}
	for _, k := range w.set.Keys() {
		old, ok := w.before.ByThumbprint(k.Thumbprint)
		if ok && old != k && k.State(w.now) < Retired && text(old) != text(k) &&
			!slices.ContainsFunc(w.events, func(e Event) bool { return e.Key != nil && e.Key.Thumbprint == k.Thumbprint }) {
			w.fail(k, "no event tells of the change from %s", text(old))
		}
	}
}

// restrict checks that a document that is held back takes away what it would
// otherwise, gives nothing, and leaves no mark when it is applied after all.
func (w *world) restrict(doc Document, at Instant) {
	observed, _ := w.before.Observe(doc, at, w.now)
	restricted, _ := w.before.Restrict(doc, at, w.now)
	was, is, will := usable(w.before, w.now), usable(restricted, w.now), usable(observed, w.now)
	if more := beyond(is, was); len(more) > 0 {
		w.wrong = fmt.Sprintf("a restriction gives %q", more)
	}
	for _, name := range beyond(is, will) {
		kid, thumbprint, isName := strings.Cut(name, " of ")
		if ref, ok := observed.Lookup(kid); !isName || !ok || ref.Thumbprint == thumbprint {
			w.wrong = fmt.Sprintf("a restriction leaves %q", name)
		}
	}
	if w.bars(restricted, observed, doc) {
		return
	}
	again, _ := restricted.Observe(doc, at, w.now)
	if diff := cmp.Diff(lines(whole(observed)), lines(whole(again))); diff != "" {
		w.wrong = "a restriction leaves a mark (-, with it: +)\n" + diff
	}
	if w.wrong != "" {
		w.wrong += fmt.Sprintf("\nby the document %+v", doc)
	}
}

// bars tells whether a key goes out of service of which the document lists the
// material: from the next observation on, that is refused for another reason. Or
// it names a key that was ordered out by its kid, and whose modulus is known now.
func (w *world) bars(restricted, observed *Set, doc Document) bool {
	out := func(k *Key) bool { return k.ordered(w.now) && k.State(w.now) >= Retired }
	return slices.ContainsFunc(doc.Keys, func(l Listed) bool {
		return slices.ContainsFunc(observed.akin(l.Thumbprint, l.Modulus), func(i int) bool {
			k := observed.keys[i]
			was, known := w.before.ByThumbprint(k.Thumbprint)
			is, _ := restricted.ByThumbprint(k.Thumbprint)
			return known && !out(was) && out(is) && out(k) || !known && k.Final && k.RevokedAt.IsZero()
		})
	})
}
