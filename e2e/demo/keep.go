package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// write puts a token where the commands of keep read it.
func (s *stage) write(name, token string) error {
	return os.WriteFile(s.file(name), []byte(token+"\n"), 0o600)
}

// held is the token that was in flight when its key was withdrawn.
func (s *stage) held() string {
	b, err := os.ReadFile(s.file("old.jwt"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// report prints what the guard knows at the end.
func (s *stage) report(ctx context.Context, p *printer) error {
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	p.title("What the guard counted (its admin API, /api/v1/keys)")
	p.text("   %-14s %-9s %-7s %8s %8s   %s", "key", "state", "final", "accepted", "refused", "out of service since")
	for _, k := range keys {
		since := ""
		if k.RetiredAt != nil {
			since = k.RetiredAt.Local().Format(time.TimeOnly)
		}
		p.text("   %-14s %-9s %-7t %8d %8d   %s", k.Kid, k.State, k.Final, k.Allowed, k.Denied, since)
	}
	p.text("   What was counted right before the guard was killed is lost. The evidence says so under Gaps.\n")
	return s.evidence(ctx, p)
}

// evidence prints what the ledger proves.
func (s *stage) evidence(ctx context.Context, p *printer) error {
	said, err := s.ask(ctx, "/api/v1/evidence?format=markdown")
	if err != nil {
		return err
	}
	p.title("What the ledger proves (its admin API, /api/v1/evidence?format=markdown)")
	for line := range strings.Lines(string(said)) {
		p.text("%s", strings.TrimRight("   "+line, " \n"))
	}
	p.text("")
	return nil
}

// keep leaves everything running until Ctrl-C, with tokens to play with.
func (s *stage) keep(ctx context.Context, p *printer, live *devissuer.Key) error {
	p.title("Still running; Ctrl-C stops it and cleans up")
	for _, line := range []string{
		"its page, in a browser:",
		fmt.Sprintf("  http://%s/", s.admin),
		"a token that passes (renewed every minute):",
		fmt.Sprintf(`  curl -i -H "Authorization: Bearer $(cat %s)" http://%s/orders`, s.file("new.jwt"), s.envoy.Address),
		"a token of the retired key:",
		fmt.Sprintf(`  curl -i -H "Authorization: Bearer $(cat %s)" http://%s/orders`, s.file("old.jwt"), s.envoy.Address),
		"why does it not pass?",
		fmt.Sprintf("  %s explain -c %s < %s", s.binary, s.config, s.file("old.jwt")),
		"what does the configuration promise?",
		fmt.Sprintf("  %s check -c %s", s.binary, s.config),
		"which keys does the guard know, what else can be done with them, and is it ready?",
		fmt.Sprintf("  %s keys list -c %s", s.binary, s.config),
		fmt.Sprintf("  %s keys --help", s.binary),
		fmt.Sprintf("  curl -s http://%s/readyz", s.admin),
		"change a policy while it runs (a mistake changes nothing; see the log below):",
		fmt.Sprintf("  ${EDITOR:-vi} %s", s.config),
	} {
		p.text("  %s", line)
	}
	p.text("")
	for seen := s.guard.Stderr.Len(); ; {
		if err := s.write("new.jwt", s.token(live, nil)); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, time.Minute)
		for {
			line, next, err := s.guard.Stderr.Next(wait, seen, func(string) bool { return true })
			if err != nil {
				break
			}
			p.text("guard: %s", line)
			seen = next
		}
		cancel()
		if ctx.Err() != nil {
			return nil
		}
	}
}
