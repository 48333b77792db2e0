package ledger

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// states are those of all keys that a ledger of a text knows, at the end of the tale.
// With damage the text is salvaged.
func (s chronicle) states(t *testing.T, text string, damage bool) []string {
	t.Helper()
	d := newDisk()
	d.write(fileName, text)
	return s.known(t, d, damage)
}

func (s chronicle) known(t *testing.T, d *disk, damage bool) (all []string) {
	t.Helper()
	cfg := d.config()
	cfg.AcceptLoss = damage
	l := openBy(t, cfg)
	if err := l.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if lost := slices.ContainsFunc(l.Findings(), func(f string) bool { return strings.Contains(f, "state loss accepted") }); lost != damage {
		t.Fatalf("state loss accepted: %t, want %t: %q", lost, damage, l.Findings())
	}
	for _, r := range l.Restored() {
		for _, k := range r.Set.Keys() {
			all = append(all, fmt.Sprintf("%s %s final=%t denied=%d", identOf(k), k.State(s.end), k.Final, k.Tally().Denied))
		}
	}
	slices.Sort(all)
	return all
}

// Lines are not always where they were written: a copy was appended, blocks of a disk
// changed places, a newline was lost. None of that loses a line, and so it changes no
// key, whatever stands last.
func TestLinesOutOfTheirPlaceChangeNothing(t *testing.T) {
	older := 0
	for seed := range uint64(12) {
		s := tale(t, seed)
		whole := strings.Join(s.lines, "")
		want := s.states(t, whole, false)
		try := func(what, text string) {
			t.Helper()
			if diff := cmp.Diff(want, s.states(t, text, true)); diff != "" {
				t.Fatalf("seed %d, %s: %s", seed, what, diff)
			}
		}
		older += len(s.older)
		try("the files before were appended", whole+strings.Join(s.older, ""))
		try("the files before were put in front", strings.Join(s.older, "")+"\n"+whole)
		try("the file was appended to itself", whole+whole)
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range s.lines {
			try(fmt.Sprintf("line %d stands at the end, too", i+1), whole+s.lines[i])
			if i == 0 {
				continue
			}
			moved := slices.Clone(s.lines)
			moved[i-1], moved[i] = moved[i], moved[i-1]
			try(fmt.Sprintf("lines %d and %d changed places", i, i+1), strings.Join(moved, ""))
			joined := slices.Clone(s.lines)
			joined[i-1] = strings.TrimSuffix(joined[i-1], "\n") + []string{"\v", "", "\x00"}[i%3]
			try(fmt.Sprintf("lines %d and %d run together", i, i+1), strings.Join(joined, ""))
		}
		for range 10 {
			moved := slices.Clone(s.lines)
			random.Shuffle(len(moved), func(i, j int) { moved[i], moved[j] = moved[j], moved[i] })
			try("shuffled", strings.Join(moved, ""))
		}
		try("no newline is left", strings.ReplaceAll(whole, "\n", ""))
		try("the last newline is another byte, and one is missing before", strings.Replace(strings.TrimSuffix(whole, "\n"), "\n", "\v", 1)+"\v")
	}
	if older == 0 {
		t.Fatal("no tale had a file before")
	}
}

// A key whose record is lost with a part of the snapshot is known from the file of
// which the snapshot was made.
func TestTheFileBeforeTellsWhatTheSnapshotLost(t *testing.T) {
	cases := 0
	for seed := range uint64(20) {
		s := tale(t, seed)
		if len(s.older) == 0 {
			continue
		}
		want := s.states(t, strings.Join(s.lines, ""), false)
		for n := range s.lines {
			if n > 0 && !slices.Contains([]string{eventRecord, eventObserved, eventLoss}, s.words[n].Event) {
				break // of the snapshot
			}
			d := newDisk()
			lines := slices.Clone(s.lines)
			lines[n] = strings.Replace(lines[n], "seq", "sEq", 1)
			d.write(fileName, strings.Join(lines, ""))
			for i, name := range s.names {
				d.write(name, s.older[i])
			}
			cases++
			got := s.known(t, d, true)
			for _, k := range want {
				k, _, _ = strings.Cut(k, " denied=") // of which the last may be lost
				if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, k) }) {
					t.Fatalf("seed %d without line %d: %s is not among %q", seed, n+1, k, got)
				}
			}
		}
	}
	if cases < 20 {
		t.Errorf("%d cases: too few", cases)
	}
}

