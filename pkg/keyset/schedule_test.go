package keyset

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// schedules is how many random lives are played; each has its number as seed. Of
// every tenth, all snapshots are kept and compared, and a set that was restored
// half-way is played beside it: that takes most of the time.
const schedules = 2000

func TestRandomSchedulesKeepTheInvariants(t *testing.T) {
	for seed := range uint64(schedules) {
		w := newWorld(seed)
		for range 40 {
			w.turn()
			w.check()
			if w.wrong != "" {
				t.Fatalf("seed %d: %s\n%s", seed, w.wrong, strings.Join(w.log, "\n"))
			}
		}
		w.thaw()
		if w.wrong != "" {
			t.Fatalf("seed %d: %s\n%s", seed, w.wrong, strings.Join(w.log, "\n"))
		}
	}
}

// world plays a random schedule and keeps its own, simple account of what must
// never be accepted again.
type world struct {
	*rand.Rand
	set, before *Set
	twin        *Set // restored from the records of set at some turn; nil: none
	events      []Event
	now         Instant
	log         []string
	wrong       string
	frozen      []frozen

	listedAt   map[string]time.Time // by thumbprint: the newest document that listed it
	revoked    map[string]bool      // by thumbprint
	distrusted map[string]bool      // of the revoked ones, those that another issuer knows of
	dead       map[string]bool      // by thumbprint: retired for ever
	newest     Document
	closely    bool          // keep the snapshots
	excused    bool          // the turn was a reinstatement: deadlines may go
	maxStale   time.Duration // the longest that was in force
	tail       time.Duration // the longest max(grace, removal_confirm)
}

// Four of the materials share two moduli.
var (
	worldKids      = []string{"A", "B", "C", "D"}
	worldMaterials = []string{"m1/n1", "m2/n1", "m3/n2", "m4/n2", "m5", "m6"}
)

func newWorld(seed uint64) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 0)), now: instant(0),
		listedAt: map[string]time.Time{}, revoked: map[string]bool{}, distrusted: map[string]bool{}, dead: map[string]bool{},
		closely: seed%10 == 0,
	}
	w.before = New(w.params())
	w.set = w.before
	return w
}

func (w *world) params() Params {
	p := Params{
		Interval: minutes(5), MaxStale: minutes(20 + w.IntN(60)), Grace: minutes(w.IntN(60)),
		RemovalConfirm: minutes(1 + w.IntN(3)), ReplaceReused: w.IntN(2) == 0,
	}
	if w.IntN(4) == 0 {
		p.ActivationDelay = minutes(w.IntN(30))
	}
	w.maxStale = max(w.maxStale, p.MaxStale)
	w.tail = max(w.tail, p.Grace, p.RemovalConfirm)
	return p
}

// turn lets some time pass, and then one thing happen.
func (w *world) turn() {
	w.excused = false
	drift := w.now.Wall.Sub(w.now.Life)
	if w.IntN(15) == 0 {
		drift = minutes(w.IntN(400) - 200)
	}
	step := minutes(w.IntN(8))
	if w.IntN(15) == 0 {
		step = minutes(w.IntN(200))
	}
	w.now.Life = w.now.Life.Add(step)
	w.now.Wall = w.now.Life.Add(drift)
	w.before, w.events = w.set, nil
	if w.closely && w.twin == nil && w.IntN(20) == 0 {
		w.restart()
	}
	var what string
	switch n := w.IntN(20); {
	case n < 12:
		what = w.observe()
	case n < 16:
		what = w.order()
	case n < 17:
		p := w.params()
		w.play(func(s *Set) (*Set, []Event) { return s.WithParams(p), nil })
		what = fmt.Sprintf("settings %+v", p)
	case n < 18:
		l := listed("=" + w.material())
		w.distrust(l)
		w.revoke(l.Thumbprint, l.Modulus)
		for thumbprint := range w.revoked {
			w.distrusted[thumbprint] = true
		}
		what = "distrust " + l.Thumbprint
	default:
		w.play(func(s *Set) (*Set, []Event) { return s.Advance(w.now) })
		what = "advance"
	}
	w.log = append(w.log, fmt.Sprintf("minute %v, drift %v: %s", w.now.Life.Sub(midnight).Minutes(), drift, what))
	if w.closely && w.set != w.before {
		w.frozen = append(w.frozen, frozen{w.set, fingerprint(w.set)})
	}
}

