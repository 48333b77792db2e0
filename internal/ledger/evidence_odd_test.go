package ledger

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// A directory need not be as a guard leaves it.
func TestEvidenceFromWhatIsThere(t *testing.T) {
	for _, tt := range []struct {
		name    string
		do      func(p *post)
		want    string // of the error; empty: there is evidence
		finding string
		lines   int
	}{
		{"whole", func(p *post) {}, "", "", 29},
		{"stopped amid a rotation", func(p *post) {
			whole := p.d.read(fileName)
			first, rest := split(whole, p)
			p.d.write(archive(1), first)
			p.d.write(newName, rest)
			delete(p.d.names, dir+"/"+fileName)
		}, "", "", 29},
		{"the newest file is gone", func(p *post) {
			p.d.write(archive(1), p.d.read(fileName))
			delete(p.d.names, dir+"/"+fileName)
		}, "", "/state/ledger.jsonl is missing: the evidence ends with the older files beside it", 29},
		{"bytes after an old file", func(p *post) {
			first, rest := split(p.d.read(fileName), p)
			p.d.write(archive(1), first+"abc")
			p.d.write(fileName, rest)
		}, "", "/state/ledger-1.jsonl: 3 bytes after its last line are in no chain, and not in the evidence", 29},
		{"nothing", func(p *post) { delete(p.d.names, dir+"/"+fileName) }, "state_dir /state: there is no ledger.jsonl: has a guard run with this configuration?", "", 0},
		{"empty", func(p *post) { p.d.write(fileName, "") }, "/state/ledger.jsonl: it has no complete line: restore the file", "", 0},
		{"without its beginning", func(p *post) {
			text := p.d.read(fileName)
			p.d.write(fileName, text[strings.IndexByte(text, '\n')+1:])
		}, "/state/ledger.jsonl: line 1: not a line of a ledger: a file begins with file_opened", "", 0},
		{"an old file changed", func(p *post) {
			first, rest := split(p.d.read(fileName), p)
			p.d.write(archive(1), strings.Replace(first, `"kid":"B"`, `"kid":"C"`, 1))
			p.d.write(fileName, rest)
		}, "/state/ledger-1.jsonl: line 7: its hash does not match its content", "", 0},
		{"only a damaged one", func(p *post) {
			p.d.write(damagedName+"x.jsonl", p.d.read(fileName))
			delete(p.d.names, dir+"/"+fileName)
		}, "state_dir /state: there is no ledger but damaged ones: start the guard with --accept-state-loss, or restore ledger.jsonl", "", 0},
		{"by a newer version", func(p *post) {
			p.d.write(fileName, string(rehash([]byte(strings.Replace(p.d.read(fileName), `"format":1`, `"format":2`, 1)))))
		}, `/state/ledger.jsonl: line 1: written by a newer version (format 2, by version "v1.2.3"; this one knows format 1): use that version`, "", 0},
		{"a key that is not what it is called", func(p *post) {
			p.d.write(fileName, string(rehash([]byte(strings.ReplaceAll(p.d.read(fileName), `"jwk":{"material":"m2/n2"}`, `"jwk":{"material":"m3/n2"}`)))))
		}, "/state: key: jwk: its thumbprint is thumbprint-of-m3, and the record's thumbprint-of-m2", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atPost(t, "edge-1", func(p *post) {
				rotation(p)
				p.quit()
				tt.do(p)
				x, err := ReadEvidence(context.Background(), p.evidence(time.Time{}, time.Time{}))
				if tt.want != "" {
					if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
						t.Errorf("%v, wanted %s", err, tt.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(x.Findings, "\n"); got != tt.finding || x.Lines != tt.lines {
					t.Errorf("%q, %d lines", got, x.Lines)
				}
				var b bytes.Buffer
				if err := x.WriteJSON(context.Background(), &b); err != nil {
					t.Fatal(err)
				}
				checked(t, b.String())
			})
		})
	}
}

// split makes two files of one: what would be there had it been rotated.
func split(text string, p *post) (first, rest string) {
	lines := strings.SplitAfter(text, "\n")
	s := scroll{}
	for _, line := range lines[:20] {
		if _, err := s.follow([]byte(strings.TrimSuffix(line, "\n"))); err != nil {
			p.Fatal(err)
		}
	}
	// The second file needs no snapshot for this: what it would hold is known.
	s.line(p.clock(), eventOpened, func() { s.number("format", 1); s.text("guard", "edge-1") })
	for range lines[20:29] {
		s.line(p.clock(), "note", nil)
	}
	return strings.Join(lines[:20], ""), string(s.b[:bytes.LastIndexByte(s.b[:len(s.b)-1], '\n')+1])
}

// If a guard accepts a token of a key that is out of service, its own ledger
// tells.
func TestAcceptanceAfterRetirementIsTold(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.lists("A=m1", "B=m2")
		p.uses("A", 3)
		p.wait(10 * time.Minute)
		p.order(keyset.Order{Action: keyset.Retire, Kid: "A", Reason: "old", Actor: "alice", Grace: 2 * time.Minute, Forced: true})
		p.wait(time.Minute)
		p.uses("A", 2)
		p.wait(5 * time.Minute)
		p.advance()
		p.wait(time.Minute)
		p.uses("A", 4)
		p.wait(10 * time.Minute)
		p.order(keyset.Order{Action: keyset.Reinstate, Kid: "A", Reason: "mistake", Actor: "alice"})
		p.uses("A", 8)
		p.wait(10 * time.Minute)
		whole := p.read(time.Time{}, time.Time{})
		a := whole.Keys[0]
		if a.State != "active" || a.Before.Allowed != 13 || a.After.Allowed != 4 || a.Ended != nil || len(a.Orders) != 2 || len(a.History) != 4 {
			t.Errorf("%+v", a)
		}
		c := checked(t, p.export(time.Time{}, at(25*time.Minute)))
		a = c.Keys[0]
		if a.Before.Allowed != 5 || a.After.Allowed != 4 || a.Ended == nil || !a.Ended.Accepted || a.Ended.Since != at(12*time.Minute) || a.Ended.Action != "retire" {
			t.Errorf("%+v, %+v", a, a.Ended)
		}
		if w := a.Window; w == nil || w.Cause != "retire" || w.Seconds != 420 || w.Open {
			t.Errorf("%+v", w)
		}
		verdicts, err := Merge([]*Checked{c})
		if err != nil || len(verdicts) != 1 || !verdicts[0].After || len(verdicts[0].Own) != 1 {
			t.Errorf("%+v, %v", verdicts, err)
		}
		var md bytes.Buffer
		if err := c.WriteMarkdown(&md); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"by an order to retire of alice: old. **A token was accepted after that**",
			"| trust window, promised | the grace of the order |", "| 7m0s from the order to retire it at ",
		} {
			if !strings.Contains(md.String(), want) {
				t.Errorf("%q is not in\n%s", want, &md)
			}
		}
	})
}

