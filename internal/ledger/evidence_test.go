package ledger

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

var update = flag.Bool("update", false, "write the golden files")

var hashes = regexp.MustCompile(`[0-9a-f]{64}`)

// golden compares with a file in testdata, but for hashes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	got = hashes.ReplaceAllString(got, "HASH")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (- wanted, + got):\n%s", file, diff)
	}
}

// What an auditor reads of a rotation and a revocation.
func TestEvidenceOfARotation(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		rotation(p)
		x := p.read(time.Time{}, time.Time{})
		var md bytes.Buffer
		if err := x.WriteMarkdown(&md); err != nil {
			t.Fatal(err)
		}
		golden(t, "evidence.md", md.String())
		text := p.export(time.Time{}, time.Time{})
		head, _, _ := strings.Cut(text, rowLedger)
		golden(t, "evidence.head", head)
		if diff := cmp.Diff(x.Evidence, checked(t, text).Evidence); diff != "" {
			t.Error(diff)
		}
		if again := p.export(time.Time{}, time.Time{}); again != text {
			t.Error("the same ledger gave another export")
		}
		for _, c := range text {
			if c != '\n' && (c < ' ' || c > '~') {
				t.Fatalf("a terminal could obey %q", c)
			}
		}
	})
}

// Figures cover the period, and what happened before it is known by its snapshot.
func TestEvidenceOfAPeriod(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.cfg.RotateAt = 4000
		p.l.cfg.RotateAt = 4000
		rotation(p)
		if seqs, _ := archives(p.d.list()); len(seqs) < 2 {
			t.Fatal(seqs)
		}
		x := p.read(at(35*time.Minute+time.Second), at(95*time.Minute))
		checked(t, p.export(x.From, x.To))
		if x.FirstSeq == 1 || x.HeadSeq == p.l.Status().Sequence {
			t.Error("all lines were exported")
		}
		a, b := x.Keys[0], x.Keys[1]
		if a.Kid != "A" || a.StateAtStart != "retired" || a.State != "retired" || a.Allowed != 0 || a.Denied != 0 || len(a.History) != 0 || a.LatestAcceptance != at(22*time.Minute) {
			t.Errorf("%+v", a)
		}
		if b.StateAtStart != "active" || b.State != "active" || b.Allowed != 5 || b.FirstUsedBy != at(80*time.Minute+time.Second) {
			t.Errorf("%+v", b)
		}
		early := p.read(at(0), at(16*time.Minute))
		if a := early.Keys[0]; a.State != "active" || a.Allowed != 5 || a.Denied != 1 || a.LeftAt != (time.Time{}) {
			t.Errorf("%+v", a)
		}
		checked(t, p.export(early.From, early.To))
		beyond := checked(t, p.export(at(-time.Hour), at(200*time.Hour)))
		want := []Gap{
			{Kind: GapNone, Since: at(-time.Hour), Until: at(0)},
			{Kind: GapDown, Since: at(time.Hour + time.Second), Until: at(80*time.Minute + time.Second)},
			{Kind: GapNone, Since: p.clock().Life, Until: at(200 * time.Hour)},
		}
		for i := range beyond.Gaps {
			beyond.Gaps[i].Seq = 0
		}
		if diff := cmp.Diff(want[:2], beyond.Gaps[:2]); diff != "" || len(beyond.Gaps) != 3 || beyond.Gaps[2].Kind != GapNone {
			t.Error(diff, beyond.Gaps)
		}
		// Of a time after the last line nothing is said, not even what must have followed.
		p.lists("B=m2/n2", "C=m3")
		p.wait(time.Minute)
		p.lists("B=m2/n2")
		p.wait(2 * time.Minute)
		p.lists("B=m2/n2")
		if c := checked(t, p.export(at(0), at(900*time.Hour))).Keys[2]; c.State != "grace" || c.Window == nil || !c.Window.Open {
			t.Errorf("%+v", c)
		}
		// A time in which nothing happened is a period, too.
		if quiet := checked(t, p.export(at(96*time.Minute), at(97*time.Minute))); len(quiet.Keys) != 2 || quiet.Keys[1].State != "active" {
			t.Errorf("%+v", quiet.Keys)
		}
		for _, tt := range []struct {
			from, to time.Time
			want     string
		}{
			{at(-2 * time.Hour), at(-time.Hour), "state_dir /state: nothing is on record until 1999-12-31T23:00:00Z: the first line is of 2000-01-01T00:00:00Z"},
			{at(200 * time.Hour), time.Time{}, "state_dir /state: nothing is on record since 2000-01-09T08:00:00Z: the last line is of 2000-01-01T"},
		} {
			if _, err := ReadEvidence(context.Background(), p.evidence(tt.from, tt.to)); err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.Is(err, ErrPeriod) {
				t.Error(err)
			}
		}
	})
}

