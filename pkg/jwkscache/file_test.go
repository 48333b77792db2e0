package jwkscache

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watched is a file source in a directory of its own, after its first fetch.
func watched(t *testing.T, content string) (*fileSource, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	put(t, path, content)
	f := mustFetcher(t, Source{File: path}).(*fileSource)
	if f.changed() {
		t.Error("changed before the first fetch")
	}
	fetchOK(t, f, false)
	return f, path
}

// put writes a file in place, as if long ago.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	date(t, path, time.Now().Add(-time.Hour))
}

func date(t *testing.T, path string, when time.Time) {
	t.Helper()
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFileChangesAreNoticed(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		want   string // the content then; empty if it cannot be read
	}{
		{"rewritten", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("other"), 0o600))
		}, "other"},
		{"replaced by a file of the same size and time", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.WriteFile(path+".new", []byte(`{"keys":{}}`), 0o600))
			date(t, path+".new", info.ModTime())
			must(t, os.Rename(path+".new", path))
		}, `{"keys":{}}`},
		{"removed", func(t *testing.T, path string) { must(t, os.Remove(path)) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, path := watched(t, keySet)
			if f.changed() {
				t.Fatal("changed, and nothing happened")
			}
			tt.change(t, path)
			for range 2 {
				if !f.changed() {
					t.Fatal("the change was not noticed")
				}
			}
			a, err := f.fetch(t.Context(), false)
			if string(a.Body) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v", a.Body, err)
			}
			if f.changed() {
				t.Error("changed after it was read")
			}
		})
	}
}

// Kubernetes swaps the ..data link of a ConfigMap; the path itself never changes.
func TestSymlinkSwapIsNoticed(t *testing.T) {
	dir := t.TempDir()
	for version, content := range map[string]string{"v1": `{"keys":[1]}`, "v2": `{"keys":[2]}`} {
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		put(t, filepath.Join(dir, version, "jwks.json"), content)
	}
	must(t, os.Symlink("v1", filepath.Join(dir, "..data")))
	path := filepath.Join(dir, "jwks.json")
	must(t, os.Symlink("..data/jwks.json", path))

	f := mustFetcher(t, Source{File: path}).(*fileSource)
	fetchOK(t, f, false)
	must(t, os.Symlink("v2", filepath.Join(dir, "..tmp")))
	must(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	if !f.changed() {
		t.Error("the swap was not noticed")
	}
	if a := fetchOK(t, f, false); string(a.Body) != `{"keys":[2]}` {
		t.Errorf("%s", a.Body)
	}
}

// Two versions within one step of the file system's clock look alike to stat.
func TestSecondWriteWithinTheClockStepIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	put(t, path, `{"keys":[1]}`)
	now := time.Now()
	date(t, path, now)
	f := mustFetcher(t, Source{File: path}).(*fileSource)
	fetchOK(t, f, false)
	for range 2 { // asking does not change the answer
		if f.changed() {
			t.Error("changed, and nothing happened")
		}
	}
	put(t, path, `{"keys":[2]}`)
	date(t, path, now)
	if !f.changed() {
		t.Error("the second write was not noticed")
	}
}

// Once a file has rested, watching it costs a stat: a write that leaves no trace
// at all is found by the next read only.
func TestRestedFileIsNotReadAgain(t *testing.T) {
	f, path := watched(t, `{"keys":[1]}`)
	info, err := os.Stat(path)
	must(t, err)
	put(t, path, `{"keys":[2]}`)
	date(t, path, info.ModTime())
	if f.changed() {
		t.Error("the file was read")
	}
}

func TestFileThatAppearsLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	f := mustFetcher(t, Source{File: path}).(*fileSource)
	e := fetchFails(t, f)
	if want := path + ": no such file or directory"; e.Error() != want || e.Result != ResultNetwork {
		t.Errorf("%s %q, want %q", e.Result, e, want)
	}
	if f.changed() {
		t.Error("changed, and nothing happened")
	}
	put(t, path, keySet)
	if !f.changed() {
		t.Error("its appearance was not noticed")
	}
	if a := fetchOK(t, f, false); string(a.Body) != keySet {
		t.Errorf("%s", a.Body)
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	big := filepath.Join(dir, "big")
	put(t, big, strings.Repeat(" ", maxDocument+1))
	loop := filepath.Join(dir, "loop")
	must(t, os.Symlink("loop", loop))
	for path, want := range map[string]struct {
		result Result
		says   string
	}{
		pipe:        {ResultNetwork, "not a regular file"}, // and it does not block
		dir:         {ResultNetwork, "not a regular file"},
		"/dev/zero": {ResultNetwork, "not a regular file"},
		loop:        {ResultNetwork, "too many levels of symbolic links"},
		big:         {ResultTooLarge, "more than 524288 bytes"},
	} {
		f := mustFetcher(t, Source{File: path}).(*fileSource)
		e := fetchFails(t, f)
		if e.Result != want.result || !strings.Contains(e.Error(), want.says) || strings.Count(e.Error(), path) != 1 {
			t.Errorf("%s: %v, want %q", e.Result, e, want.says)
		}
		if f.changed() {
			t.Errorf("%s: changed, and nothing happened", path)
		}
	}
}
