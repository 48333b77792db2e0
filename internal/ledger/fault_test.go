package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// firstSeed is where the search begins for a life in which enough happens. It is
// the first that fits, unless the rules of the lifecycle have changed since.
const firstSeed = 125

// story finds the seed of a life with all that can be recorded.
func story(t *testing.T) uint64 {
	for seed := uint64(firstSeed); ; seed++ {
		whole := ""
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			if _, err := tell(t, d, seed); err != nil {
				t.Fatal(err)
			}
			whole = strings.Join(d.whole(t), "\n")
		})
		lacks := func(word string) bool { return !strings.Contains(whole, word) }
		if !slices.ContainsFunc([]string{
			"key_ordered", "key_final", "key_forgotten", "key_returned", "key_dropped", `"reinstate"`, "revoked_at",
		}, lacks) {
			return seed
		}
		if t.Failed() || seed > firstSeed+5000 {
			t.Fatal("no story has it all")
		}
	}
}

// account is what whoever uses the ledger was told.
type account struct {
	states []*keyset.Set // in force, or perhaps kept
	acked  int           // states from this one on may be what a replay gives
	opened bool
}

func (a *account) inForce() *keyset.Set { return a.states[len(a.states)-1] }

// tell plays the story on the disk, until the process dies. What happens meanwhile
// stands in the account.
func tell(t *testing.T, d *disk, seed uint64) (a account, err error) {
	ctx, alive := context.Background(), d.process()
	a.states = []*keyset.Set{keyset.New(keyset.Params{})}
	cfg := d.config()
	cfg.RotateAt = 6000
	l, err := Open(ctx, cfg)
	if err != nil {
		return a, err
	}
	a.opened = true
	stop := run(t, l)
	p := newLife(seed, clockFrom(time.Time{}))
	for range 24 {
		time.Sleep(90 * time.Second)
		if alive.life != d.lives() {
			break
		}
		next, events := p.turn()
		c := change(next, events)
		if keyset.Widens(events) {
			err := l.Commit(ctx, c)
			if errors.Is(err, ErrUnknown) { // not in force
				a.states = append(a.states, next, p.set)
				continue
			}
			if err != nil {
				continue
			}
			p.set = next
			a.states = append(a.states, next)
			a.acked = len(a.states) - 1
			continue
		}
		p.set = next
		a.states = append(a.states, next)
		n := len(a.states) - 1
		if err := l.Record(c)(ctx); err == nil {
			a.acked = n
		}
	}
	synctest.Wait()
	if err = stop(); err == nil {
		a.acked = len(a.states) - 1
	}
	return a, err
}

// verify opens the ledger again, and holds what it gives against the account.
func (a *account) verify(t *testing.T, d *disk) {
	t.Helper()
	d.fail(nil)
	l, err := Open(context.Background(), d.config())
	if err != nil {
		t.Error(err)
		return
	}
	d.whole(t)
	got := map[ident]*keyset.Key{}
	maybe := a.states[a.acked:]
	for _, k := range restored(t, l, maybe...) {
		got[identOf(k)] = k
	}
	for _, s := range maybe {
		for _, k := range s.Keys() {
			if _, ok := got[identOf(k)]; !ok {
				got[identOf(k)] = nil
			}
		}
	}
	for id, k := range got {
		if !slices.ContainsFunc(maybe, func(s *keyset.Set) bool { return cmp.Equal(find(s, id), k, sameRecords) }) {
			t.Errorf("%v (%d of %d states are acknowledged): (-last acknowledged +now)\n%s", id, a.acked+1, len(a.states), cmp.Diff(find(maybe[0], id), k, sameRecords))
		}
	}
	// And it goes on.
	stop := run(t, l)
	now := clockFrom(l.Last())()
	s, events := a.inForce().Observe(document("Z=m9"), now, now)
	if err := l.Commit(context.Background(), change(s, events)); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	want(t, restored(t, d.open(t), s), s)
}

func find(s *keyset.Set, id ident) *keyset.Key {
	for _, k := range s.Keys() {
		if identOf(k) == id {
			return k
		}
	}
	return nil
}