func (w *world) kid() string      { return worldKids[w.IntN(len(worldKids))] }
func (w *world) material() string { return worldMaterials[w.IntN(len(worldMaterials))] }

// document is mostly the one before, changed a little, as issuers do it.
func (w *world) document() Document {
	doc := Document{Keys: slices.Clone(w.newest.Keys)}
	for range w.IntN(3) {
		switch n := w.IntN(10); {
		case n == 0:
			doc.Keys = nil
		case n < 5 && len(doc.Keys) > 0:
			i := w.IntN(len(doc.Keys))
			doc.Keys = slices.Delete(doc.Keys, i, i+1)
		default:
			l := listed(w.kid() + "=" + w.material())
			if w.IntN(6) == 0 {
				l.NotBefore = w.now.Life.Add(minutes(w.IntN(30)))
			}
			if w.IntN(6) == 0 {
				l.Expires = w.now.Life.Add(minutes(w.IntN(200)))
			}
			doc.Keys = slices.Insert(doc.Keys, w.IntN(len(doc.Keys)+1), l)
		}
	}
	if w.IntN(25) == 0 {
		doc.Skipped = append(doc.Skipped, private(w.kid()+"="+w.material()))
	}
	return doc
}

func (w *world) observe() string {
	doc := w.document()
	age := time.Duration(0)
	if w.IntN(5) == 0 {
		age = minutes(w.IntN(15))
	}
	at := Instant{Wall: w.now.Wall.Add(-age), Life: w.now.Life.Add(-age)}
	what := fmt.Sprintf("document, %v old:", age)
	for _, l := range doc.Keys {
		what += " " + l.Kid + "=" + l.Thumbprint
	}
	old := !w.before.Observed().IsZero() && at.Life.Before(w.before.Observed().Life)
	for _, s := range doc.Skipped {
		w.revoke(s.Thumbprint, s.Modulus)
		what += ", private " + s.Kid + "=" + s.Thumbprint
	}
	if w.IntN(4) == 0 {
		w.restrict(doc, at)
	}
	observe := func(s *Set) (*Set, []Event) { return s.Observe(doc, at, w.now) }
	if w.IntN(20) == 0 {
		what = "restrict to the " + what
		observe = func(s *Set) (*Set, []Event) { return s.Restrict(doc, at, w.now) }
	}
	w.play(observe)
	if w.closely {
		if again, _ := observe(w.before); fingerprint(again) != fingerprint(w.set) {
			w.wrong = "the same document led to two different sets"
		}
	}
	for _, l := range doc.Keys { // as whoever applies documents does
		if w.distrusted[l.Thumbprint] {
			w.distrust(l)
		}
	}
	if !old {
		w.newest = doc
		for _, l := range doc.Keys {
			w.listedAt[l.Thumbprint] = at.Life
		}
	}
	return what
}

