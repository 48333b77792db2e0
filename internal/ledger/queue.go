package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// maxEvents bounds the lines that wait for a disk that fails: 10 MB or so. The
	// records are exact without them.
	maxEvents = 10_000
	// maxNotes bounds the notes among them, which strangers may cause.
	maxNotes = 1_000
)

// item is a line that waits.
type item struct {
	n         uint64 // of the call that brought it
	name, iss string
	event     keyset.Event
	note      *note // in place of the event
	kept      bool  // the event belongs to a set, and its record is kept
	bare      bool  // its record comes with the set alone
}

// note is a line that is not of the life of a key.
type note struct {
	event string
	at    keyset.Instant
	more  func(*encoder)
}

// turn tells whether a key took a turn in its life: an order, or another state.
func (i item) turn() bool { return i.order() || i.event.Type == keyset.EventState }

// order tells whether the item is one of those that are left out last.
func (i item) order() bool { return i.note == nil && i.event.Type == keyset.EventOrdered }

// latest is the newest set of an issuer that waits.
type latest struct {
	n    uint64
	name string
	set  *keyset.Set
}

// commit is a change that takes effect once it is durable.
type commit struct {
	keyset.Change
	n         uint64
	done      chan error // holds one
	taken     bool       // the writer has it
	abandoned bool       // nobody waits for it any more, and it was taken by then
}

// queue is what waits for the writer. Its size is bounded by the number of
// issuers, maxEvents and the callers that wait in Commit.
type queue struct {
	items   []item
	notes   int               // among the items
	sets    map[string]latest // by iss; recorded ones
	commits []*commit
	usage   bool      // the usage of all keys is to be written, before it is due
	upTo    uint64    // the last call that recorded something
	leftOut uint64    // lines for which there was no room
	since   time.Time // when the first of them was left out, by the wall clock
}

func (q *queue) empty() bool {
	return len(q.items) == 0 && len(q.sets) == 0 && len(q.commits) == 0
}

// admit takes a line in if there is room. An order displaces another line.
func (q *queue) admit(i item) {
	if i.note != nil && q.notes >= maxNotes {
		q.leave(i)
		return
	}
	if len(q.items) >= maxEvents {
		last := -1
		if i.order() {
			for last = len(q.items) - 1; last >= 0 && q.items[last].order(); last-- {
			}
		}
		if last < 0 {
			q.leave(i)
			return
		}
		q.leave(q.items[last])
		if q.items[last].note != nil {
			q.notes--
		}
		q.items = slices.Delete(q.items, last, last+1)
	}
	if i.note != nil {
		q.notes++
	}
	q.items = append(q.items, i)
}

// leave counts a line that is left out.
func (q *queue) leave(i item) {
	if q.leftOut++; q.since.IsZero() {
		q.since = i.event.At.Wall
		if i.note != nil {
			q.since = i.note.at.Wall
		}
	}
}

// record takes a change in that is in force.
func (q *queue) record(n uint64, c keyset.Change) {
	for _, i := range items(n, c) {
		q.admit(i)
	}
	if c.Set != nil {
		if q.sets == nil {
			q.sets = map[string]latest{}
		}
		q.sets[c.Issuer] = latest{n, c.Name, c.Set}
	}
	q.upTo = n
}

func items(n uint64, c keyset.Change) []item {
	all := make([]item, len(c.Events))
	for i, e := range c.Events {
		all[i] = item{n: n, name: c.Name, iss: c.Issuer, event: e, kept: c.Set != nil}
	}
	return all
}

// bared is the item without its record, but for what stands in the line itself:
// of lines that wait for long, the records would take memory without bound.
func (i item) bared() item {
	if k := i.event.Key; k != nil && !i.bare {
		i.event.Key, i.bare = &keyset.Key{Thumbprint: k.Thumbprint, Reason: k.Reason, Actor: k.Actor}, true
	}
	return i
}

// restore puts back what could not be written, before what has come since.
func (q *queue) restore(t queue) {
	newer := *q
	*q = queue{commits: newer.commits, sets: t.sets, usage: t.usage || newer.usage, upTo: max(t.upTo, newer.upTo), leftOut: t.leftOut + newer.leftOut, since: t.since}
	if q.since.IsZero() {
		q.since = newer.since
	}
	for _, i := range t.items {
		q.admit(i.bared())
	}
	for _, i := range newer.items {
		q.admit(i)
	}
	if q.sets == nil {
		q.sets = map[string]latest{}
	}
	for iss, l := range newer.sets {
		q.sets[iss] = l
	}
}

// all are the lines of the queue in the order of their calls, those of the
// commits included.
func (q *queue) all() []item {
	all := q.items
	for _, c := range q.commits {
		all = append(all[:len(all):len(all)], items(c.n, c.Change)...)
	}
	slices.SortStableFunc(all, func(a, b item) int { return cmp.Compare(a.n, b.n) })
	return all
}

// newest are the sets that are in force once the queue is written.
func (q *queue) newest() map[string]latest {
	newest := make(map[string]latest, len(q.sets)+len(q.commits))
	for iss, l := range q.sets {
		newest[iss] = l
	}
	for _, c := range q.commits {
		if c.Set != nil && newest[c.Issuer].n < c.n {
			newest[c.Issuer] = latest{c.n, c.Name, c.Set}
		}
	}
	return newest
}