// What an older file alone tells of a key does not bring it back: the snapshot of the
// newer one would have it.
func TestForgottenKeysDoNotComeBack(t *testing.T) {
	lines := linesAfter(0, "v1 2", "B=m2", "A=m1", "v1 1", "B=m2")
	for name, text := range map[string]string{
		"behind": strings.Join(lines[3:], "") + "\n" + strings.Join(lines[:3], ""),
		"twice":  strings.Join(lines[:3], "") + lines[3] + lines[3] + lines[4] + "\n" + lines[4] + "\n",
		"before": strings.Join(lines[:3], "") + "no line\n" + strings.Join(lines[3:], "") + "\n",
	} {
		d := newDisk()
		d.write(fileName, text)
		set := d.salvage(t).Restored()[0].Set
		if _, known := set.Lookup("A"); known {
			t.Errorf("%s: a key that was forgotten is back", name)
		}
		if k, known := set.Lookup("B"); !known || k.State(keyset.Instant{Wall: noon, Life: noon}) != keyset.Active {
			t.Errorf("%s: %v", name, k)
		}
	}
}

func inForce(name string) *keyset.Key {
	k := listed(name)
	kid, _, _ := strings.Cut(name, "=")
	return &keyset.Key{
		Thumbprint: k.Thumbprint, Public: k.Public, JWK: k.JWK, Aliases: []keyset.Alias{{Kid: kid, FirstSeen: noon, LastSeen: noon}},
		FirstSeen: noon, LastSeen: noon, Told: keyset.Active,
	}
}

// linesAfter is lines as a guard could have written them after the seq: "v1 2" begins a file
// of format 1 with a snapshot of two records, "A=m1" is the record of a key in force, and
// "A=m1 out" of one that is not.
func linesAfter(seq uint64, what ...string) (all []string) {
	at := keyset.Instant{Wall: noon, Life: noon}
	b := &batch{scroll: scroll{chain: chain{seq: seq, head: begin}}, images: map[string]*draft{}, now: at}
	d := b.draft(iss, "corp", nil)
	for _, w := range what {
		var version, records uint64
		if n, _ := fmt.Sscanf(w, "v%d %d", &version, &records); n == 2 {
			b.line(at, eventOpened, func() { b.number("format", version); b.number("records", records) })
			continue
		}
		name, out, _ := strings.Cut(w, " ")
		k := inForce(name)
		if out != "" {
			k.Final, k.RetiredAt = true, noon
		}
		b.record(d, k, "", keyset.Tally{})
	}
	return strings.SplitAfter(strings.TrimSuffix(string(b.b), "\n"), "\n")
}

// fileOf is a file of the lines; of those that are lost, nothing is left.
func fileOf(lines []string, lost ...int) string {
	lines = slices.Clone(lines)
	for _, n := range lost {
		lines[n] = "\x00\n"
	}
	return strings.Join(lines, "") + "\n"
}