func (w *world) order() string {
	o := Order{Action: []Action{Retire, Retire, Revoke, Reinstate}[w.IntN(4)], Grace: minutes(w.IntN(40))}
	if n := w.IntN(3); n > 0 {
		o.Kid = w.kid()
	}
	if n := w.IntN(3); n > 1 || o.Kid == "" {
		l := listed("=" + w.material())
		o.Thumbprint, o.Modulus = l.Thumbprint, l.Modulus
	}
	if w.IntN(3) == 0 {
		o.At = w.now.Life.Add(minutes(w.IntN(60) - 30))
	}
	targets := w.before.edit(w.now).targets(o)
	set, _, err := w.before.Apply(o, w.now)
	w.play(func(s *Set) (*Set, []Event) {
		set, events, _ := s.Apply(o, w.now)
		return set, events
	})
	if err == nil {
		if again, events, err := set.Apply(o, w.now); err == nil && o.Action != Reinstate && (again != set || events != nil) {
			w.wrong = "the order given again changes something"
		}
		for _, i := range targets {
			k := w.before.keys[i]
			switch o.Action {
			case Revoke:
				w.revoke(k.Thumbprint, k.Modulus)
			case Reinstate:
				w.excused = true
				if n, ok := w.set.ByThumbprint(k.Thumbprint); !ok || !n.Final {
					delete(w.dead, k.Thumbprint)
				}
			}
		}
		if o.Action == Revoke {
			w.revoke(o.Thumbprint, o.Modulus)
		}
	}
	return fmt.Sprintf("order %+v: %v", o, err)
}

// revoke notes what is revoked for ever: the material, and what shares its
// modulus.
func (w *world) revoke(thumbprint, modulus string) {
	w.revoked[thumbprint] = true
	for _, m := range worldMaterials {
		if l := listed("=" + m); modulus != "" && l.Modulus == modulus {
			w.revoked[l.Thumbprint] = true
		}
	}
}

func (w *world) fail(k *Key, format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...) + fmt.Sprintf("\nrecord: %+v", *k)
	}
}

func (w *world) check() {
	stale := w.set.Stale(w.now)
	for _, k := range w.set.Keys() {
		usable := k.State(w.now).Usable()
		if k.Thumbprint != "" {
			if found, _ := w.set.ByThumbprint(k.Thumbprint); found != k {
				w.fail(k, "the record is not found by its thumbprint")
			}
		}
		switch {
		case usable && w.revoked[k.Thumbprint]:
			w.fail(k, "usable, and the material is revoked")
		case usable && w.dead[k.Thumbprint]:
			w.fail(k, "usable, and it was retired for ever")
		case usable && !k.Seen():
			w.fail(k, "usable, and no document listed it")
		case usable && !stale && w.now.Life.After(w.listedAt[k.Thumbprint].Add(w.maxStale+w.tail)):
			w.fail(k, "usable, and last listed at %v", w.listedAt[k.Thumbprint])
		}
		for _, both := range []Instant{{w.now.Wall, w.now.Wall}, {w.now.Life, w.now.Life}} {
			activated := *k // the activation delay goes by lifecycle time alone
			activated.Activates = time.Time{}
			if usable && k.Drift == 0 && !activated.State(both).Usable() {
				w.fail(k, "one clock alone would not permit it: %v", both)
			}
		}
		if !k.RevokedAt.IsZero() && !k.Final {
			w.fail(k, "revoked and not final")
		}
		if k.Final && !w.now.Life.Before(k.RetiredAt) && !w.now.Life.Before(k.GraceUntil) {
			w.dead[k.Thumbprint] = true
		}
		w.compare(k)
	}
	w.names(stale)
	w.widened()
	w.silent()
}

// compare holds a record against its older self.
func (w *world) compare(k *Key) {
	old, ok := w.before.ByThumbprint(k.Thumbprint)
	if !ok {
		for _, o := range w.before.Keys() {
			if k.Modulus != "" && o.Modulus == k.Modulus && o.Final && k.State(w.now).Usable() && k.Seen() && !w.excused {
				w.fail(k, "taken, though the modulus is that of a key out of service")
			}
		}
		return
	}
	switch {
	case !old.RevokedAt.IsZero() && !k.RevokedAt.Equal(old.RevokedAt):
		w.fail(k, "revoked_at changed from %v", old.RevokedAt)
	case w.excused:
	case old.Final && !k.Final:
		w.fail(k, "not final any more")
	case old.Final && k.RetiredAt.After(old.RetiredAt):
		w.fail(k, "retired_at moved from %v", old.RetiredAt)
	case !old.OrderedUntil.IsZero() && (k.OrderedUntil.IsZero() || k.OrderedUntil.After(old.OrderedUntil)):
		w.fail(k, "the end of the ordered grace moved from %v", old.OrderedUntil)
	case !old.LeftAt.IsZero() && k.LeftAt.Equal(old.LeftAt) &&
		(k.GraceUntil.After(old.GraceUntil) || k.GraceFrom.After(old.GraceFrom) || old.Confirmed && !k.Confirmed):
		w.fail(k, "the departure was %+v", old.Departure)
	}
}

