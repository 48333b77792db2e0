package ledger

import (
	"bytes"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Events of the ledger's own.
const (
	eventOpened    = "file_opened"
	eventLoss      = "state_loss_accepted"
	eventStarted   = "guard_started"
	eventStopped   = "guard_stopped"
	eventRecord    = "key_record"
	eventForgotten = "key_forgotten"
	eventObserved  = "observed"
	eventUsage     = "usage"
	eventGap       = "gap"
)

// observedEvery is how often an observation is noted that changed nothing, in
// lifecycle time: a line for each would be most of the file.
const observedEvery = 15 * time.Minute

// image is what a replay of the file would give of one issuer. It is immutable;
// the writer replaces it once the lines that change it are durable.
type image struct {
	name     string
	observed keyset.Instant
	entries  []*entry
	latest   *keyset.Set // that it was compared with last: the same records, but for when they were seen
}

// entry is one record; immutable.
type entry struct {
	id    ident
	key   *keyset.Key
	tally keyset.Tally // the sum of the usage lines
}

// kid is the name of the record in a line, or what it is known by.
func (e *entry) kid() string {
	if e.id.thumbprint == "" {
		return e.id.kid
	}
	return e.key.Kid()
}

// batch is lines in the making, and what a replay would give after them.
type batch struct {
	scroll
	now     keyset.Instant
	images  map[string]*draft // by iss; those that are touched
	compare [2]encoder
}

// draft is the image of one issuer in the making.
type draft struct {
	iss string
	image
	index map[ident]int // of entries; made when it is first needed
	wrote bool          // there are lines of this issuer in the batch
}

// draft begins, or goes on with, the image of an issuer.
func (b *batch) draft(iss, name string, base *image) *draft {
	d, ok := b.images[iss]
	if !ok {
		d = &draft{iss: iss}
		if base != nil {
			d.image = *base
			d.entries = append([]*entry(nil), base.entries...)
		}
		b.images[iss] = d
	}
	if name != "" {
		d.name = name
	}
	return d
}

// tell appends a line about a key of the issuer.
func (b *batch) tell(d *draft, at keyset.Instant, event string, kid, thumbprint string, more func()) {
	d.wrote = true
	b.line(at, event, func() {
		b.text("issuer", d.name)
		b.text("iss", d.iss)
		b.text("kid", kid)
		b.text("thumbprint", thumbprint)
		if more != nil {
			more()
		}
	})
}

// event appends what happened. Its record goes with it, unless a replay has it
// already, or the record is gone by this: then settle says so. It does not go with
// it if keep is false.
func (b *batch) event(d *draft, e keyset.Event, keep bool) {
	k := e.Key
	gone := k != nil && (e.Type == keyset.EventDropped || e.Type == keyset.EventOrdered && e.Action == keyset.Reinstate && !k.Seen())
	thumbprint, was, news := "", "", false
	if k != nil {
		thumbprint = k.Thumbprint
		if keep && !gone {
			was, news = d.put(k)
		}
	}
	b.tell(d, e.At, string(e.Type), e.Kid, thumbprint, func() {
		b.text("from", e.From.String())
		b.text("to", e.To.String())
		b.text("action", string(e.Action))
		b.flag("forced", e.Forced)
		b.text("anomaly", string(e.Anomaly))
		b.text("detail", e.Detail)
		if k != nil {
			b.text("reason", k.Reason)
			b.text("actor", k.Actor)
		}
		if news {
			b.text("was", was)
			b.object("key", func() { b.key(k, true) })
		}
	})
}

// find looks an entry up.
func (d *draft) find(id ident) (int, bool) {
	if d.index == nil {
		d.index = make(map[ident]int, len(d.entries))
		for i, e := range d.entries {
			d.index[e.id] = i
		}
	}
	i, ok := d.index[id]
	return i, ok
}

// put takes a record into the image, and tells whether that is new to it; was is
// the kid by which it was known until now if its material has just come to light.
func (d *draft) put(k *keyset.Key) (was string, news bool) {
	id := identOf(k)
	if i, ok := d.find(id); ok {
		if d.entries[i].key == k {
			return "", false
		}
		d.entries[i] = &entry{id, k, d.entries[i].tally}
		return "", true
	}
	for _, a := range k.Aliases {
		if i, ok := d.find(ident{kid: a.Kid}); ok && d.entries[i].becomes(k) {
			delete(d.index, d.entries[i].id)
			d.entries[i] = &entry{id, k, d.entries[i].tally}
			d.index[id] = i
			return a.Kid, true
		}
	}
	d.entries = append(d.entries, &entry{id: id, key: k})
	d.index[id] = len(d.entries) - 1
	return "", true
}

// becomes tells whether k is the same record, which had no material before. The
// counters stay a record's for all its life.
func (e *entry) becomes(k *keyset.Key) bool {
	return e.id.thumbprint == "" && k.Thumbprint != "" && k.Usage != nil && e.key.Usage == k.Usage
}

// forget appends that a record is gone.
func (b *batch) forget(d *draft, e *entry) {
	b.tell(d, b.now, eventForgotten, e.kid(), e.id.thumbprint, nil)
}

// record appends the whole of a record, with what was counted before if it is new.
func (b *batch) record(d *draft, k *keyset.Key, was string, totals keyset.Tally) {
	b.tell(d, b.now, eventRecord, k.Kid(), k.Thumbprint, func() {
		b.text("was", was)
		b.object("key", func() { b.key(k, true) })
		if totals != (keyset.Tally{}) {
			b.object("usage", func() { b.tally(totals) })
		}
	})
}

// settle appends what is missing for a replay to give the records of the set, in
// their order, and notes its observation if that is worth a line, or with force.
func (b *batch) settle(d *draft, set *keyset.Set, force bool) {
	keys, old := set.Keys(), d.entries
	d.entries, d.index, d.latest = make([]*entry, 0, len(keys)), nil, set
	totals := map[ident]keyset.Tally{} // of those that were forgotten, but come further on
	for _, k := range keys {
		id := identOf(k)
		for len(old) > 0 && old[0].id != id && !old[0].becomes(k) {
			b.forget(d, old[0])
			totals[old[0].id] = old[0].tally
			old = old[1:]
		}
		if len(old) == 0 {
			b.record(d, k, "", totals[id])
			d.entries = append(d.entries, &entry{id, k, totals[id]})
			continue
		}
		e := old[0]
		old = old[1:]
		if e.key != k && (e.id != id || !b.same(e.key, k, false)) {
			was := ""
			if e.id != id {
				was = e.id.kid
			}
			b.record(d, k, was, keyset.Tally{})
			e = &entry{id, k, e.tally}
		}
		d.entries = append(d.entries, e)
	}
	for _, e := range old {
		b.forget(d, e)
	}
	b.observe(d, set, force)
}

// observe notes the set's observation, and what does not follow from it.
func (b *batch) observe(d *draft, set *keyset.Set, force bool) {
	at := set.Observed()
	if at.IsZero() || at.Life.Equal(d.observed.Life) && at.Wall.Equal(d.observed.Wall) {
		return
	}
	if !force && !d.wrote && !d.observed.IsZero() && at.Life.Sub(d.observed.Life) < observedEvery {
		return
	}
	b.observed(d, at)
	for i, k := range set.Keys() {
		e := d.entries[i]
		if noted := observe(e.key, at.Life); noted != k && !b.same(noted, k, true) {
			b.record(d, k, "", keyset.Tally{})
		}
		if e.key != k {
			d.entries[i] = &entry{e.id, k, e.tally}
		}
	}
}

func (b *batch) observed(d *draft, at keyset.Instant) {
	d.observed = at
	b.tell(d, b.now, eventObserved, "", "", func() {
		b.object("observed", func() {
			b.time("wall", at.Wall)
			b.time("life", at.Life)
		})
	})
}

// same tells whether two records are the same in the file; without seen, when
// they were seen last does not count.
func (b *batch) same(x, y *keyset.Key, seen bool) bool {
	for i, k := range [...]*keyset.Key{x, y} {
		b.compare[i].b = append(b.compare[i].b[:0], '{')
		b.compare[i].key(k, seen)
	}
	return bytes.Equal(b.compare[0].b, b.compare[1].b)
}

// usage appends what was counted since the last usage line of each key.
func (b *batch) usage(d *draft) {
	for i, e := range d.entries {
		if e.key.Usage == nil {
			continue
		}
		t := e.key.Tally()
		if t == e.tally {
			continue
		}
		more := t
		more.Allowed, more.Denied = since(t.Allowed, e.tally.Allowed), since(t.Denied, e.tally.Denied)
		for s := range t.Attempts {
			more.Attempts[s] = since(t.Attempts[s], e.tally.Attempts[s])
		}
		d.entries[i] = &entry{e.id, e.key, t}
		b.tell(d, b.now, eventUsage, e.kid(), e.id.thumbprint, func() {
			b.object("usage", func() { b.tally(more) })
		})
	}
}

// since is how much n has grown; counters that began anew count from zero.
func since(n, before uint64) uint64 {
	if n < before {
		return n
	}
	return n - before
}

// used tells whether any key of the image has something to count.
func (m *image) used() bool {
	for _, e := range m.entries {
		if e.key.Usage != nil && e.key.Tally() != e.tally {
			return true
		}
	}
	return false
}
