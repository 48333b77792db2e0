package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestKeysUsage(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		stdout string
		stderr string // before the usage text, if that follows
	}{
		"":               {2, "", keysUsage},
		"--help":         {0, keysUsage, ""},
		"-h":             {0, keysUsage, ""},
		"help":           {0, keysUsage, ""},
		"help retire":    {0, keysRetireUsage, ""},
		"list --help":    {0, keysListUsage, ""},
		"show -h":        {0, keysShowUsage, ""},
		"retire --help":  {0, keysRetireUsage, ""},
		"revoke --help":  {0, keysRevokeUsage, ""},
		"reinstate -h":   {0, keysReinstateUsage, ""},
		"refresh --help": {0, keysRefreshUsage, ""},
		"retire a b -h":  {0, keysRetireUsage, ""},

		"remove":                                 {2, "", "jwtguard keys: there is no command \"remove\"\n\n" + keysUsage},
		"--admin list":                           {2, "", "jwtguard keys: there is no command \"--admin\"; the command comes first, then its flags\n\n" + keysUsage},
		"list":                                   {2, "", "jwtguard keys list: which guard? Add -c FILE, its configuration, or --admin URL, where it listens\n\n" + synopsis(keysListUsage)},
		"list -c a --admin b":                    {2, "", "jwtguard keys list: -c and --admin may name two guards: give one of them\n\n" + synopsis(keysListUsage)},
		"list -c a b c":                          {2, "", "jwtguard keys list: unexpected argument \"c\"\n\n" + synopsis(keysListUsage)},
		"list -c":                                {2, "", "jwtguard keys list: flag needs an argument: -c\n\n" + synopsis(keysListUsage)},
		"list -c=":                               {2, "", "jwtguard keys list: -c is empty: give it a value, or leave it out\n\n" + synopsis(keysListUsage)},
		"list -c a --reason x":                   {2, "", "jwtguard keys list: flag provided but not defined: -reason\n\n" + synopsis(keysListUsage)},
		"list -c a -o config":                    {2, "", "jwtguard keys list: -o config prints keys that are out of service: add --retired\n\n" + synopsis(keysListUsage)},
		"list -c a --retired -o yaml":            {2, "", "jwtguard keys list: -o \"yaml\": write config\n\n" + synopsis(keysListUsage)},
		"list a -c b -o config --json --retired": {2, "", "jwtguard keys list: -o config and --json: give one of them\n\n" + synopsis(keysListUsage)},

		"show -c a":                              {2, "", "jwtguard keys show: no ISSUER given: its name in the configuration\n\n" + synopsis(keysShowUsage)},
		"show -c a b":                            {2, "", "jwtguard keys show: no KID given: the key's kid, or - with --thumbprint T\n\n" + synopsis(keysShowUsage)},
		"show b - -c a":                          {2, "", "jwtguard keys show: - for KID means by thumbprint: add --thumbprint T\n\n" + synopsis(keysShowUsage)},
		"retire -c a b - --reason x":             {2, "", "jwtguard keys retire: - for KID means by thumbprint: add --thumbprint T\n\n" + synopsis(keysRetireUsage)},
		"retire -c a b c":                        {2, "", "jwtguard keys retire: no reason given: add --reason TEXT, for whoever reads the record\n\n" + synopsis(keysRetireUsage)},
		"retire -c a b c --reason=":              {2, "", "jwtguard keys retire: no reason given: add --reason TEXT, for whoever reads the record\n\n" + synopsis(keysRetireUsage)},
		"revoke -c a b c":                        {2, "", "jwtguard keys revoke: no reason given: add --reason TEXT, for whoever reads the record\n\n" + synopsis(keysRevokeUsage)},
		"reinstate -c a b c":                     {2, "", "jwtguard keys reinstate: no reason given: add --reason TEXT, for whoever reads the record\n\n" + synopsis(keysReinstateUsage)},
		"retire -c a b c --reason x --grace 3d":  {2, "", "jwtguard keys retire: --grace \"3d\": write a number and its unit, such as 0s, 30m or 1h30m\n\n" + synopsis(keysRetireUsage)},
		"retire -c a b c --reason x --grace -1s": {2, "", "jwtguard keys retire: --grace \"-1s\": write a number and its unit, such as 0s, 30m or 1h30m\n\n" + synopsis(keysRetireUsage)},
		"revoke -c a b c --reason x --grace 1h":  {2, "", "jwtguard keys revoke: flag provided but not defined: -grace\n\n" + synopsis(keysRevokeUsage)},
		"reinstate -c a b c --reason x --force":  {2, "", "jwtguard keys reinstate: flag provided but not defined: -force\n\n" + synopsis(keysReinstateUsage)},
		"refresh -c a b c":                       {2, "", "jwtguard keys refresh: unexpected argument \"c\"\n\n" + synopsis(keysRefreshUsage)},
		"refresh -c a":                           {2, "", "jwtguard keys refresh: no ISSUER given: its name in the configuration\n\n" + synopsis(keysRefreshUsage)},
	} {
		t.Run(args, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(append([]string{"keys"}, strings.Fields(args)...), strings.NewReader(""), &out, &errs)
			said{status, out.String(), errs.String()}.is(t, want.status, want.stdout, want.stderr)
		})
	}
	var out, errs bytes.Buffer
	status := run([]string{"help", "keys", "revoke"}, strings.NewReader(""), &out, &errs)
	said{status, out.String(), errs.String()}.is(t, 0, keysRevokeUsage, "")
	for _, empty := range [][]string{{"", "k"}, {"corp", ""}} {
		errs.Reset()
		status := run(append([]string{"keys", "show", "-c", "a"}, empty...), strings.NewReader(""), &out, &errs)
		if what, _, _ := strings.Cut(errs.String(), "\n"); status != 2 || !strings.HasSuffix(what, " is empty") {
			t.Errorf("%q: status %d, %s", empty, status, what)
		}
	}
}