// Which write fails, and did it persist: whatever becomes of any single operation
// of a story, and of those after it, nothing is forgotten that was acknowledged,
// the chain holds, and the ledger opens without ado.
func TestWhichWriteFailsAndDidItPersist(t *testing.T) {
	var ops []operation
	seed := story(t)
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		size := map[string]int{}
		d.fail(func(op operation) outcome {
			ops = append(ops, op)
			size[op.kind]++
			return outcome{persist: -1}
		})
		a, err := tell(t, d, seed)
		if err != nil || a.acked != len(a.states)-1 {
			t.Fatal(a.acked, len(a.states), err)
		}
		if seqs, _ := archives(d.list()); len(seqs) < 2 || size["rename"] < 5 {
			t.Errorf("the story lacks rotations: %v, %v", d.list(), size)
		}
		a.verify(t, d)
	})
	if t.Failed() {
		return
	}
	cases := 0
	try := func(name string, power bool, fault func(op operation) outcome) {
		cases++
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			var hit operation
			d.fail(func(op operation) outcome {
				o := fault(op)
				if o.err != nil || o.dies {
					hit = op
				}
				return o
			})
			lives := d.lives()
			a, err := tell(t, d, seed)
			died := d.lives() != lives
			if died {
				if power {
					d.cutPower()
				} else {
					d.kill()
				}
			} else if err != nil && a.opened && hit.n < len(ops)-10 { // else the end was the one attempt
				t.Errorf("it did not recover: %v", err)
			}
			a.verify(t, d)
			if t.Failed() {
				t.Fatalf("%s (%+v); power cut: %v; files %v", name, hit, power, d.list())
			}
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	for i, op := range ops {
		last := i + 1
		at := func(until int, o outcome) func(operation) outcome {
			return func(op operation) outcome {
				if op.n >= last && op.n <= until {
					return o
				}
				return outcome{persist: -1}
			}
		}
		name := fmt.Sprintf("operation %d, %s %s", i+1, op.kind, op.name)
		try(name+" fails", false, at(last, outcome{err: errInjected}))
		try(name+" fails but persists", false, at(last, outcome{err: errInjected, persist: -1}))
		try(name+" and all after it for a while fail", false, at(last+6, outcome{err: errInjected}))
		try(name+" and all after it for a while fail but persist", false, at(last+6, outcome{err: errInjected, persist: -1}))
		for _, power := range []bool{false, true} {
			try(name+", dead before", power, at(last, outcome{err: errInjected, dies: true}))
			try(name+", dead after", power, at(last, outcome{dies: true, persist: -1}))
		}
		if op.kind != "write" {
			continue
		}
		for _, n := range tears(op.size, i) {
			try(fmt.Sprintf("%s, torn at %d of %d", name, n, op.size), false, at(last, outcome{err: errInjected, persist: n}))
			try(fmt.Sprintf("%s, torn at %d of %d, dead", name, n, op.size), false, at(last, outcome{err: errInjected, persist: n, dies: true}))
		}
	}
	t.Logf("%d operations, %d cases", len(ops), cases)
}

// tears are the places at which a write is torn: a few, other ones in each write.
func tears(size, seed int) []int {
	var all []int
	for n := 1 + seed%7; n < size; n += max(size/5, 1) {
		all = append(all, n)
	}
	return append(all, size-1)
}

// A process that dies amid a write leaves the file up to some byte. Whatever byte
// of whatever write of the story that was, the whole lines before it count, and the
// rest is cut off and told. A file is in use with its snapshot alone.
func TestTornAtEveryByte(t *testing.T) {
	d := newDisk()
	synctest.Test(t, func(t *testing.T) {
		if _, err := tell(t, d, firstSeed); err != nil {
			t.Fatal(err)
		}
	})
	opened, refused := 0, 0
	for _, name := range d.list() {
		if name == lockName {
			continue
		}
		text := d.read(name)
		for n := 1; n <= len(text); n++ {
			torn := newDisk()
			torn.write(fileName, text[:n])
			l, err := Open(context.Background(), torn.config())
			whole := strings.LastIndexByte(text[:n], '\n') + 1
			if damage := new(DamageError); errors.As(err, &damage) && (whole == 0 || strings.Contains(damage.What, "amid its snapshot")) && opened == 0 {
				refused++
				continue
			}
			if err != nil {
				t.Fatalf("%s, %d bytes of %d: %v", name, n, len(text), err)
			}
			opened++
			if got := torn.read(fileName); got != text[:whole] {
				t.Fatalf("%s, %d bytes of %d: %d are left, want %d", name, n, len(text), len(got), whole)
			}
			if found := strings.Join(l.Findings(), "\n"); (n > whole) != strings.Contains(found, fmt.Sprintf("%d bytes after line", n-whole)) {
				t.Fatalf("%s, %d: %s", name, n, found)
			}
			if n > whole {
				continue // what it gives was looked at when the line before was whole
			}
			torn.whole(t)
			final := map[string]bool{} // by thumbprint: the newest record says so
			for line := range strings.Lines(text[:whole]) {
				var said struct {
					Key struct {
						Thumbprint string
						Final      bool
					}
				}
				if err := json.Unmarshal([]byte(line), &said); err != nil {
					t.Fatal(err)
				}
				final[said.Key.Thumbprint] = said.Key.Final
			}
			for _, r := range l.Restored() {
				for _, k := range r.Set.Keys() {
					if k.Thumbprint != "" && k.Final != final[k.Thumbprint] {
						t.Fatalf("%s, %d: %s is final: %t, want %t", name, n, k.Thumbprint, k.Final, final[k.Thumbprint])
					}
				}
			}
		}
		t.Logf("%s: %d bytes", name, len(text))
		if opened == 0 || refused == 0 {
			t.Errorf("%s: %d opened, %d refused", name, opened, refused)
		}
		opened, refused = 0, 0
	}
}
