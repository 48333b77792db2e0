package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// evidence runs "jwtguard evidence"; the files of the world are named without
// their folder.
func (w *world) evidence(args ...string) said {
	w.t.Helper()
	var out, errs bytes.Buffer
	status := run(append([]string{"evidence"}, args...), strings.NewReader(""), &out, &errs)
	if text := out.String() + errs.String(); escape(text) != text {
		w.t.Errorf("a terminal could obey it: %q", text)
	}
	same := strings.NewReplacer(w.dir+"/", "")
	return said{status, same.Replace(out.String()), same.Replace(errs.String())}
}

// A guard's evidence while it runs, after it stopped, and on another machine.
func TestEvidenceOfARunningGuard(t *testing.T) {
	w := newWorld(t)
	old := devissuer.NewKey("old", "ES256")
	w.issuer.Publish(old)
	g := w.startReady(w.config("guard: edge-1\nstate_dir: \"" + w.path("state") + "\"\n"))
	e := g.envoy()
	for range 3 {
		e.gets(w.tokenOf(old, nil), "ok")
	}
	w.keys("revoke", "corp", "old", "--reason", "stolen").says(t, 0, "revoked")
	e.gets(w.tokenOf(old, nil), "key_revoked")

	running := w.path("running.json")
	w.evidence("export", "-c", w.file, "-o", running).says(t, 0, "running.json: guard edge-1, 2", " 2 keys, 0 gaps; head ")
	w.evidence("verify", "--guards", "edge-1", running).says(t, 0, "good      running.json: guard edge-1, ", "every hash and figure holds\n          head ",
		"ISSUER", "corp   old revoked 2", "A chain does not stop whoever rewrites a whole ledger", "last 5 minutes before the end of an export", "be in it: running.json.\n")
	w.must(g.stop())

	stopped := w.path("stopped.json")
	w.evidence("export", "-c", w.file, "-o", stopped).says(t, 0, " 2 keys, 0 gaps; ")
	text, err := os.ReadFile(stopped)
	w.must(err)
	if out := w.evidence("export", "-c", w.file); out.stdout != strings.ReplaceAll(string(text), w.dir+"/", "") || out.stderr != "" {
		t.Errorf("standard output got something else, and %q", out.stderr)
	}
	for _, part := range []string{`"allowed":3,"denied":1,`, `"attempts_after_retirement":{"valid":1,"invalid":0,"unchecked":0}`, `"material":"EC P-256"`, `"reason":"stolen"`, `"withdrawn_healthy_seconds":`} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("%s is not in the export", part)
		}
	}
	w.evidence("export", "-c", w.file, "--format", "markdown").says(t, 0, "# Evidence of the use of signing keys: guard `edge-1`\n", "## Key `old` of corp", "3 accepted, 0 refused")
	head := regexp.MustCompile(`"msg":"ledger_head".*"hash":"([0-9a-f]{64})"`).FindAllStringSubmatch(g.log.String(), -1)
	if len(head) == 0 {
		t.Fatal("no ledger_head in the log")
	}
	w.evidence("verify", "--head", head[len(head)-1][1], stopped, running).says(t, 0, "corp old: attempts after retirement: 1 with a valid signature", "be in it: running.json. What")
	if said := w.evidence("verify", stopped); said.status != 0 || strings.Contains(said.stdout, "5 minutes") || !strings.Contains(strings.Join(strings.Fields(said.stdout), " "), "while it drains (listen.drain), after its last line, is in no export: stopped.json.") {
		t.Errorf("what is said of a guard that has stopped: %+v", said)
	}
	w.evidence("verify", "--json", stopped).says(t, 0, `"good": true`, `"latest_acceptance_at": "edge-1"`, `"missing_guards": []`)

	w.evidence("verify", "--guards", "edge-1, edge-2", stopped).says(t, 1, "MISSING   there is no export of guard edge-2\n", "corp   old")
	w.evidence("verify", "--head", strings.Repeat("a", 64), stopped).says(t, 1, "MISSING   aaaa")
	w.must(os.WriteFile(w.path("forged.json"), bytes.Replace(text, []byte(`"allowed":3`), []byte(`"allowed":2`), 1), 0o600))
	w.evidence("verify", stopped, w.path("forged.json")).says(t, 1, "NOT GOOD  forged.json: line ", `keys[1].allowed: (issuer "corp", kid "old") the export says 2, and its lines give 3`,
		"Nothing is said about keys", "jwtguard evidence verify: forged.json: line ")
	w.evidence("verify", "--json", w.path("forged.json")).says(t, 1, `"good": false`, `"keys": null`)

	ledger := w.path("state/ledger.jsonl")
	lines, err := os.ReadFile(ledger)
	w.must(err)
	w.must(os.WriteFile(ledger, bytes.Replace(lines, []byte("stolen"), []byte("mislaid"), 1), 0o600))
	w.evidence("export", "-c", w.file).says(t, 1, "state/ledger.jsonl: line ", "its hash does not match its content")
	w.evidence("export", "-c", w.file, "-o", w.path("not.json")).says(t, 1)
	if _, err := os.Stat(w.path("not.json")); !os.IsNotExist(err) {
		t.Error("there is half a file")
	}

	// Another ledger under the same name.
	w.must(os.RemoveAll(w.path("state")))
	w.must(w.startFile().stop())
	w.evidence("export", "-c", w.file, "-o", w.path("other.json")).says(t, 0)
	w.evidence("verify", stopped, w.path("other.json")).says(t, 1, `NOT GOOD  guard "edge-1": two exports have different lines with seq `, "Nothing is said about keys")
}

