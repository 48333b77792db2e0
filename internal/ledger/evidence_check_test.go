package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// exported is the export of a rotation, with a gap.
func exported(t *testing.T) (text string) {
	atPost(t, "edge-1", func(p *post) {
		rotation(p)
		text = p.export(time.Time{}, time.Time{})
	})
	return text
}

// No byte can be changed, and the place is named.
func TestAlteredByteIsRefused(t *testing.T) {
	text := exported(t)
	checked(t, text)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(text); i += 1 + r.IntN(20) {
		for _, flip := range []byte{1, 0x20, byte(1 + r.IntN(255))} {
			b := []byte(text)
			b[i] ^= flip
			said := broken(t, string(b))
			row := 1 + strings.Count(text[:i], "\n")
			if !strings.Contains(said, "line ") && row > 1 {
				t.Errorf("line %d: %s", row, said)
			}
			if t.Failed() {
				t.Fatalf("byte %d of %d, in line %d, xor %#x: %q", i, len(text), row, flip, text[max(0, i-20):min(len(text), i+20)])
			}
		}
	}
	for i := 0; i < len(text); i += 1 + r.IntN(40) {
		broken(t, text[:i])
		if t.Failed() {
			t.Fatal("cut after byte ", i)
		}
	}
}

// A forger who makes the hash of the export good again does not get far: the
// lines contradict.
func TestForgedFiguresAreRefused(t *testing.T) {
	text := exported(t)
	rows := strings.SplitAfter(text, "\n")
	first := strings.Index(text, rowLedger) + len(rowLedger)
	line := func(n int) int { return strings.Count(text[:first], "\n") + n } // index among the rows
	swap := func(i, j int) string {
		r := append([]string(nil), rows...)
		r[i], r[j] = r[j], r[i]
		return strings.Join(r, "")
	}
	drop := func(i int) string { return strings.Join(rows[:i], "") + strings.Join(rows[i+1:], "") }
	replace := func(old, new string) string {
		changed := strings.Replace(text, old, new, 1)
		if changed == text {
			t.Fatalf("there is no %q", old)
		}
		return changed
	}
	for _, tt := range []struct{ name, text, want string }{
		{"allowed", replace(`"allowed":9`, `"allowed":8`), `line 14: keys[0].allowed: (issuer "corp", kid "A") the export says 8, and its lines give 9`},
		{"attempts", replace(`{"valid":1,"invalid":1`, `{"valid":0,"invalid":1`), "keys[0].attempts_after_retirement.valid: "},
		{"history", replace(`"state":"grace","at":"2000-01-01T00:22:00Z"`, `"state":"grace","at":"2000-01-01T00:20:00Z"`), "keys[0].history[1].at: "},
		{"actor", replace(`"actor":"uid:1000"`, `"actor":"uid:1001"`), "keys[1].out_of_service.actor: "},
		{"a key less", strings.Replace(drop(14), "},\n],", "}\n],", 1), "line 14: keys: the export has 1, and its lines give 2"},
		{"guard", replace(`"guard":"edge-1"`, `"guard":"edge-2"`), `line 2: guard: the export says "edge-2", and its lines give "edge-1"`},
		{"head", replace(`"head":"`, `"head":"f`), "line 5: head: "},
		{"lines", replace(`"lines":28`, `"lines":27`), "line 8: lines: "},
		{"a gap less", replace(`{"kind":"guard_down"`, `{"kind":"no_record"`), "gaps[0].kind: "},
		{"later from", replace(`"from":"2000-01-01T00:00:00Z"`, `"from":"2000-01-01T00:10:00Z"`), "keys[0]."},
		{"sooner to", replace(`"to":"2000-01-01T01:45:01Z"`, `"to":"2000-01-01T01:45:00Z"`), "ledger[27]: it is of after the period"},
		{"to before from", replace(`"to":"2000-01-01T01:45:01Z"`, `"to":"1999-01-01T01:45:01Z"`), "to: 1999-01-01T01:45:01Z is before from"},
		{"another member", replace("\"gaps\":[", "\"good\":true,\n\"gaps\":["), "good: not as an export has it: "},
		{"twice", replace("\"gaps\":[", "\"guard\":\"edge-1\",\n\"gaps\":["), "not as an export has it: "},
		{"spaces", replace(`"first_seq":1`, `"first_seq": 1`), "line 7: not in the form of an export"},
		{"order of lines", swap(line(5), line(6)), "ledger[5]: its prev is not the hash of the line before"},
		{"a line less", drop(line(9)), "ledger[9]: its prev is not the hash of the line before"},
		{"the first line less", drop(line(0)), "ledger[0]: the first line must be file_opened"},
		{"a line twice", strings.Join(rows[:line(4)], "") + rows[line(3)] + strings.Join(rows[line(4):], ""), "ledger[4]: its prev is not"},
		{"the last line less", strings.Replace(strings.Join(rows[:line(27)], ""), "}\",\n", "}\",\n", 1) + rows[line(28)], "ledger[27]: not a string"},
		{"cut with its end made good", strings.TrimSuffix(strings.Join(rows[:line(27)], ""), ",\n") + "\n" + rows[line(28)], "line 5: head: "},
		{"a changed line", replace(`\"kid\":\"B\"`, `\"kid\":\"C\"`), "ledger[6]: its hash does not match its content"},
		{"no lines", strings.Join(rows[:line(0)], "") + rows[line(28)], "ledger[0]: not a string of JSON"},
		{"more after it", text + "\n", "line 50: something follows its end"},
		{"more after it, unended", text + " ", "something follows its end"},
		{"newer", replace(`"format":1`, `"format":2`), "written by a newer version (format 2; this one knows format 1): verify it with that version"},
		{"older", replace(`"format":1`, `"format":0`), "line 1: format: "},
		{"negative", replace(`"format":1`, `"format":-1`), "not an evidence export: it begins otherwise"},
		{"laid out anew", "{\n  " + text[1:], "not an evidence export: it begins otherwise; give the file as jwtguard evidence export wrote it"},
		{"Markdown", markdownTitle + ": guard\n", "not an evidence export that can be checked: this is the Markdown; give the JSON of the same export"},
		{"empty", "", "not an evidence export: it is empty"},
	} {
		forged := tt.text
		if strings.HasSuffix(forged, "\"}\n") {
			forged = reseal(forged)
		}
		if got := broken(t, forged); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s\nwanted %s", tt.name, got, tt.want)
		}
	}
	if got := broken(t, replace(`"confirmation_seconds":65`, `"confirmation_seconds":64`)); got != "line 49: hash: it does not match the content: the file was altered after it was written" {
		t.Error(got)
	}
}