// Over random lives, with restarts and rotations, the figures are those that the
// guard counted, and those of two periods are together those of both.
func TestEvidenceCountsWhatTheGuardCounted(t *testing.T) {
	for seed := range uint64(15) {
		atPost(t, "edge-1", func(p *post) {
			p.l.cfg.RotateAt, p.cfg.RotateAt = 9000, 9000
			l := newLife(seed, p.clock)
			for range 60 {
				next, events := l.turn()
				l.set = next
				p.keep(next, events)
				for _, k := range l.set.Keys() {
					for range l.IntN(3) {
						switch now := p.clock(); l.IntN(4) {
						case 0:
							k.Deny()
						case 1:
							k.Attempt(keyset.Signature(l.IntN(3)))
						default:
							k.Allow(now.Life, now.Wall.Add(time.Hour), now.Wall)
						}
					}
				}
				p.wait(time.Duration(l.IntN(400)) * time.Second)
				if l.IntN(15) == 0 {
					p.quit()
					p.start()
					l.set, l.clock = p.set, p.clock
				}
			}
			p.quit()
			whole := checked(t, p.export(time.Time{}, time.Time{}))
			got := map[ident]Account{}
			for _, a := range whole.Keys {
				got[ident{a.Thumbprint, ""}] = a
				if a.Thumbprint == "" {
					got[ident{"", a.Kid}] = a
				}
			}
			for _, k := range l.set.Keys() {
				a, want := got[identOf(k)], k.Tally()
				// Of a kid whose record was dropped once, the account holds more.
				if !strings.Contains(p.d.all(), eventForgotten) && (a.Allowed != want.Allowed || a.Denied != want.Denied || a.Attempts.Sum() != want.Attempts[0]+want.Attempts[1]+want.Attempts[2]) ||
					a.Allowed < want.Allowed || a.Denied < want.Denied || !a.LatestAcceptance.Equal(want.LastUsed) && !k.LastUsed().IsZero() {
					t.Errorf("seed %d: %+v, and the guard counted %+v", seed, a, want)
				}
				if end := (keyset.Instant{Wall: whole.To, Life: whole.To}); a.State != k.State(end).String() {
					t.Errorf("seed %d: %s is %s, and the record says %s", seed, a.Kid, a.State, k.State(end))
				}
			}
			half := at(whole.To.Sub(at(0)) / 2)
			first, second := checked(t, p.export(time.Time{}, half)), checked(t, p.export(half.Add(1), time.Time{}))
			sum := func(all ...*Checked) (n Attempts, allowed, denied uint64, steps int) {
				for _, c := range all {
					for _, a := range c.Keys {
						n.Valid, n.Invalid, n.Unchecked = n.Valid+a.Attempts.Valid, n.Invalid+a.Attempts.Invalid, n.Unchecked+a.Attempts.Unchecked
						allowed, denied, steps = allowed+a.Allowed, denied+a.Denied, steps+len(a.History)+len(a.Orders)+len(a.Anomalies)
						if a.Before.Allowed+a.After.Allowed != a.Allowed || a.Before.Denied+a.After.Denied != a.Denied {
							t.Errorf("seed %d: %+v", seed, a)
						}
					}
				}
				return
			}
			a, b, c, d := sum(whole.self())
			e, f, g, h := sum(first, second)
			if a != e || b != f || c != g || d != h {
				t.Errorf("seed %d: %v %d %d %d, and in two periods %v %d %d %d", seed, a, b, c, d, e, f, g, h)
			}
		})
	}
}

func (c *Checked) self() *Checked { return c }

// all is every line that is on the disk.
func (d *disk) all() string {
	var b strings.Builder
	for _, name := range d.list() {
		b.WriteString(d.read(name))
	}
	return b.String()
}

