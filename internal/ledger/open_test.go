package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// told is a disk on which a story was told, without rotations, and what was in
// force at its end.
func told(t *testing.T) (*disk, *keyset.Set) {
	t.Helper()
	d := newDisk()
	var set *keyset.Set
	synctest.Test(t, func(t *testing.T) {
		l := d.open(t)
		stop := run(t, l)
		p := newLife(firstSeed, clockFrom(time.Time{}))
		for range 16 {
			time.Sleep(time.Minute)
			next, events := p.turn()
			p.set = next
			if err := l.Record(change(next, events))(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		_, c := order(p.set, "Q")
		p.set = c.Set
		l.Record(c)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		set = p.set
	})
	return d, set
}

// Two guards cannot have one state_dir; the second says who has it, and takes over
// as soon as it is free.
func TestOneGuardPerDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ctx := newDisk(), context.Background()
		first := d.open(t)
		cfg := d.config()
		cfg.Guard, cfg.Wait = "edge-2", 15*time.Second
		began := time.Now()
		_, err := Open(ctx, cfg)
		if want := fmt.Sprintf(`ledger: state_dir /state: in use by guard "edge-1", pid %d: stop that guard, or give this one a state_dir of its own`, os.Getpid()); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if time.Since(began) != cfg.Wait {
			t.Errorf("it waited %v", time.Since(began))
		}
		time.AfterFunc(3*time.Second, func() { first.Release(ctx) })
		second, err := Open(ctx, cfg)
		if err != nil || time.Since(began) > cfg.Wait+4*time.Second {
			t.Fatal(err, time.Since(began))
		}
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := Open(impatient, d.config2(15*time.Second)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `in use by guard "edge-2"`) {
			t.Error(err)
		}
		second.Release(ctx)
		if got := events(d.whole(t)); got != "file_opened guard_started guard_stopped guard_started guard_stopped" {
			t.Error(got)
		}
	})
}

func (d *disk) config2(wait time.Duration) Config {
	cfg := d.config()
	cfg.Wait = wait
	return cfg
}