// What a reader gives besides evidence is passed on.
func TestUnreadableExport(t *testing.T) {
	text := exported(t)
	gone := errors.New("gone")
	for _, n := range []int{0, 10, 300, len(text) - 100, len(text) - 10} {
		r := io.MultiReader(strings.NewReader(text[:n]), readerFunc(func([]byte) (int, error) { return 0, gone }))
		if _, err := CheckEvidence(context.Background(), r, CheckConfig{ReadKey: readKey}); !errors.Is(err, gone) {
			t.Error(n, err)
		}
	}
	r := io.MultiReader(strings.NewReader("{\"format\":1,\n"), readerFunc(func(b []byte) (int, error) {
		for i := range b {
			b[i] = 'x'
		}
		return len(b), nil
	}))
	if _, err := CheckEvidence(context.Background(), r, CheckConfig{ReadKey: readKey}); err == nil || !strings.Contains(err.Error(), "line 2: longer than") {
		t.Error(err)
	}
}

// recounted is the evidence of these lines.
func recounted(text []byte, to time.Time) (*Evidence, error) {
	r := newRecount(time.Time{}, to)
	for text := range bytes.Lines(text) {
		l, err := r.check(bytes.TrimSuffix(text, []byte("\n")))
		if err == nil {
			err = r.take(&l)
		}
		if err != nil {
			return nil, fmt.Errorf("seq %d: %w", l.seq, err)
		}
	}
	return r.finish(readKey)
}