func TestKeysHelpFitsATerminal(t *testing.T) {
	texts := []string{keysUsage}
	for _, c := range keysCommands {
		texts = append(texts, c.usage)
		if !strings.Contains(keysUsage, "\n  "+c.name+" ") {
			t.Errorf("%s is not in the overview", c.name)
		}
	}
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if len(line) > 90 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
	if !strings.Contains(usage, "jwtguard keys ") {
		t.Error("keys is not in the overview")
	}
}

// The commands that are offered for copying give a shell the text that they mean.
func TestShellWordIsOneWord(t *testing.T) {
	for _, s := range []string{"k", "/run/a.sock", "a b", "it's", `"`, `\`, "$HOME", "`ls`", "~", "*", "!", "#x", "-n", "a;b", "", "=ls", "a=b", "{a,b}"} {
		out, err := exec.Command("sh", "-c", "printf '[%s]' "+shellWord(s)).Output()
		if err != nil || string(out) != "["+s+"]" {
			t.Errorf("%q: %s gives %s, %v", s, shellWord(s), out, err)
		}
	}
	for _, s := range []string{"a\nb", "\x1b", "ü", "\u202e", "\xff"} {
		if got := shellWord(s); got != "…" {
			t.Errorf("%q: %s", s, got)
		}
	}
}

func TestAgoIsCoarse(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Duration{
		"now": 400 * time.Millisecond, "1s ago": -1 * time.Second, "119s ago": -119 * time.Second, "2m ago": -2 * time.Minute, "119m ago": -2*time.Hour + time.Second,
		"in 2h": 2 * time.Hour, "in 47h": 48*time.Hour - time.Second, "2d ago": -48 * time.Hour, "in 365d": 365 * 24 * time.Hour,
	} {
		if got := ago(now.Add(at), now); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	for want, at := range map[string]time.Duration{
		"in 11h (23:59:59Z)": 12*time.Hour - time.Second, "in 12h (2026-11-02 00:00Z)": 12 * time.Hour, "60s ago (11:59:00Z)": -time.Minute,
	} {
		if got := deadline(now.Add(at), now); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}
