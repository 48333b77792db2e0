package jwkscache

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

func fileConfig(path string) Config {
	return Config{Name: "idp", Issuer: "https://idp.test", Source: Source{File: path},
		Params:   keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second},
		Cooldown: 30 * time.Second, Wait: 100 * time.Millisecond}
}

func rewrite(t *testing.T, path string, body []byte) {
	t.Helper()
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A change of the file counts within a second, however it is made; also after
// the file was broken or away for so long that the back-off is at its longest.
func TestFileChangeCountsWithinASecond(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir, path string)
	}{
		{"written", func(t *testing.T, _, path string) { rewrite(t, path, documentOf("a", "b")) }},
		{"replaced", func(t *testing.T, dir, path string) {
			rewrite(t, filepath.Join(dir, "new"), documentOf("a", "b"))
			if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
				t.Fatal(err)
			}
		}},
		{"after it was broken", func(t *testing.T, _, path string) {
			rewrite(t, path, []byte(`{"keys":[`))
			pass(time.Hour)
			rewrite(t, path, documentOf("a", "b"))
		}},
		{"after it was away", func(t *testing.T, _, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
			rewrite(t, path, documentOf("a", "b"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "jwks.json")
			rewrite(t, path, documentOf("a"))
			inWorld(t, func(t *testing.T, w *world) {
				c := w.adopt(fileConfig(path))
				pass(time.Millisecond)
				w.wantKeys(c, "a=active") // at once
				pass(time.Minute)
				tt.change(t, dir, path)
				pass(time.Second)
				w.wantKeys(c, "a=active b=active")
			})
		})
	}
}

// As Kubernetes does it: file → ..data → a directory, and ..data is swapped.
func TestSymlinkSwapCountsWithinASecond(t *testing.T) {
	dir := t.TempDir()
	for version, doc := range map[string][]byte{"v1": documentOf("a"), "v2": documentOf("a", "b")} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		rewrite(t, filepath.Join(dir, version, "jwks.json"), doc)
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "..data")
	link("..data/jwks.json", "jwks.json")
	inWorld(t, func(t *testing.T, w *world) {
		c := w.adopt(fileConfig(filepath.Join(dir, "jwks.json")))
		pass(time.Minute)
		w.wantKeys(c, "a=active")
		w.events()
		link("v2", "..tmp")
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.wantKeys(c, "a=active b=active")
		last := w.reports()
		if f := last[len(last)-1]; f.Cause != CauseFile || f.Result != ResultOK {
			t.Errorf("%s %s", f.Cause, f.Result)
		}
	})
}

// A key that leaves a file is confirmed like any other, by reading again; a file
// that cannot be read withdraws nothing, and goes stale in the end.
func TestKeyLeavesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	rewrite(t, path, documentOf("a", "b"))
	inWorld(t, func(t *testing.T, w *world) {
		c := w.adopt(fileConfig(path))
		pass(time.Minute)
		rewrite(t, path, documentOf("b"))
		pass(time.Second)
		w.wantKeys(c, "a=active b=active")
		pass(30 * time.Second)
		w.wantKeys(c, "a=grace b=active")

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		w.wantKeys(c, "a=grace b=active")
		if !c.Set().Failing() || c.Status().LastResult != ResultNetwork {
			t.Errorf("%+v", c.Status())
		}
		pass(4 * time.Hour)
		if c.Set().Usable(w.group.clock.Now()) {
			t.Error("usable without its file")
		}
	})
}

// A file that is written without end is read at most twice a second, and one
// that fails while an absence waits to be confirmed no more than the back-off
// allows.
func TestRestlessFileIsReadAtMostTwiceASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	rewrite(t, path, documentOf("a", "b"))
	inWorld(t, func(t *testing.T, w *world) {
		w.adopt(fileConfig(path))
		pass(time.Minute)
		w.reports()
		for i := range 200 {
			rewrite(t, path, documentOf([]string{"a", "b"}[i%2]))
			pass(50 * time.Millisecond)
		}
		if n := len(w.reports()); n < 10 || n > 22 {
			t.Errorf("read %d times in ten seconds", n)
		}
		rewrite(t, path, []byte("no"))
		pass(2 * time.Second)
		w.reports()
		pass(5 * time.Minute)
		if n := len(w.reports()); n > 10 {
			t.Errorf("read %d times in five minutes", n)
		}
	})
}