// A key that was never in force, and one known by name alone, are accounted for.
func TestEvidenceOfKeysThatNeverServed(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		const reason = "elsewhere \u2028 é 😀 \"x\"\\"
		soon := listed("A=m1")
		soon.NotBefore = at(time.Hour)
		next, events := p.set.Observe(keyset.Document{Keys: []keyset.Listed{soon, listed("B=m2")}}, p.clock(), p.clock())
		p.keep(next, events)
		p.order(keyset.Order{Action: keyset.Revoke, Kid: "leaked", Reason: reason, Actor: "alice"})
		p.wait(time.Minute)
		p.lists("B=m2")
		p.wait(5 * time.Minute)
		p.lists("B=m2", "leaked=m4")
		p.key("leaked").Attempt(keyset.Invalid)
		p.wait(10 * time.Minute)
		c := checked(t, p.export(time.Time{}, time.Time{}))
		if len(c.Keys) != 3 || !c.Keys[0].Forgotten || c.Keys[0].Kid != "A" || c.Keys[0].State != "" {
			t.Errorf("%+v", c.Keys)
		}
		if k := c.Keys[2]; k.Thumbprint != "thumbprint-of-m4" || k.State != "revoked" || k.Attempts.Invalid != 1 || len(k.Orders) != 1 || k.Ended.Reason != reason || k.Ended.Since != at(0) {
			t.Errorf("%+v %+v", k, k.Ended)
		}
		var md bytes.Buffer
		if err := c.WriteMarkdown(&md); err != nil || !strings.Contains(md.String(), "| corp | `A` | forgotten |") || !strings.Contains(md.String(), "None: the record of the period is unbroken.") {
			t.Errorf("%v\n%s", err, &md)
		}
		empty := Evidence{Guard: "a|b`\u202e", Gaps: []Gap{{Kind: "other"}}}
		md.Reset()
		if err := empty.WriteMarkdown(&md); err != nil || !strings.HasPrefix(md.String(), markdownTitle+": guard \"a\\|b\\`\\\\u202e\"\n") || !strings.Contains(md.String(), "## Keys\n\nNone.\n") {
			t.Errorf("%v\n%s", err, &md)
		}
	})
}

// Reading ends when nobody waits for it any more, and tells what the disk said.
func TestEvidenceStopsReading(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		rotation(p)
		delete(p.d.names, dir+"/"+fileName)
		p.d.write(archive(1), "")
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if _, err := ReadEvidence(ctx, p.evidence(time.Time{}, time.Time{})); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		p.kill()
	})
}

// A ledger that somebody rewrote as a whole holds, and only a hash that was kept
// elsewhere tells. Nor can a key be given another name in it.
func TestRewrittenLedgerIsFoundByItsHeadAlone(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		rotation(p)
		p.quit()
		before := p.read(time.Time{}, time.Time{})
		text := p.d.read(fileName)
		p.d.write(fileName, string(rehash([]byte(strings.ReplaceAll(text, "uid:1000", "uid:0")))))
		after := checked(t, p.export(time.Time{}, time.Time{}), before.Head)
		if after.Head == before.Head || len(after.Heads) != 0 || after.Keys[1].Ended.Actor != "uid:0" {
			t.Errorf("%+v", after)
		}

		p.d.write(fileName, string(rehash([]byte(strings.ReplaceAll(text, `"jwk":{"material":"m2/n2"}`, `"jwk":{"material":"m3/n2"}`)))))
		x := p.readBy(readAny)
		var b bytes.Buffer
		if err := x.WriteJSON(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if got := broken(t, b.String()); !strings.HasPrefix(got, "line 46: ledger[25]: key: jwk: its thumbprint is thumbprint-of-m3") {
			t.Error(got)
		}
	})
}

// readAny takes any JWK for that of the second key.
func readAny(jwk []byte) (keyset.Listed, error) {
	l, err := readKey(jwk)
	if l.Thumbprint == "thumbprint-of-m3" {
		l.Thumbprint = "thumbprint-of-m2"
	}
	return l, err
}

func (p *post) readBy(readKey func([]byte) (keyset.Listed, error)) *Export {
	cfg := p.evidence(time.Time{}, time.Time{})
	cfg.ReadKey = readKey
	x, err := ReadEvidence(context.Background(), cfg)
	if err != nil {
		p.Fatal(err)
	}
	return x
}
