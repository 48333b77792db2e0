package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// chronicle is a ledger that tells the life of some keys, and how they stood at its end.
type chronicle struct {
	lines []string // with their newlines
	older []string // the files before
	names []string // of those
	set   *keyset.Set
	end   keyset.Instant
	words []words // of the lines
}

// tale tells the story of a seed, with a restart in it, from a snapshot on.
func tale(t *testing.T, seed uint64) chronicle {
	t.Helper()
	d, s := newDisk(), chronicle{}
	synctest.Test(t, func(t *testing.T) {
		p := newLife(seed, clockFrom(time.Time{}))
		for range 2 {
			cfg := d.config()
			cfg.RotateAt = 3000
			l, err := Open(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			stop := run(t, l)
			for range 12 {
				time.Sleep(time.Duration(p.IntN(400)) * time.Second)
				next, events := p.turn()
				p.set = next
				if err := l.Record(change(next, events))(context.Background()); err != nil {
					t.Fatal(err)
				}
				for _, k := range p.set.Keys() {
					if k.State(p.clock()) >= keyset.Retired {
						k.Attempt(keyset.Invalid)
					}
				}
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
		s.set, s.end = p.set, p.clock()
	})
	s.lines = strings.SplitAfter(strings.TrimSuffix(d.read(fileName), "\n"), "\n")
	s.lines[len(s.lines)-1] += "\n"
	seqs, _ := archives(d.list())
	for _, seq := range seqs {
		s.older = append(s.older, d.read(archive(seq)))
		s.names = append(s.names, archive(seq))
	}
	for _, l := range s.lines {
		s.words = append(s.words, says(l))
	}
	return s
}

// salvaged accepts the loss of the given lines, each of them with one wrong byte.
func (s chronicle) salvaged(t *testing.T, lost ...int) (*keyset.Set, string, *disk) {
	t.Helper()
	lines := slices.Clone(s.lines)
	for _, n := range lost {
		lines[n] = strings.Replace(lines[n], `"seq"`, `"sEq"`, 1)
	}
	d := newDisk()
	d.write(fileName, strings.Join(lines, ""))
	set, found := d.accept(t)
	return set, found, d
}

// accept accepts the loss of what cannot be read: it gives the keys of the one issuer that
// is known, none if it is not, and what is told.
func (d *disk) accept(t *testing.T) (*keyset.Set, string) {
	t.Helper()
	l := d.salvage(t)
	if err := l.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	set := keyset.New(keyset.Params{})
	for _, r := range l.Restored() {
		set = r.Set
	}
	return set, strings.Join(l.Findings(), "\n")
}

// words is what a line says, read without the reader of the ledger.
type words struct {
	Event, Thumbprint, Kid, To, Action, Anomaly string
	Key                                         struct{ Final bool }

	revoked, out, in bool // so it is, or was then
}

func says(text string) (w words) {
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		panic(err)
	}
	w.revoked = w.To == "revoked" || w.Event == "key_distrusted" || w.Action == "revoke" || w.Anomaly == "private_key_published"
	w.out = w.revoked || w.To == "retired" || w.Event == "key_final" || w.Action == "retire" || w.Anomaly == "retired_key_returned" || w.Key.Final
	w.in = w.To == "active" || w.To == "pending" || w.Action == "reinstate" || w.Event == "key_returned"
	return w
}

// check wants every key that was out of service to be out of service, or, if no line
// that can be read says so, to be named as one that nothing tells of.
func (s chronicle) check(t *testing.T, seed uint64, lost ...int) (saved int) {
	t.Helper()
	set, found, _ := s.salvaged(t, lost...)
	for _, k := range s.set.Keys() {
		if !k.Final && k.State(s.end) < keyset.Retired {
			continue
		}
		out, revoked := false, false // so a line says that can be read
		for n, w := range s.words {
			if w.Thumbprint != k.Thumbprint || k.Thumbprint == "" && w.Kid != k.Kid() {
				continue
			}
			read := !slices.Contains(lost, n)
			out, revoked = (out || read && w.out) && !w.in, revoked || read && w.revoked
		}
		kept := cmp.Or(find(set, identOf(k)), &keyset.Key{})
		switch is := kept.State(s.end); {
		case is >= keyset.Retired && (is == keyset.Revoked || !revoked), kept.Final && !revoked:
			saved++
		case out || revoked:
			t.Errorf("seed %d, lines %v: %q %q is %q, and lines say otherwise:\n%s\n%s", seed, lost, k.Kid(), k.Thumbprint, is, found, strings.Join(s.lines, ""))
		case !strings.Contains(found, fmt.Sprintf("thumbprint %q", k.Thumbprint)) && !strings.Contains(found, fmt.Sprintf("kid %q", k.Kid())):
			t.Errorf("seed %d, lines %v: nothing tells that %q %q is lost:\n%s\n%s", seed, lost, k.Kid(), k.Thumbprint, found, strings.Join(s.lines, ""))
		}
	}
	return saved
}

// Whichever lines are lost, what any other line says to be out of service stays so.
func TestSalvageForgetsNoKeyThatALineNames(t *testing.T) {
	cases, saved := 0, 0
	for seed := range uint64(20) {
		s := tale(t, seed)
		for n := range s.lines {
			saved += s.check(t, seed, n)
		}
		cases += len(s.lines)
		draw := rand.New(rand.NewPCG(seed, 1))
		for range 40 {
			n := draw.Perm(len(s.lines))
			saved += s.check(t, seed, n[:2+draw.IntN(2)]...)
		}
		cases += 40
		if t.Failed() {
			return
		}
	}
	if cases < 1000 || saved < 2*cases {
		t.Errorf("%d keys out of service in %d cases: too few", saved, cases)
	}
}

// What is lost without a word about keys changes none of them.
func TestSalvageBuriesNothingWithoutNeed(t *testing.T) {
	for seed := range uint64(40) {
		s := tale(t, seed)
		for n, text := range s.lines {
			if strings.Contains(text, `"iss":`) {
				continue
			}
			set, found, _ := s.salvaged(t, n)
			if want(t, set.Keys(), s.set); t.Failed() || strings.Contains(found, "put out of service") {
				t.Fatalf("seed %d, line %d: %s", seed, n+1, found)
			}
		}
	}
}

// lines is a ledger of one issuer that a guard could have written: of each line the
// event, and what belongs to it.
func lines(tell func(b *batch, d *draft, at keyset.Instant)) chronicle {
	b := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	b.line(keyset.Instant{Wall: noon, Life: noon}, eventOpened, func() { b.number("format", format) })
	tell(b, b.draft(iss, "corp", nil), keyset.Instant{Wall: noon, Life: noon})
	return chronicle{lines: strings.SplitAfter(strings.TrimSuffix(string(b.b), "\n"), "\n")}
}

// The one line that is left of a key is enough, if it says that it is out of service;
// one that says that it is in force is not.
func TestOneLineIsEnoughForATombstone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		event string
		more  string // the next members, as name=value
		want  keyset.State
	}{
		{"revoked", "key_state", "to=revoked", keyset.Revoked},
		{"retired", "key_state", "to=retired", keyset.Retired},
		{"in grace until nobody knows", "key_state", "to=grace", keyset.Retired},
		{"final", "key_final", "", keyset.Retired},
		{"ordered to retire", "key_ordered", "action=retire", keyset.Retired},
		{"ordered to be revoked", "key_ordered", "action=revoke", keyset.Revoked},
		{"distrusted", "key_distrusted", "", keyset.Revoked},
		{"listed again", "anomaly", "anomaly=retired_key_returned", keyset.Retired},
		{"published with its private part", "anomaly", "anomaly=private_key_published", keyset.Revoked},
		{"attempts", "usage", "attempts", keyset.Retired},
		{"active", "key_state", "to=active", 0},
		{"returned", "key_returned", "", 0},
		{"reinstated", "key_ordered", "action=reinstate", 0},
		{"reused", "anomaly", "anomaly=kid_reused", 0},
		{"used", "usage", "", 0},
	} {
		for _, thumbprint := range []string{"thumbprint-of-m1", ""} {
			t.Run(tt.name+" "+thumbprint, func(t *testing.T) {
				s := lines(func(b *batch, d *draft, at keyset.Instant) {
					b.tell(d, at, "key_first_seen", "A", thumbprint, nil)
					b.tell(d, at, tt.event, "A", thumbprint, func() {
						name, value, _ := strings.Cut(tt.more, "=")
						switch {
						case tt.event == eventUsage:
							tally := keyset.Tally{Denied: 3}
							if name == "attempts" {
								tally.Attempts[keyset.Valid] = 3
							}
							b.object("usage", func() { b.tally(tally) })
						default:
							b.text(name, value)
						}
					})
				})
				s.lines[len(s.lines)-1] += "\n"
				set, found, d := s.salvaged(t, 1)
				if tt.want == 0 {
					if len(set.Keys()) != 0 || strings.Contains(found, "put out of service because") || !strings.Contains(found, `order that again: line 2: corp kid "A"`) {
						t.Errorf("%+v\n%s", set.Keys(), found)
					}
					return
				}
				key, ok := set.Lookup("A")
				if !ok || key.Thumbprint != thumbprint || !key.Final || key.State(keyset.Instant{Wall: noon, Life: noon}) != tt.want || len(set.Keys()) != 1 {
					t.Fatalf("%+v\n%s", set.Keys(), found)
				}
				words := `keys put out of service because lines that could be read say so, and no record does: 1 (line 3: corp kid "A"`
				if !strings.Contains(found, words) || !strings.Contains(d.read(fileName), strings.ReplaceAll(words, `"`, `\"`)) {
					t.Errorf("log: %s\nledger: %s", found, d.read(fileName))
				}
				if again := d.open(t).Restored()[0].Set; !again.Keys()[0].Final {
					t.Error("it is in force after the next start")
				}
			})
		}
	}
}

