package keyset

import "time"

// Restrict applies what a document takes away, and nothing that it would add:
// new keys and names are skipped, what had left stays where it was, neither back
// nor confirmed, and a kid that would pass to another key stays where it is. It
// is for the time until the rest is written down. Observing the same document at
// the same time later makes up for that.
func (s *Set) Restrict(doc Document, at, now Instant) (*Set, []Event) {
	return s.observe(doc, at, now, true)
}

// listing is a record under one of its kids.
type listing struct {
	key int
	kid string
}

// never is an activation that does not come: the last second that RFC 3339 can
// write.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// widens tells whether listing the record i as l would change more of it than
// the time of the last sight.
func (o *observation) widens(i int, l Listed) bool {
	k := o.keys[i]
	n, named := o.byKid[l.Kid]
	return !k.LeftAt.IsZero() || !named || n.key != i || !k.Aliases[n.alias].listed() ||
		changed(k, &Key{Alg: l.Alg, NotBefore: l.NotBefore, Expires: l.Expires, Activates: o.activation(k, false)})
}

// hold notes that the document lists the record i as l, and applies what that
// takes away. An alg that takes the place of another one waits: with neither of
// them the key would be lost to its tokens.
func (o *observation) hold(i int, l Listed) {
	o.present[i] = l
	o.held[listing{i, l.Kid}] = true
	if !o.keys[i].Seen() {
		return
	}
	k := o.change(i)
	before := *k
	k.LastSeen = o.at
	if j := k.alias(l.Kid); j >= 0 && k.Aliases[j].listed() && o.byKid[l.Kid] == (name{i, j}) {
		k.Aliases[j].LastSeen = o.at
	}
	if k.Alg == "" {
		k.Alg = l.Alg
	}
	k.NotBefore, k.Expires = later(k.NotBefore, l.NotBefore), earlier(k.Expires, l.Expires)
	if changed(&before, k) {
		o.tell(i, Event{Type: EventChanged})
	}
}

// shelve keeps the record i, which was withdrawn while pending, from ever being
// in force. It is not dropped: its kid would lead to an older key again.
func (o *observation) shelve(i int) {
	if !o.keys[i].Activates.Equal(never) {
		o.change(i).Activates = never
		o.tell(i, Event{Type: EventChanged})
	}
}

// changed tells whether a listing made another key of k than it was.
func changed(was, k *Key) bool {
	return k.Alg != was.Alg || !k.NotBefore.Equal(was.NotBefore) || !k.Expires.Equal(was.Expires) ||
		!k.Activates.Equal(was.Activates)
}