// Where one chain ends and another begins, that must be said.
func TestNewChainsMustBeExplained(t *testing.T) {
	s := scroll{chain: chain{head: begin}}
	now := keyset.Instant{Wall: noon, Life: noon}
	next := func(event string) { s.line(now, event, func() { s.number("format", 1); s.text("guard", "g") }) }
	next(eventOpened)
	next(eventStarted)
	s.line(now, eventRecord, func() {
		s.text("issuer", "corp")
		s.text("iss", iss)
		s.text("thumbprint", "thumbprint-of-m1")
		s.object("key", func() { s.text("thumbprint", "thumbprint-of-m1") })
	})
	good := string(s.b)
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"on", func() { next("note") }, ""},
		{"a loss", func() { s.head = begin; next(eventOpened); next(eventLoss) }, ""},
		{"a loss that uses numbers again", func() { s.head, s.seq = begin, 0; next(eventOpened); next(eventLoss) }, ""},
		{"no loss", func() { s.head = begin; next(eventOpened); next(eventStarted) }, "seq 5: a new chain begins before it, without the line state_loss_accepted"},
		{"no more", func() { s.head = begin; next(eventOpened) }, "it ends amid the beginning of a chain, before state_loss_accepted"},
		{"lines missing", func() { s.seq += 5; next(eventOpened) }, ""},
		{"lines missing amid a file", func() { s.seq += 5; next("note") }, "seq 9: its prev is not the hash of the line before"},
		{"another line before", func() { s.head = digest([]byte("x")); next("note") }, "seq 4: its prev is not the hash of the line before"},
		{"lines again", func() { s.seq--; next(eventOpened) }, "seq 3: its prev is not the hash of the line before"},
		{"nonsense", func() { s.line(now, eventOpened, nil) }, "seq 4: not a line of a ledger"},
	} {
		kept := s
		s.b = append([]byte(nil), s.b...)
		tt.do()
		e, err := recounted(s.b, time.Time{})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if strings.HasPrefix(tt.name, "a loss") && (len(e.Keys) != 1 || !e.Keys[0].Forgotten || e.Gaps[0].Kind != GapLoss) {
			t.Errorf("%s: %+v", tt.name, e)
		}
		s = kept
	}
	if e, err := recounted([]byte(good), time.Time{}); err != nil || len(e.Keys) != 1 || e.Keys[0].Forgotten {
		t.Error(e, err)
	}
}