// Whatever is beside the ledger, and however it came to be as it is: the newest word
// about a key counts, which is that A is out of service and B is not.
func TestTheNewestWordCounts(t *testing.T) {
	var (
		damaged = damagedName + "20260101T000000.000000000Z" + suffix
		long    = slices.Repeat([]string{"B=m2"}, maxLine/400)
		first   = linesAfter(0, "v1 1", "A=m1", "B=m2")
		put     = append(slices.Clone(first), linesAfter(3, "A=m1 out", "B=m2")...)
		gone    = append(slices.Clone(first), linesAfter(3, "B=m2 out", "A=m1", "A=m1")...)
		known   = linesAfter(0, "v1 1", "A=m1", "A=m1 out", "B=m2")
		third   = linesAfter(6, "v1 2", "A=m1 out", "B=m2")
		odd     = linesAfter(math.MaxUint64-5, "v1 1", "A=m1 out", "B=m2")
		next    = linesAfter(4, "v1 2", "A=m1 out", "B=m2")
		window  = strings.Repeat("x", maxLine+readAhead)
		run     = strings.ReplaceAll(fileOf(linesAfter(0, append(append([]string{"v1 0", "A=m1"}, long...), "A=m1 out")...)), "\n", "\v")
	)
	for name, files := range map[string]map[string]string{
		"an archive of a newer version, and after it a loss that was accepted": {
			archive(1): fileOf(linesAfter(0, "v2 0", "A=m1")), fileName: fileOf(linesAfter(2, "v1 2", "A=m1", "B=m2", "A=m1 out"), 1),
		},
		"an older ledger was put back, beside the archive that it became": {archive(1): fileOf(gone), fileName: fileOf(put, 1)},
		"an older ledger was put back, and its snapshot is whole":         {archive(1): fileOf(gone), fileName: fileOf(append(first, linesAfter(3, "A=m1 out", "A=m1 out", "A=m1 out")...), 4)},
		"an older line of the archive was appended":                       {archive(1): fileOf(known), fileName: fileOf(next, 1) + known[1]},
		"a line that begins and does not end":                             {fileName: lineMark + window[:len(window)-len(lineMark)-3] + strings.ReplaceAll(fileOf(known[2:]), "\n", "")},
		"a line where the reading stops":                                  {fileName: window[:len(window)-100] + strings.ReplaceAll(fileOf(known[2:]), "\n", "")},
		"a line that is longer than a line may be":                        {fileName: run + "\n"},
		"not one newline, and more than a line may have":                  {fileName: run},
		"the snapshot of an accepted loss lost what the damaged file has": {damaged: fileOf(known), fileName: fileOf(next, 1)},
		"of several damaged files, the newest": {
			damagedName + "2025" + suffix: "\n", damaged: fileOf(known), damagedName + "2024" + suffix: "\n", fileName: fileOf(next, 1),
		},
		"the damaged file is all that is there": {damaged: fileOf(known)},
		"a seq that cannot be":                  {archive(maxSeq + 1): fileOf(linesAfter(maxSeq, "v1 1", "A=m1")), fileName: fileOf(odd) + "no line\n"},
		"an archive whose name cannot be":       {"ledger-18446744073709551615.jsonl": fileOf(odd[:1]), fileName: fileOf(odd) + "no line\n"},
		"an older file was appended that is whole, and the beginning is lost": {
			archive(3): fileOf(linesAfter(2, "v1 1", "A=m1", "A=m1 out", "B=m2")), fileName: fileOf(third, 0, 1) + fileOf(linesAfter(0, "v1 1", "A=m1")),
		},
		"a line is whole, and the next one is not": {fileName: fileOf(known[:2]) + strings.TrimSuffix(known[2], "\n") + known[3][300:] + known[3]},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			for file, text := range files {
				d.write(file, text)
			}
			set, found := d.accept(t)
			if a, _ := set.ByThumbprint("thumbprint-of-m1"); a == nil || !a.Final {
				t.Errorf("%+v\n%s", a, found)
			}
			if b, _ := set.ByThumbprint("thumbprint-of-m2"); b == nil || b.State(keyset.Instant{Wall: noon, Life: noon}) != keyset.Active {
				t.Errorf("%+v\n%s", b, found)
			}
			d.open(t)
		})
	}
}

// A text that cannot be read tells the name of each key that stands in it, if nothing
// newer tells of the key.
func TestWhatIsLeftOfALineNamesItsKeys(t *testing.T) {
	all := linesAfter(0, "v1 2", "A=m1", "B=m2", "C=m3", "D=m4", "A=m1")
	usage := lines(func(b *batch, d *draft, at keyset.Instant) {
		b.tell(d, at, eventUsage, "A", "thumbprint-of-m1", nil)
		b.tell(d, at, eventUsage, "E", "thumbprint-of-m5", nil)
	}).lines
	names := func(kid, material string) string {
		return fmt.Sprintf("kid %q thumbprint %q", kid, "thumbprint-of-"+material)
	}
	c, d, a, b := names("C", "m3"), names("D", "m4"), names("A", "m1"), names("B", "m2")
	var many strings.Builder
	for n := range maxUnread + 1 {
		fmt.Fprintf(&many, ",\"kid\":\"k%d\"\n", n)
	}
	issuer := func(line string) int { return strings.Index(line, `,"issuer"`) }
	for _, tt := range []struct {
		name, text string
		want, not  []string
	}{
		{"lines of a newer version", fileOf(linesAfter(0, "v1 1", "A=m1", "v2 1", "B=m2")), []string{b}, []string{a, c, d}},
		{"the head of a line of counts", fileOf(all[:3]) + usage[2][:300] + "\x00" + all[5][issuer(all[5]):], []string{names("E", "m5"), a}, []string{b}},
		{"more keys than are kept", fileOf(all[:3]) + many.String(), []string{`kid "k0"`, fmt.Sprintf(`kid "k%d"`, maxUnread-1), "1 more such lines"}, []string{fmt.Sprintf(`kid "k%d"`, maxUnread)}},
		{"its seq is damaged, too", fileOf(all) + all[1] + strings.Replace(linesAfter(6, "B=m2")[0], "7", "1", 1) + "\n", []string{b}, []string{a, c, d}},
		{"the head of one line and the tail of another", fileOf(all[:3]) + all[3][:400] + "\x00" + all[4][issuer(all[4]):], []string{c, d}, []string{a, b}},
		{"a whole line and the tail of another", fileOf(all[:3]) + strings.TrimSuffix(all[3], "\n") + all[4][issuer(all[4]):], []string{d}, []string{a, b, c}},
		{"cut before the kids", fileOf(all[:3]) + all[3][:issuer(all[3])] + all[4][strings.Index(all[4], `,"kid"`):], []string{d}, []string{a, b, c}},
		{"a tail that stands first", all[5][issuer(all[5]):] + fileOf(all[:3]) + all[5][:issuer(all[5])], []string{a}, []string{b}},
		{"an older line", fileOf(all[:1]) + all[1][:400] + "\n" + fileOf(all[2:]), nil, []string{a, b, c, d}},
		{"a newer line", fileOf(all[:5]) + all[5][:400] + "\n", []string{a}, []string{b, c, d}},
		{"many lines of one key", fileOf(all[:3]) + strings.Repeat(all[3][:400]+"\n", maxUnread+1) + all[4][:400], []string{c, d}, []string{a, b, "1 more"}},
		{"counts of use", fileOf(all) + usage[1][:300] + usage[2][:300] + "\n", []string{names("E", "m5")}, []string{a}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDisk()
			d.write(fileName, tt.text)
			found := strings.Join(d.salvage(t).Findings(), "\n")
			for _, w := range tt.want {
				if strings.Count(found, w) != 1 {
					t.Errorf("%s is not named once:\n%s", w, found)
				}
			}
			for _, w := range tt.not {
				if strings.Contains(found, w) {
					t.Errorf("%s is named without need:\n%s", w, found)
				}
			}
		})
	}
}