// names checks what each kid leads to.
func (w *world) names(stale bool) {
	for _, kid := range worldKids {
		ref, ok := w.set.Lookup(kid)
		if !ok {
			for _, k := range w.set.Keys() {
				if k.alias(kid) >= 0 {
					w.fail(k, "%s leads nowhere", kid)
				}
			}
			continue
		}
		state := ref.State(w.now)
		usable := state.Usable() && !stale && ref.Seen()
		a := ref.Key.alias(kid)
		switch {
		case ref.Name != kid:
			w.fail(ref.Key, "%s leads to the name %s", kid, ref.Name)
		case usable && !ref.Key.State(w.now).Usable():
			w.fail(ref.Key, "%s is usable, and the key is not", kid)
		case a < 0 && !w.listedAs(ref, kid):
			w.fail(ref.Key, "%s leads to a key that never had the name", kid)
		case a < 0 && usable:
			w.fail(ref.Key, "%s is usable by a name that the key never had", kid)
		case usable && a >= 0 && !ref.Aliases[a].FirstSeen.IsZero() &&
			w.now.Life.After(ref.Aliases[a].LastSeen.Add(w.maxStale+w.tail)):
			w.fail(ref.Key, "%s is usable long after the name was withdrawn", kid)
		}
	}
}

// listedAs tells whether the newest document lists the key, or one of the same
// modulus, under a name that is not its own.
func (w *world) listedAs(ref Ref, kid string) bool {
	return slices.ContainsFunc(w.newest.Keys, func(l Listed) bool {
		return l.Kid == kid && (l.Thumbprint == ref.Thumbprint || l.Modulus != "" && l.Modulus == ref.Modulus)
	})
}

func (w *world) thaw() {
	for i, f := range w.frozen {
		if fingerprint(f.set) != f.text {
			w.wrong = fmt.Sprintf("snapshot %d changed after it was published", i)
		}
	}
}

// The schedules must reach what they are about.
func TestRandomSchedulesReachEveryState(t *testing.T) {
	states, anomalies := map[State]int{}, map[Anomaly]int{}
	finals, restarts := 0, 0
	for seed := range uint64(200) {
		w := newWorld(seed)
		for range 40 {
			w.turn()
			for _, k := range w.set.Keys() {
				states[k.State(w.now)]++
				if k.Reason == "withdrawn by the issuer" {
					finals++
				}
			}
			for a := range w.set.told {
				anomalies[a.Anomaly]++
			}
		}
		if w.twin != nil {
			restarts++
		}
	}
	for s := Pending; s <= Revoked; s++ {
		if states[s] < 100 {
			t.Errorf("%s only %d times", s, states[s])
		}
	}
	for _, a := range []Anomaly{KidReused, KidAmbiguous, RetiredKeyReturned} {
		if anomalies[a] < 100 {
			t.Errorf("%s only %d times", a, anomalies[a])
		}
	}
	if restarts < 10 {
		t.Errorf("restored only %d times", restarts)
	}
	if finals < 100 {
		t.Errorf("final by the issuer's withdrawal only %d times", finals)
	}
	if t.Failed() {
		t.Logf("%v %v", states, slices.Sorted(maps.Keys(anomalies)))
	}
}
