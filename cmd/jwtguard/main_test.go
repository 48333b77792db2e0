package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		stdout string // a prefix of it
		stderr string
	}{
		{"", 2, "", usage},
		{"help", 0, usage, ""},
		{"-h", 0, usage, ""},
		{"--help", 0, usage, ""},
		{"help serve", 0, serveUsage, ""},
		{"help check", 0, checkUsage, ""},
		{"help explain", 0, explainUsage, ""},
		{"help evidence", 0, evidenceUsage, ""},
		{"help evidence export", 0, evidenceExportUsage, ""},
		{"help version", 0, versionUsage, ""},
		{"help help", 0, usage, ""},
		{"help nonsense", 2, "", "jwtguard: there is no command \"nonsense\"\n\n" + usage},
		{"nonsense", 2, "", "jwtguard: there is no command \"nonsense\"\n\n" + usage},
		{"--nonsense", 2, "", "jwtguard: there is no command \"--nonsense\"\n\n" + usage},
		{"version", 0, "jwtguard ", ""},
		{"--version", 0, "jwtguard ", ""},
		{"version --help", 0, versionUsage, ""},
		{"version 2", 2, "", "jwtguard version: unexpected argument \"2\"\n\n" + synopsis(versionUsage)},
		{"serve --help", 0, serveUsage, ""},
		{"serve -h", 0, serveUsage, ""},
		{"serve", 2, "", "jwtguard serve: no configuration given: add -c FILE\n\n" + synopsis(serveUsage)},
		{"serve -c", 2, "", "jwtguard serve: flag needs an argument: -c\n\n" + synopsis(serveUsage)},
		{"serve -c x y", 2, "", "jwtguard serve: unexpected argument \"y\"\n\n" + synopsis(serveUsage)},
		{"serve -c x --log-format xml", 2, "", "jwtguard serve: --log-format \"xml\": write text or json\n\n" + synopsis(serveUsage)},
		{"serve -c x --log-level all", 2, "", "jwtguard serve: --log-level \"all\": write debug, info, warn or error\n\n" + synopsis(serveUsage)},
		{"serve --nonsense", 2, "", "jwtguard serve: flag provided but not defined: -nonsense\n\n" + synopsis(serveUsage)},
		{"serve -c /nonexistent", 2, "", "/nonexistent: cannot be read: no such file or directory\n"},
		{"serve -c /", 2, "", "/: cannot be read: it is a directory, not a file\n"},
		{"check --help", 0, checkUsage, ""},
		{"explain --help", 0, explainUsage, ""},
		{"evidence", 2, "", evidenceUsage},
		{"evidence nonsense", 2, "", "jwtguard evidence: there is no command \"nonsense\"\n\n" + evidenceUsage},
		{"evidence --json verify", 2, "", "jwtguard evidence: there is no command \"--json\"; the command comes first, then its flags\n\n" + evidenceUsage},
		{"evidence help verify", 0, evidenceVerifyUsage, ""},
		{"evidence export --help", 0, evidenceExportUsage, ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(strings.Fields(c.args), strings.NewReader(""), &out, &errs); got != c.status {
				t.Errorf("exit status %d, want %d", got, c.status)
			}
			if !strings.HasPrefix(out.String(), c.stdout) || c.stdout == "" && out.Len() > 0 {
				t.Errorf("stdout %q", &out)
			}
			if errs.String() != c.stderr {
				t.Errorf("stderr %q", &errs)
			}
		})
	}
}

func TestVersionTellsWhatRuns(t *testing.T) {
	text := versionText()
	if !strings.Contains(text, runtime.Version()) || !strings.Contains(text, "commit ") || strings.Contains(text, "\n") {
		t.Error(text)
	}
}

// Help is read in a terminal.
func TestHelpFitsATerminal(t *testing.T) {
	for _, text := range []string{usage, serveUsage, checkUsage, keysUsage, explainUsage, evidenceUsage, evidenceExportUsage, evidenceVerifyUsage, versionUsage} {
		for line := range strings.Lines(text) {
			if len(line) > 90 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
		if !strings.HasSuffix(text, "\n") {
			t.Errorf("no line end: %s", text)
		}
	}
	for _, command := range []string{"serve", "check", "keys", "explain", "evidence", "version"} {
		if !strings.Contains(usage, "jwtguard "+command) {
			t.Errorf("%s is not in the overview", command)
		}
	}
}