// What is wrong with a command line, a configuration or a file is said.
func TestEvidenceMistakes(t *testing.T) {
	w := newWorld(t)
	w.write(w.config())
	plain := w.file
	w.file = w.path("kept.yaml")
	w.write(w.config("state_dir: \"" + w.path("state") + "\"\n"))
	w.must(os.WriteFile(w.path("e.md"), []byte("# Evidence of the use of signing keys: guard `a`\n"), 0o600))
	w.must(os.WriteFile(w.path("e.new"), []byte("{\"format\":7,\n"), 0o600))
	for _, c := range []struct {
		status int
		args   string
		want   string
	}{
		{2, "export", "no configuration given: add -c FILE"},
		{2, "export -c x y", `unexpected argument "y"`},
		{2, "export -c x --format xml", `--format "xml": write json or markdown`},
		{2, "export -c x --from yesterday", `--from "yesterday": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`},
		{2, "export -c x --to 2026-13-01", `--to "2026-13-01": write a time`},
		{2, "export -c x --from 2026-11-02 --to 2026-11-01", `--to "2026-11-01": it is before the beginning of the period, 2026-11-02`},
		{2, "export --nonsense", "flag provided but not defined: -nonsense"},
		{2, "export -c " + w.path("none.yaml"), "none.yaml: cannot be read"},
		{2, "export -c " + plain, "state_dir is not set: a guard with this configuration keeps no record"},
		{2, "export -c " + w.file, "state: no such file or directory"},
		{2, "verify", "no export given: name the files"},
		{2, "verify --guards a,,b x", `--guards "a,,b": write names separated by commas`},
		{2, "verify --head 12 x", `--head "12": write the 64 hexadecimal digits`},
		{2, "verify " + w.path("none.json"), "none.json: no such file or directory"},
		{2, "verify " + w.dir, "is a directory"},
		{2, "verify " + w.path("e.md"), "this is the Markdown; give the JSON of the same export"},
		{2, "verify " + w.path("e.new"), "written by a newer version (format 7; this one knows format 1)"},
		{2, "verify " + plain, "not an evidence export"},
	} {
		w.evidence(strings.Fields(c.args)...).says(t, c.status, c.want)
	}
	w.must(os.Mkdir(w.path("state"), 0o700))
	w.evidence("export", "-c", w.file).says(t, 2, "there is no ledger.jsonl: has a guard run with this configuration?")
	w.must(w.startFile().stop())
	w.evidence("export", "-c", w.file, "--to", "2001-01-01").says(t, 1, "nothing is on record until 2001-01-01T23:59:59Z")
	w.evidence("export", "-c", w.file, "--from", "2901-01-01").says(t, 1, "nothing is on record since 2901-01-01T00:00:00Z")
	w.evidence("export", "-c", w.file, "-o", w.path("none/x.json")).says(t, 2, "-o none/x.json: ", "no such file or directory")
	if _, err := os.Stat("/dev/null"); err == nil {
		w.evidence("export", "-c", w.file, "-o", "/dev/null").says(t, 0, "/dev/null: guard ")
	}
}
