package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/licenseclassifier/v2/assets"
)

// known is the text of a licence as its authors publish it.
func known(t *testing.T, name string) string {
	t.Helper()
	b, err := assets.ReadLicenseFile("License/" + name + "/pristine.txt")
	if err != nil {
		b, err = assets.ReadLicenseFile("License/" + name + "/license.txt")
	}
	if err != nil {
		t.Fatal(err)
	}
	return "Copyright 2026 Somebody\n\n" + string(b) + "\n"
}

func TestOnlyAcceptedLicencesPass(t *testing.T) {
	reader, err := newReader()
	if err != nil {
		t.Fatal(err)
	}
	mit := known(t, "MIT")
	for _, tt := range []struct {
		name, text string
		want       string // the licences
		wantErr    string // or a part of the error
	}{
		{"one licence", mit, "MIT", ""},
		{"two in one file", known(t, "Apache-2.0") + "\n----\n" + known(t, "BSD-3-Clause"), "Apache-2.0 BSD-3-Clause", ""},
		{"with a title and a ruler", "The MIT License\n===\n" + mit, "MIT", ""},
		{"copyleft", known(t, "GPL-3.0"), "", "GPL-3.0, which is not among those accepted"},
		{"copyleft after an accepted one", mit + known(t, "AGPL-3.0"), "", "AGPL-3.0, which is not among those accepted"},
		{"a condition on selling", known(t, "Apache-2.0") + known(t, "Commons-Clause"), "", "Commons-Clause, which is not among those accepted"},
		{"a condition nobody knows", mit + "Not for use in weapons.\nOr on Tuesdays.\n", "", `beside MIT there is text of no known licence: read it: "Not for use in weapons Or on Tuesdays"`},
		{"a condition inside", strings.Replace(mit, "subject to the following", "unless they are sold, rented, leased or offered as a paid service by anybody but its author, subject to the following", 1), "", "with changes"},
		{"no licence", "All rights reserved.\n", "", "no known licence"},
		{"nothing", "", "", "no known licence"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ids, err := reader.read([]byte(tt.text))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got %v, %v; want an error with %q", ids, err, tt.wantErr)
				}
				return
			}
			if got := strings.Join(ids, " "); got != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestModuleWithoutLicenceDoesNotPass(t *testing.T) {
	reader, err := newReader()
	if err != nil {
		t.Fatal(err)
	}
	err = reader.identify([]module{{path: "example.com/m", files: map[string][]byte{"NOTICE": []byte(known(t, "MIT"))}}})
	if err == nil || !strings.Contains(err.Error(), "example.com/m: it has no licence file") {
		t.Errorf("got %v", err)
	}
}

// TestLicenceBesideCopiedCodeIsFound: the files of a linked package's directory and of
// those above it are taken, those beside unlinked code are not.
func TestLicenceBesideCopiedCodeIsFound(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE":               "1",
		"NOTICE.txt":            "2",
		"license.go":            "code",
		"third/copied/COPYING":  "3",
		"third/licences.md":     "4",
		"other/LICENSE":         "not linked",
		"third/copied/deep/x.y": "5",
	} {
		file := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := module{path: "example.com/m", files: map[string][]byte{}}
	for range 2 { // of two packages in one directory
		if err := m.collect(filepath.Join(top, "third", "copied", "deep"), top); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"LICENSE": "1", "NOTICE.txt": "2", "third/copied/COPYING": "3", "third/licences.md": "4"}
	if len(m.files) != len(want) {
		t.Errorf("found %q, want %q", m.files, want)
	}
	for name, text := range want {
		if string(m.files[filepath.FromSlash(name)]) != text {
			t.Errorf("%s: %q, want %q", name, m.files[name], text)
		}
	}
}

func TestTheInventoryHoldsEachTextOnce(t *testing.T) {
	same := map[string][]byte{"LICENSE": []byte("the same\r\ntext\n")}
	got := string(text([]module{
		{path: "example.com/a", files: same, licences: []string{"MIT"}},
		{path: "example.com/b", files: map[string][]byte{"LICENSE": []byte("the same\ntext"), "NOTICE": []byte("by b")}, licences: []string{"Apache-2.0", "MIT"}},
		{path: "example.com/own", own: true, files: map[string][]byte{"LICENSE": []byte("our own")}, licences: []string{"Apache-2.0"}},
	}))
	want := "example.com/a: MIT\nexample.com/b: Apache-2.0 AND MIT\n\n" +
		ruler + "\nexample.com/a: LICENSE\nexample.com/b: LICENSE\n" + ruler + "\n\nthe same\ntext\n\n" +
		ruler + "\nexample.com/b: NOTICE\n" + ruler + "\n\nby b\n"
	if got != head+want {
		t.Errorf("got\n%s\nwant\n%s", got, head+want)
	}
}

const document = `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
 "metadata": {
  "tools": [{"name": "maker", "version": "v1", "hashes": [{"alg": "SHA-256", "content": "00"}]}],
  "component": {"type": "application", "name": "example.com/own", "version": "v1"}},
 "components": [
  {"type": "library", "name": "example.com/a", "version": "v2"},
  {"type": "library", "name": "example.com/b", "version": "v3"}]}`

func TestTheBillOfMaterialsSaysTheLicences(t *testing.T) {
	a := module{path: "example.com/a", licences: []string{"MIT"}}
	b := module{path: "example.com/b", licences: []string{"Apache-2.0", "BSD-3-Clause"}}
	own := module{path: "example.com/own", own: true, licences: []string{"Apache-2.0"}}
	made := time.Date(2026, 11, 23, 14, 0, 0, 0, time.FixedZone("", 3600))

	for _, tt := range []struct {
		name    string
		modules []module
		wantErr string
	}{
		{"all there", []module{a, b, own}, ""},
		{"one not linked", []module{a, own}, "example.com/b is not linked into"},
		{"one missing", []module{a, b, own, {path: "example.com/c", licences: []string{"MIT"}}}, "example.com/c is linked, and is not in it"},
		{"of another program", []module{a, b}, "it is about example.com/own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := complete(strings.NewReader(document), &out, tt.modules, made)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"timestamp": "2026-11-23T13:00:00Z"`, `"id": "MIT"`, `"expression": "Apache-2.0 AND BSD-3-Clause"`, `"id": "Apache-2.0"`} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%s is missing in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "SHA-256") {
				t.Error("the hash of the program that made the document is in it, which differs from machine to machine")
			}
		})
	}
}