// What went wrong with the record is told, and what follows is still proved.
func TestEvidenceTellsItsGaps(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.lists("A=m1")
		p.wait(6 * time.Minute)
		p.kill()
		p.d.write(fileName, p.d.read(fileName)+`{"seq":9`)
		p.wait(10 * time.Minute)
		p.start()

		p.d.full(0)
		p.l.Record(change(p.set, []keyset.Event{{Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, At: p.clock(), Detail: "1h0m0s"}}))
		p.wait(3 * time.Second)
		p.d.full(-1)
		p.wait(10 * time.Second)

		p.order(keyset.Order{Action: keyset.Retire, Kid: "A", Reason: "over"})
		p.quit()
		lines := strings.SplitAfter(p.d.read(fileName), "\n")
		lost := len(lines) - 2 // guard_stopped
		lines[lost] = strings.Replace(lines[lost], `"`, `'`, 1)
		p.d.write(fileName, strings.Join(lines, ""))
		if _, err := ReadEvidence(context.Background(), p.evidence(time.Time{}, time.Time{})); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("/state/ledger.jsonl: line %d: its hash does not match", lost+1)) {
			t.Error(err)
		}
		p.cfg.AcceptLoss = true
		p.wait(time.Hour)
		p.start()
		p.wait(time.Minute)

		text := p.export(time.Time{}, time.Time{})
		c := checked(t, text)
		kinds := ""
		for _, g := range c.Gaps {
			kinds += g.Kind + " "
			if g.Words() == g.Kind || g.Until.Before(g.Since) {
				t.Errorf("%+v", g)
			}
		}
		if want := "guard_down torn_tail ledger_failing clock_step state_loss guard_down "; kinds != want {
			t.Errorf("%s, wanted %s", kinds, want)
		}
		if g := c.Gaps[0]; !g.Killed || g.Since != at(5*time.Minute) && g.Since != at(0) || g.Until != at(16*time.Minute) {
			t.Errorf("%+v", g)
		}
		if c.Lines <= lost || len(c.Keys) != 1 || c.Keys[0].State != "retired" {
			t.Errorf("%d lines, %+v", c.Lines, c.Keys)
		}
		if found := checked(t, text, c.Head, strings.Repeat("0", 64)).Heads; len(found) != 1 || found[0] != c.Head {
			t.Error(found)
		}
	})
}

// A file that was moved away leaves a gap that nobody can overlook.
func TestEvidenceWithoutAFile(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.cfg.RotateAt, p.l.cfg.RotateAt = 4000, 4000
		rotation(p)
		seqs, _ := archives(p.d.list())
		if len(seqs) < 2 {
			t.Fatal(seqs)
		}
		gone := p.d.names[dir+"/"+archive(seqs[1])]
		delete(p.d.names, dir+"/"+archive(seqs[1]))
		c := checked(t, p.export(time.Time{}, time.Time{}))
		found := false
		for _, g := range c.Gaps {
			found = found || g.Kind == GapMissing && g.Lines > 3
		}
		if !found {
			t.Errorf("%+v", c.Gaps)
		}
		p.d.names[dir+"/"+archive(seqs[1])] = gone
		delete(p.d.names, dir+"/"+archive(seqs[0]))
		if c := checked(t, p.export(at(0), time.Time{})); c.FirstSeq != seqs[1] || c.Gaps[0].Kind != GapNone {
			t.Errorf("%d %+v", c.FirstSeq, c.Gaps)
		}
	})
}

// turning is a file layer under which a rotation happens at a certain step.
type turning struct {
	process
	n    *int
	turn func()
}

func (f turning) step() {
	if *f.n--; *f.n == 0 {
		f.turn()
	}
}

func (f turning) List(d string) ([]string, error) {
	f.step()
	return f.process.List(d)
}

func (f turning) Open(name string, flag int) (File, error) {
	f.step()
	return f.process.Open(name, flag)
}

// Wherever a rotation falls in a read, no line is missed.
func TestRotationAmidTheRead(t *testing.T) {
	for step := 1; ; step++ {
		left := step
		atPost(t, "edge-1", func(p *post) {
			rotation(p)
			cfg := p.evidence(time.Time{}, time.Time{})
			cfg.Files = turning{p.d.process(), &left, func() {
				p.l.cfg.RotateAt = 1
				p.lists("C=m3")
				synctest.Wait()
				p.l.cfg.RotateAt = 1 << 30
			}}
			x, err := ReadEvidence(context.Background(), cfg)
			var b bytes.Buffer
			if err == nil {
				err = x.WriteJSON(context.Background(), &b)
			}
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			c := checked(t, b.String())
			if c.FirstSeq != 1 || c.HeadSeq != uint64(c.Lines) || c.Lines < 28 || len(c.Gaps) != 1 {
				t.Errorf("step %d: %+v", step, c.Evidence)
			}
		})
		if left > 0 {
			if step < 6 {
				t.Errorf("%d steps", step)
			}
			return
		}
	}
}

// What is written while it is read may be half there.
func TestHalfALineIsLeftForAnotherTime(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		rotation(p)
		p.quit()
		text := p.export(time.Time{}, time.Time{})
		p.d.write(fileName, p.d.read(fileName)+`{"seq":30,"time`)
		if again := p.export(time.Time{}, time.Time{}); again != text {
			t.Error("another export")
		}
		x := p.read(time.Time{}, time.Time{})
		p.d.write(fileName, p.d.read(fileName)[:2000]) // a fault of the disk took it back
		if err := x.WriteJSON(context.Background(), new(bytes.Buffer)); !errors.Is(err, errChanged) {
			t.Error(err)
		}
	})
}