// The operating system's files: modes, the lock, and what is written is there.
func TestOnARealDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	cfg := Config{Dir: dir, Guard: "edge-1", ReadKey: readKey, RotateAt: 3000}
	ctx := context.Background()
	l, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, cfg); err == nil || !strings.Contains(err.Error(), `in use by guard "edge-1"`) {
		t.Error(err)
	}
	stop := run(t, l)
	set := keyset.New(keyset.Params{})
	for i := range 30 {
		next, c := order(set, fmt.Sprint("kid ", i))
		set = next
		if err := l.Commit(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	check := func() (names []string) {
		filepath.WalkDir(dir, func(path string, e fs.DirEntry, _ error) error {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			modes[e.Name()] = info.Mode().Perm()
			if want := map[bool]fs.FileMode{true: dirMode, false: fileMode}[e.IsDir()]; info.Mode().Perm() != want {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			names = append(names, e.Name())
			return nil
		})
		return names
	}
	names := check()
	if seqs, _ := archives(names); len(seqs) == 0 || !slices.Contains(names, lockName) || slices.Contains(names, newName) {
		t.Error(names)
	}
	for _, n := range names[1:] {
		os.Chmod(filepath.Join(dir, n), 0o644)
	}
	os.Chmod(dir, 0o777)
	l, err = Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want(t, l.Restored()[0].Set.Keys(), set)
	found := strings.Join(l.Findings(), "\n")
	if strings.Count(found, "had mode 0644, and has 0600 now") != len(names)-1 || !strings.Contains(found, dir+" may be written to by others (mode 0777)") {
		t.Error(found)
	}
	os.Chmod(dir, 0o700)
	check()
	if err := l.Release(ctx); err != nil {
		t.Fatal(err)
	}
}

// failing is a file layer in which one thing is forbidden.
type failing struct {
	Files
	what string
	err  error
}

func (f failing) Open(name string, flag int) (File, error) {
	if f.what == filepath.Base(name) && flag&(os.O_RDWR|os.O_WRONLY) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.Files.Open(name, flag)
}

func (f failing) List(dir string) ([]string, error) {
	if f.what == "list" {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: f.err}
	}
	return f.Files.List(dir)
}

// A directory that cannot be used is named at start, and the lock given back.
func TestDirectoryThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct {
		what string
		err  error
		want string
	}{
		{lockName, syscall.EROFS, "ledger: state_dir /state: open /state/lock: read-only file system: it must be a directory that this user may write to"},
		{lockName, syscall.EACCES, "ledger: state_dir /state: open /state/lock: permission denied: it must be a directory that this user may write to"},
		{"list", syscall.EACCES, "ledger: state_dir /state: open /state: permission denied"},
		{fileName, syscall.EACCES, "ledger: open /state/ledger.jsonl: permission denied"},
	} {
		d, _ := told(t)
		cfg := d.config()
		cfg.Files = failing{cfg.Files, tt.what, tt.err}
		if _, err := Open(context.Background(), cfg); err == nil || err.Error() != tt.want {
			t.Errorf("%v\nwant %s", err, tt.want)
		}
		d.open(t)
	}
	for want, cfg := range map[string]Config{
		`ledger: Dir "state" must be absolute`: {Dir: "state", ReadKey: readKey},
		"ledger: ReadKey is required":          {Dir: "/state"},
	} {
		if _, err := Open(context.Background(), cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A full disk at the first start is an error; later, what is known is served.
func TestFullDiskAtStart(t *testing.T) {
	d := newDisk()
	d.full(10)
	if _, err := Open(context.Background(), d.config()); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	d, set := told(t)
	d.full(0)
	want(t, restored(t, d.open(t), set), set)
}

// Every single flipped bit is found, and told with its line; nothing is served of
// such a file, unless the loss is accepted.
func TestFlippedBitIsFound(t *testing.T) {
	d, _ := told(t)
	text := d.read(fileName)
	number := 1
	for i := range len(text) {
		if i%7 == number%7 || text[i] == '\n' {
			broken := newDisk()
			b := []byte(text)
			b[i] ^= 1 << (i % 7)
			broken.write(fileName, string(b))
			_, err := Open(context.Background(), broken.config())
			var damage *DamageError
			torn := i == len(text)-1 // the last newline: one line is not complete
			switch {
			case torn:
				if err != nil {
					t.Errorf("byte %d: %v", i, err)
				}
			case !errors.As(err, &damage) || damage.Line != number || damage.File != "/state/ledger.jsonl":
				t.Fatalf("byte %d of line %d: %v", i, number, err)
			}
			if broken.read(fileName) != string(b) && !torn {
				t.Fatal("the damaged file was touched")
			}
		}
		if text[i] == '\n' {
			number++
		}
	}
}

func TestDamageIsRefusedWithTheWayOn(t *testing.T) {
	d, _ := told(t)
	text := d.read(fileName)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	last := len(lines)
	join := func(l ...string) string { return strings.Join(l, "") }
	newer := func() string {
		s := scroll{chain: chain{head: begin}}
		s.line(keyset.Instant{}, eventOpened, func() { s.number("format", 2); s.text("version", "v9") })
		return string(s.b)
	}()
	short := func() string {
		s := scroll{chain: chain{head: begin}}
		s.line(keyset.Instant{}, eventOpened, func() { s.number("format", 1); s.number("records", 3) })
		return string(s.b)
	}()
	for _, tt := range []struct {
		name, text, want string
	}{
		{"empty", "", "ledger.jsonl: it has no complete line"},
		{"torn in its first line", text[:50], "ledger.jsonl: it has no complete line"},
		{"not a ledger", "hello\n", "line 1: not a line of a ledger"},
		{"zeros", string(make([]byte, 5000)) + "\n", "line 1: not a line of a ledger"},
		{"a line is missing", join(append(slices.Clone(lines[:4]), lines[5:]...)...) + "\n", "line 5: its prev is not the hash of the line before, or its seq not the next"},
		{"the first line is missing", join(lines[1:]...) + "\n", "line 1: not a line of a ledger: a file begins with file_opened"},
		{"lines were swapped", join(lines[0], lines[2], lines[1]), "line 2: its prev is not the hash of the line before, or its seq not the next"},
		{"a complete last line that does not chain", join(lines[:3]...) + lines[last-1] + "\n", "line 4: its prev is not the hash of the line before, or its seq not the next"},
		{"a line was edited", strings.Replace(text, `"alice"`, `"mallory"`, 1), "its hash does not match its content"},
		{"too long a line", lines[0] + strings.Repeat("x", maxLine) + "\n", fmt.Sprintf("line 2: longer than %d bytes", maxLine)},
		{"newer", newer, `line 1: written by a newer version (format 2, by version "v9"; this one knows format 1): start that version`},
		{"cut in its snapshot", short, "line 1: the file ends amid its snapshot, 3 records before the end of that"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDisk()
			d.write(fileName, tt.text)
			_, err := Open(context.Background(), d.config())
			var damage *DamageError
			if !errors.As(err, &damage) || !strings.Contains(err.Error(), tt.want) ||
				!strings.Contains(err.Error(), ": restore the file, or start with --accept-state-loss, knowing that retirements ") ||
				strings.Contains(err.Error(), "from there on") != (damage.Line > 0) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
			if d.read(fileName) != tt.text {
				t.Error("the damaged file was touched")
			}
			l := d.salvage(t)
			if err := l.Release(context.Background()); err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(events(d.whole(t)))
			if words[0] != eventOpened || words[1] != eventLoss {
				t.Error(words)
			}
			_, aside := archives(d.list())
			if len(aside) != 1 || d.read(aside[0]) != tt.text {
				t.Error(d.list())
			}
			d.open(t)
		})
	}
}

// With --accept-state-loss, what can be saved is saved, before and after the
// damage; above all what is out of service.
func TestAcceptedLossSavesWhatItCan(t *testing.T) {
	d, set := told(t)
	text := d.read(fileName)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	for n := range lines {
		broken := newDisk()
		damaged := slices.Clone(lines)
		damaged[n] = strings.Replace(damaged[n], `"seq"`, `"sEq"`, 1)
		broken.write(fileName, strings.Join(damaged, "")+"\n")
		if _, err := Open(context.Background(), broken.config()); err == nil {
			t.Fatal(n)
		}
		l := broken.salvage(t)
		if found := strings.Join(l.Findings(), "\n"); !strings.Contains(found, fmt.Sprintf("state loss accepted: line %d: ", n+1)) ||
			!strings.Contains(found, fmt.Sprintf("%d lines could be read; lines that could not: 1", len(lines)-1)) || !strings.Contains(found, "is kept as /state/ledger-damaged-") {
			t.Error(found)
		}
		saved := l.Restored()[0].Set
		for _, k := range set.Keys() {
			written := 0 // lines that hold the record
			for _, other := range append(slices.Clone(lines[:n]), lines[n+1:]...) {
				if l, _ := parse([]byte(strings.TrimSuffix(other, "\n"))); l.key != nil && string(unquoted(l.thumbprint)) == k.Thumbprint && strings.Contains(other, `"final":true`) {
					written++
				}
			}
			if s := find(saved, identOf(k)); k.Final && written > 0 && (s == nil || !s.Final) {
				t.Errorf("line %d: %s is not final any more", n+1, k.Kid())
			}
		}
		if err := l.Release(context.Background()); err != nil {
			t.Fatal(err)
		}
		broken.whole(t)
	}
}

// A tombstone whose material cannot be read stays one, by its names.
func TestTombstoneOutlivesItsMaterial(t *testing.T) {
	d := newDisk()
	s := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	s.line(keyset.Instant{Wall: noon, Life: noon}, eventOpened, func() { s.number("format", 1) })
	issuer := s.draft(iss, "corp", nil)
	for i, final := range []bool{true, false} {
		k := &keyset.Key{Thumbprint: fmt.Sprint("t", i), JWK: []byte(`{"material":"m1"}`), FirstSeen: noon, RetiredAt: noon, Final: final, Aliases: []keyset.Alias{{Kid: fmt.Sprint("kid ", i)}}}
		s.event(issuer, keyset.Event{Type: keyset.EventChanged, Key: k, At: keyset.Instant{Wall: noon, Life: noon}}, true)
	}
	d.write(fileName, string(s.b))
	_, err := Open(context.Background(), d.config())
	if err == nil || !strings.Contains(err.Error(), "line 2: key: jwk: its thumbprint is thumbprint-of-m1, and the record's t0") {
		t.Error(err)
	}
	l := d.salvage(t)
	keys := l.Restored()[0].Set.Keys()
	if len(keys) != 1 || keys[0].Thumbprint != "t0" || !keys[0].Final || keys[0].Public != nil {
		t.Errorf("%+v", keys)
	}
}

// A directory whose ledger is gone, but not its archives, is not a new one.
func TestMissingLedger(t *testing.T) {
	d, set := told(t)
	d.write(archive(1), d.read(fileName))
	delete(d.names, dir+"/"+fileName)
	_, err := Open(context.Background(), d.config())
	if err == nil || !strings.Contains(err.Error(), "/state/ledger.jsonl: it is missing, and there are older files beside it: restore the file") {
		t.Error(err)
	}
	// Nor does a new file help that does not go on where the newest archive ends.
	other, _ := told(t)
	d.write(newName, other.read(fileName))
	if _, err := Open(context.Background(), d.config()); err == nil || !strings.Contains(err.Error(), "it is missing") {
		t.Error(err)
	}
	l := d.salvage(t)
	want(t, restored(t, l, set), set) // what the newest archive knew
	if l.w.seq <= 1 || l.w.first <= 1 {
		t.Errorf("seq %d, first %d: the next archive would take the place of another", l.w.seq, l.w.first)
	}
}

// The file of a new chain can be archived beside the older ones.
func TestNewChainTakesNoArchivesName(t *testing.T) {
	d, _ := told(t)
	d.write(archive(40), d.read(fileName))
	d.write(fileName, "nothing is left\n")
	if l := d.salvage(t); l.w.first <= 40 {
		t.Errorf("it begins at %d", l.w.first)
	}
	d = newDisk()
	lines := linesAfter(40, "v1 0", "A=m1")
	d.write(fileName, fileOf(lines)+lines[0])
	if l := d.salvage(t); l.w.first <= 42 {
		t.Errorf("it begins at %d", l.w.first)
	}
}

// A loss that was accepted, and a crash before the new file had its name.
func TestCrashAmidAcceptedLoss(t *testing.T) {
	d, set := told(t)
	text := d.read(fileName)
	ops := 0
	for die := 1; ; die++ {
		broken := newDisk()
		broken.write(fileName, "x"+text)
		cfg := broken.config()
		cfg.AcceptLoss = true
		broken.fail(func(op operation) outcome {
			ops = op.n
			return outcome{persist: -1, dies: op.n == die}
		})
		_, err := Open(context.Background(), cfg)
		if (err == nil) != (die > ops) {
			t.Fatal(die, ops, err)
		}
		broken.fail(nil)
		broken.kill()
		if err != nil {
			cfg = broken.config()
			if _, err := Open(context.Background(), cfg); err != nil {
				var damage *DamageError
				if !errors.As(err, &damage) {
					t.Fatal(err)
				}
				cfg.AcceptLoss = true // the operator's second try
				if _, err := Open(context.Background(), cfg); err != nil {
					t.Fatal(die, err)
				}
			}
		}
		broken.kill()
		want(t, restored(t, broken.open(t), set), set)
		if err == nil {
			return
		}
	}
}

// A ledger that is gone is not a new one: it held what was put out of service.
func TestLedgerThatIsGoneIsDamage(t *testing.T) {
	d := newDisk()
	if err := d.open(t).Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := d.process().Remove(dir + "/" + fileName); err != nil {
		t.Fatal(err)
	}
	damage := new(DamageError)
	if _, err := Open(context.Background(), d.config()); !errors.As(err, &damage) || !strings.Contains(err.Error(), "missing") || !strings.Contains(err.Error(), "--accept-state-loss") {
		t.Fatal(err)
	}
	l := d.salvage(t)
	if err := l.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := d.open(t).Release(context.Background()); err != nil { // and from then on there is one
		t.Error(err)
	}
}