// A file that cannot be read is not taken for one that tells nothing: without the ledger
// itself there is no start, and of an older file the operator is told.
func TestSalvageTellsWhatItCannotRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		again bool // the first time, it can be read
		err   string
		found string
	}{ // the damage of the ledger is found before
		{fileName, false, "/state/ledger.jsonl: input/output error", ""},
		{fileName, true, "read /state/ledger.jsonl again: read /state/ledger.jsonl: input/output error", ""},
		{archive(1), false, "", "the older /state/ledger-1.jsonl cannot be read: read /state/ledger-1.jsonl: input/output error"},
		{archive(1), true, "read /state/ledger-1.jsonl again: read /state/ledger-1.jsonl: input/output error", ""},
	} {
		d := newDisk()
		d.write(archive(1), fileOf(linesAfter(0, "v1 1", "A=m1")))
		d.write(fileName, fileOf(linesAfter(2, "v1 2", "A=m1", "B=m2 out"), 1))
		cfg := d.config()
		cfg.AcceptLoss = true
		bad := &badFile{Files: cfg.Files, name: dir + "/" + tt.name, again: tt.again}
		if tt.name == fileName {
			bad.good = 1
		}
		cfg.Files = bad
		l, err := Open(context.Background(), cfg)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.err)
			}
		case err != nil:
			t.Error(err)
		case !strings.Contains(strings.Join(l.Findings(), "\n"), tt.found):
			t.Errorf("%s: %q", tt.name, l.Findings())
		}
		if bad.open != 0 && err != nil || bad.open > 1 {
			t.Errorf("%s: %d times it is open still", tt.name, bad.open)
		}
	}
}

// badFile is a disk of which one file gives errors.
type badFile struct {
	Files
	name  string
	again bool
	good  int // times that it is opened before
	open  int
}

func (b *badFile) Open(name string, flag int) (File, error) {
	f, err := b.Files.Open(name, flag)
	if err != nil || name != b.name {
		return f, err
	}
	if b.good--; b.good >= 0 {
		return f, nil
	}
	b.open++
	return &badHandle{f, b}, nil
}

type badHandle struct {
	File
	b *badFile
}

func (h *badHandle) fail() error { return &fs.PathError{Op: "read", Path: h.b.name, Err: syscall.EIO} }

func (h *badHandle) Read(p []byte) (int, error) {
	if !h.b.again {
		return 0, h.fail()
	}
	return h.File.Read(p)
}

func (h *badHandle) ReadAt([]byte, int64) (int, error) { return 0, h.fail() }

func (h *badHandle) Close() error {
	h.b.open--
	return h.File.Close()
}
