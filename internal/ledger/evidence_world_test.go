package ledger

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// post is a guard with a ledger on a disk in memory, in fake time.
type post struct {
	*testing.T
	d     *disk
	cfg   Config
	l     *Ledger
	stop  func() error
	set   *keyset.Set
	clock func() keyset.Instant
}

// atPost tells a story of a guard.
func atPost(t *testing.T, guard string, story func(p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, guard)
		p.start()
		story(p)
		if p.stop != nil {
			p.quit()
		}
	})
}

var postParams = keyset.Params{Interval: 5 * time.Minute, MaxStale: time.Hour, Grace: 10 * time.Minute, RemovalConfirm: time.Minute}

func newPost(t *testing.T, guard string) *post {
	d := newDisk()
	cfg := d.config()
	cfg.Guard = guard
	return &post{T: t, d: d, cfg: cfg, set: keyset.New(postParams)}
}

func (p *post) start() {
	p.Helper()
	p.cfg.Files = p.d.process()
	l, err := Open(context.Background(), p.cfg)
	if err != nil {
		p.Fatal(err)
	}
	for _, r := range l.Restored() {
		p.set = r.Set.WithParams(postParams)
	}
	p.l, p.clock, p.stop = l, clockFrom(l.Last()), run(p.T, l)
	synctest.Wait()
}

func (p *post) quit() {
	p.Helper()
	synctest.Wait()
	if err := p.stop(); err != nil {
		p.Fatal(err)
	}
	p.stop = nil
}

// kill ends the process amid its work.
func (p *post) kill() {
	p.d.kill()
	p.stop()
	p.stop = nil
}

func (p *post) keep(set *keyset.Set, events []keyset.Event) {
	p.Helper()
	p.set = set
	if err := p.l.Record(change(set, events))(context.Background()); err != nil {
		p.Fatal(err)
	}
}

// lists has the issuer list these keys.
func (p *post) lists(keys ...string) {
	p.Helper()
	next, events := p.set.Observe(document(keys...), p.clock(), p.clock())
	p.keep(next, events)
}

func (p *post) advance() {
	p.Helper()
	p.keep(p.set.Advance(p.clock()))
}

func (p *post) order(o keyset.Order) {
	p.Helper()
	next, events, err := p.set.Apply(o, p.clock())
	if err != nil {
		p.Fatal(err)
	}
	p.keep(next, events)
}

func (p *post) key(kid string) keyset.Ref {
	p.Helper()
	k, ok := p.set.Lookup(kid)
	if !ok {
		p.Fatal("no key ", kid)
	}
	return k
}

// uses has so many tokens of the key accepted, which live for half an hour.
func (p *post) uses(kid string, n int) {
	p.Helper()
	for range n {
		at := p.clock()
		p.key(kid).Allow(at.Life, at.Wall.Add(25*time.Minute).Truncate(time.Second), at.Wall.Add(-5*time.Minute).Truncate(time.Second))
	}
}

// wait lets time pass.
func (p *post) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// at is a time after the start of the fake clock.
func at(d time.Duration) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d) }

// read makes evidence of a period.
func (p *post) read(from, to time.Time) *Export {
	p.Helper()
	x, err := ReadEvidence(context.Background(), p.evidence(from, to))
	if err != nil {
		p.Fatal(err)
	}
	return x
}

func (p *post) evidence(from, to time.Time) EvidenceConfig {
	outage := 5000.0
	return EvidenceConfig{Dir: dir, Files: p.d.process(), From: from, To: to, ReadKey: readKey, Promises: []Promise{
		{Issuer: "corp", Iss: iss, Confirmation: 65, Seen: 600, Healthy: 935, Outage: &outage},
	}}
}

// export is evidence as a file.
func (p *post) export(from, to time.Time) string {
	p.Helper()
	var b bytes.Buffer
	if err := p.read(from, to).WriteJSON(context.Background(), &b); err != nil {
		p.Fatal(err)
	}
	return b.String()
}

// checked is an export that must be good.
func checked(t *testing.T, text string, heads ...string) *Checked {
	t.Helper()
	c, err := CheckEvidence(context.Background(), strings.NewReader(text), CheckConfig{ReadKey: readKey, Hashes: true, Heads: heads})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// broken is what is said of an export that must be refused.
func broken(t *testing.T, text string) string {
	t.Helper()
	_, err := CheckEvidence(context.Background(), strings.NewReader(text), CheckConfig{ReadKey: readKey})
	if err == nil {
		t.Error("it was taken for good")
		return ""
	}
	var b *BrokenError
	if !errors.As(err, &b) && !errors.Is(err, ErrNotEvidence) && !errors.Is(err, ErrNewerEvidence) {
		t.Errorf("%T %v", err, err)
	}
	return err.Error()
}

// reseal gives a changed export a good hash again, as a forger would.
func reseal(text string) string {
	i := strings.LastIndex(text, hashMark)
	sum := digest([]byte(text[:i]))
	return text[:i] + hashMark + string(sum[:]) + "\"}\n"
}

// rotation plays the life of two keys: A is withdrawn and retires, and B follows
// it, which is revoked. It takes two hours and twenty minutes.
func rotation(p *post) {
	p.lists("A=m1/n1")
	p.uses("A", 3)
	p.wait(10 * time.Minute)
	p.lists("A=m1/n1", "B=m2/n2")
	p.uses("A", 2)
	p.uses("B", 1)
	p.key("A").Deny()
	p.wait(10 * time.Minute)
	p.lists("B=m2/n2")
	p.wait(2 * time.Minute)
	p.lists("B=m2/n2")
	p.uses("A", 4)
	p.wait(8*time.Minute + time.Second)
	p.advance()
	p.key("A").Attempt(keyset.Valid)
	p.key("A").Attempt(keyset.Invalid)
	p.key("A").Attempt(keyset.Unchecked)
	p.wait(30 * time.Minute)
	p.quit()
	p.wait(20 * time.Minute)
	p.start()
	p.lists("A=m1/n1", "B=m2/n2")
	p.uses("B", 5)
	p.wait(20 * time.Minute)
	p.order(keyset.Order{Action: keyset.Revoke, Kid: "B", Reason: "leaked | *badly*\n", Actor: "uid:1000"})
	p.key("B").Attempt(keyset.Valid)
	p.wait(40 * time.Minute)
}