// A key that came back into service is not buried for what was said before, nor for
// attempts with a name of it that it has no more.
func TestSalvageBuriesNoKeyThatCameBack(t *testing.T) {
	key := func(aliases ...keyset.Alias) *keyset.Key {
		k := inForce("A=m1")
		k.Aliases = aliases
		return k
	}
	current := keyset.Alias{Kid: "A", FirstSeen: noon, LastSeen: noon}
	former := keyset.Alias{Kid: "B", FirstSeen: noon, LastSeen: noon, Departure: keyset.Departure{LeftAt: noon, GraceUntil: noon, Confirmed: true}}
	attempts := keyset.Tally{Denied: 1, Attempts: keyset.Tally{}.Attempts}
	attempts.Attempts[keyset.Invalid] = 1
	for _, tt := range []struct {
		name string
		tell func(b *batch, d *draft, at keyset.Instant)
		want keyset.State
	}{
		{"said, then a record", func(b *batch, d *draft, at keyset.Instant) {
			b.tell(d, at, "key_final", "A", "thumbprint-of-m1", nil)
			b.now = at
			b.record(d, key(current), "", keyset.Tally{})
		}, keyset.Active},
		{"said, then a record, then no more than that record", func(b *batch, d *draft, at keyset.Instant) {
			b.tell(d, at, "key_final", "A", "thumbprint-of-m1", nil)
			b.now = at
			k := key(current)
			k.Departure = keyset.Departure{LeftAt: noon, GraceFrom: noon, GraceUntil: noon.Add(time.Hour), Confirmed: true}
			b.record(d, k, "", keyset.Tally{})
			b.tell(d, at, "key_state", "A", "thumbprint-of-m1", func() { b.text("to", "grace") })
		}, keyset.Grace},
		{"a record, then said", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			b.record(d, key(current), "", keyset.Tally{})
			b.tell(d, at, "key_final", "A", "thumbprint-of-m1", nil)
		}, keyset.Retired},
		{"reinstated", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			b.record(d, key(current), "", keyset.Tally{})
			b.tell(d, at, "key_ordered", "A", "thumbprint-of-m1", func() { b.text("action", "retire") })
			b.tell(d, at, "key_ordered", "A", "thumbprint-of-m1", func() { b.text("action", "reinstate") })
			b.tell(d, at, "usage", "A", "thumbprint-of-m1", func() { b.object("usage", func() { b.tally(attempts) }) })
		}, keyset.Active},
		{"revoked, and then nothing undoes it", func(b *batch, d *draft, at keyset.Instant) {
			b.tell(d, at, "key_state", "A", "thumbprint-of-m1", func() { b.text("to", "revoked") })
			b.tell(d, at, "key_ordered", "A", "thumbprint-of-m1", func() { b.text("action", "reinstate") })
			b.now = at
			b.record(d, key(current), "", keyset.Tally{})
		}, keyset.Revoked},
		{"attempts with it", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			b.record(d, key(current), "", keyset.Tally{})
			b.tell(d, at, "usage", "A", "thumbprint-of-m1", func() { b.object("usage", func() { b.tally(attempts) }) })
		}, keyset.Retired},
		{"attempts with a former name", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			b.record(d, key(current, former), "", keyset.Tally{})
			b.tell(d, at, "usage", "A", "thumbprint-of-m1", func() { b.object("usage", func() { b.tally(attempts) }) })
		}, keyset.Active},
		{"forgotten while out of service, and its next record lost", func(b *batch, d *draft, at keyset.Instant) {
			k := key(current)
			k.Final, k.RetiredAt = true, noon
			b.now = at
			b.record(d, k, "", keyset.Tally{})
			b.tell(d, at, "key_forgotten", "A", "thumbprint-of-m1", nil)
		}, keyset.Retired},
		{"reinstated unseen, and forgotten", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			b.record(d, &keyset.Key{Thumbprint: "thumbprint-of-m1", RetiredAt: noon, Final: true, Told: keyset.Retired}, "", keyset.Tally{})
			b.tell(d, at, "key_ordered", "", "thumbprint-of-m1", func() { b.text("action", "reinstate") })
			b.tell(d, at, "key_forgotten", "", "thumbprint-of-m1", nil)
		}, 0},
		{"revoked by a name that turned out to be its own", func(b *batch, d *draft, at keyset.Instant) {
			b.tell(d, at, "key_state", "A", "", func() { b.text("to", "revoked") })
			b.now = at
			b.record(d, key(current), "A", keyset.Tally{})
		}, keyset.Revoked},
		{"listed again under the name of another key", func(b *batch, d *draft, at keyset.Instant) {
			b.now = at
			other := key(current)
			other.Thumbprint, other.Public, other.JWK = "thumbprint-of-m2", nil, nil
			b.record(d, other, "", keyset.Tally{})
			b.tell(d, at, "anomaly", "A", "thumbprint-of-m1", func() { b.text("anomaly", "retired_key_returned") })
		}, keyset.Retired},
		{"a member of a later version", func(b *batch, d *draft, at keyset.Instant) {
			b.tell(d, at, "key_record", "A", "thumbprint-of-m1", func() {
				b.object("key", func() { b.text("thumbprint", "thumbprint-of-m1"); b.text("new", "x"); b.flag("final", true) })
			})
			b.tell(d, at, "observed", "", "", nil)
		}, keyset.Retired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := lines(func(b *batch, d *draft, at keyset.Instant) {
				b.tell(d, at, "key_first_seen", "Z", "thumbprint-of-m9", nil)
				tt.tell(b, d, at)
			})
			s.lines[len(s.lines)-1] += "\n"
			set, found, _ := s.salvaged(t, 1)
			k, ok := set.ByThumbprint("thumbprint-of-m1")
			if tt.want == 0 {
				if ok {
					t.Errorf("%+v\n%s", k, found)
				}
				return
			}
			if tokens, named := set.Lookup("A"); strings.Contains(tt.name, "name of another") && (!named || tokens.Thumbprint != "thumbprint-of-m2" || k.Kid() != "") {
				t.Errorf("the name leads to %+v, and is one of %+v", tokens.Key, k)
			}
			if !ok || k.State(keyset.Instant{Wall: noon, Life: noon}) != tt.want {
				t.Errorf("%+v, want %s\n%s", k, tt.want, found)
			}
		})
	}
}