// FuzzCheckEvidence: no panic; what is taken for good is what an export of its own
// figures would be.
func FuzzCheckEvidence(f *testing.F) {
	var x Export
	s := scroll{chain: chain{head: begin}}
	at := keyset.Instant{Wall: noon, Life: noon}
	s.line(at, eventOpened, func() { s.number("format", 1); s.text("guard", "g") })
	s.line(at, eventStarted, func() { s.text("guard", "g") })
	s.line(at, "key_state", func() { s.text("issuer", "corp"); s.text("iss", iss); s.text("kid", "A"); s.text("to", "retired") })
	s.line(at, "usage", func() {
		s.text("issuer", "corp")
		s.text("iss", iss)
		s.text("kid", "A")
		s.object("usage", func() { s.number("allowed", 1) })
	})
	e, err := recounted(s.b, time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	x.Evidence = *e
	var b bytes.Buffer
	if err := x.writeHead(&b); err != nil {
		f.Fatal(err)
	}
	sep := ""
	for text := range bytes.Lines(s.b) {
		b.WriteString(sep)
		b.Write(appendQuoted(nil, bytes.TrimSuffix(text, []byte("\n"))))
		sep = ",\n"
	}
	good := reseal(b.String() + "\n]" + hashMark)
	if _, err := CheckEvidence(context.Background(), strings.NewReader(good), CheckConfig{ReadKey: readKey}); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(good), s.b)
	f.Add([]byte(good[:200]), s.b[:300])
	f.Add([]byte("# Evidence"), []byte("{}\n"))
	f.Fuzz(func(t *testing.T, text, lines []byte) {
		head, _, _ := bytes.Cut(text, []byte(rowLedger))
		forged := append(bytes.Clone(head), rowLedger...)
		for i, line := range bytes.Split(bytes.TrimSuffix(rehash(lines), []byte("\n")), []byte("\n")) {
			if i > 0 {
				forged = append(forged, ",\n"...)
			}
			forged = appendQuoted(forged, line)
		}
		forged = append(forged, "\n]"+hashMark...)
		for _, text := range []string{string(text), reseal(string(forged))} {
			c, err := CheckEvidence(context.Background(), strings.NewReader(text), CheckConfig{ReadKey: readKey, Hashes: true})
			if err != nil {
				continue
			}
			var b bytes.Buffer
			if err := c.writeHead(&b); err != nil || !strings.HasPrefix(text, b.String()) {
				t.Fatal(err)
			}
			if err := c.WriteMarkdown(io.Discard); err != nil {
				t.Fatal(err)
			}
			if _, err := Merge([]*Checked{c, c}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Many guards: the latest acceptance anywhere counts, and who is behind is named.
func TestMergedGuards(t *testing.T) {
	guard := func(name string, revokeAt time.Duration, lists string) (c *Checked) {
		atPost(t, name, func(p *post) {
			p.lists(lists)
			p.wait(10 * time.Minute)
			if revokeAt > 0 {
				p.wait(revokeAt - 10*time.Minute)
				p.order(keyset.Order{Action: keyset.Revoke, Kid: "A", Reason: "leaked", Actor: "alice"})
				p.key("A").Attempt(keyset.Valid)
			} else if lists == "A=m1" {
				p.wait(15 * time.Minute)
				p.uses("A", 1)
			}
			p.wait(50 * time.Minute)
			c = checked(t, p.export(time.Time{}, time.Time{}))
		})
		return c
	}
	a, b := guard("a", 10*time.Minute, "A=m1"), guard("b", 20*time.Minute, "A=m1")
	behind, other := guard("behind", 0, "A=m1"), guard("other", 0, "B=m2")
	want := Verdict{
		Issuer: "corp", Iss: iss, Kid: "A", Thumbprint: "thumbprint-of-m1", State: "revoked",
		Since: at(10 * time.Minute), Guard: "a", Everywhere: at(20 * time.Minute), Attempts: Attempts{Valid: 2},
	}
	for _, tt := range []struct {
		all  []*Checked
		more func(v *Verdict)
	}{
		{[]*Checked{a, b}, func(*Verdict) {}},
		{[]*Checked{b, a, new(*a)}, func(*Verdict) {}},
		{[]*Checked{other, b, behind, a}, func(v *Verdict) {
			v.Everywhere, v.InService, v.Unknown = time.Time{}, []string{"behind"}, []string{"other"}
			v.Short = []string{"other"} // whose last line is of its start
			v.Latest, v.LatestGuard, v.After, v.AfterSeconds = at(25*time.Minute), "behind", true, 900
		}},
	} {
		v := want
		tt.more(&v)
		got, err := Merge(tt.all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Verdict{v}, got); diff != "" {
			t.Error(diff)
		}
	}
	short := *other
	short.Guard, short.To = "short", at(time.Minute)
	gap := *other
	gap.Guard, gap.To, gap.Gaps = "short", at(time.Hour), []Gap{{Kind: GapNone, Since: at(0), Until: at(time.Hour)}}
	if got, err := Merge([]*Checked{a, &gap}); err != nil || fmt.Sprint(got[0].Short) != "[short]" {
		t.Error(got, err)
	}
	if got, err := Merge([]*Checked{a, &short}); err != nil || fmt.Sprint(got[0].Short, got[0].Unknown) != "[short] [short]" {
		t.Error(got, err)
	}
}

// Two ledgers of one name contradict each other; two parts of one do not.
func TestExportsOfOneGuard(t *testing.T) {
	var parts []*Checked
	atPost(t, "edge-1", func(p *post) {
		p.l.cfg.RotateAt, p.cfg.RotateAt = 4000, 4000
		rotation(p)
		for _, period := range [][2]time.Duration{{0, 30}, {10, 60}, {70, 100}, {0, 100}} {
			parts = append(parts, checked(t, p.export(at(period[0]*time.Minute), at(period[1]*time.Minute))))
		}
	})
	if v, err := Merge(parts); err != nil || len(v) != 1 || v[0].Kid != "A" {
		t.Error(v, err)
	}
	atPost(t, "edge-1", func(p *post) {
		p.wait(time.Minute)
		rotation(p)
		_, err := Merge(append(parts[:1:1], checked(t, p.export(time.Time{}, time.Time{}))))
		if err == nil || !strings.Contains(err.Error(), `guard "edge-1": two exports have different lines with seq `) {
			t.Error(err)
		}
	})
	parts[0].chains = nil
	if _, err := Merge(parts); err == nil {
		t.Error("compared without anything to compare")
	}
}
