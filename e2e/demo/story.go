package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// story is a rotation from the first token to the return of the retired key, and
// what an operator does when a key leaks.
type story struct {
	*stage
	*printer
	spring, autumn, winter, forger *devissuer.Key
}

// act is one part of the story.
type act struct {
	title string
	play  func(context.Context) error
}

func (s *story) tell(ctx context.Context) error {
	s.spring = devissuer.NewKey("spring-2026", "RS256")
	s.autumn = devissuer.NewKey("autumn-2026", "ES256")
	s.winter = devissuer.NewKey("winter-2027", "EdDSA")
	s.forger = devissuer.NewKey("spring-2026", "RS256") // the same name, another key
	s.issuer.Publish(s.spring)
	if err := s.startGuard(ctx); err != nil {
		return err
	}
	for i, a := range []act{
		{"A live key signs, and its tokens pass", s.normal},
		{"A new key is published, and used", s.publish},
		{"The old key is withdrawn: grace for tokens in flight", s.withdraw},
		{"Grace is over: the key is retired, and that is final", s.retire},
		{"The retired key is published again, by mistake or by an attacker", s.comeBack},
		{"The guard is killed, and starts again: it remembers", s.crash},
		{"The live key leaks: revoked by one command, on the very next request", s.revoke},
	} {
		s.act(i+1, a.title)
		if err := a.play(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) normal(ctx context.Context) error {
	good := s.token(s.spring, nil)
	return first(
		func() error { return s.ask(ctx, "a token signed by the live key", good, 200, "ok") },
		func() error { return s.ask(ctx, "no token", "", 401, "token_missing") },
		func() error {
			return s.ask(ctx, "a forged token: right kid, another key", s.token(s.forger, nil), 401, "signature_invalid")
		},
		func() error {
			return s.ask(ctx, "the good token, one letter changed", tamper(good), 401, "signature_invalid")
		},
		func() error {
			return s.ask(ctx, "a token for another service", s.token(s.spring, devissuer.Claims{"aud": "billing-api"}), 401, "audience_mismatch")
		},
		func() error { return s.identity(ctx, good) },
	)
}

// identity shows what the service behind Envoy learns of the caller.
func (s *story) identity(ctx context.Context, good string) error {
	resp, _, err := s.send(ctx, harness.Request{Target: "/orders"}.Bearer(good).Header("x-jwt-sub", "root"))
	if err != nil {
		return err
	}
	if resp.Echo == nil {
		return fmt.Errorf("the service behind Envoy was not reached: status %d", resp.Status)
	}
	got := resp.Echo.Header.Values("X-Jwt-Sub")
	s.note("The client claimed x-jwt-sub: root; the service behind Envoy got x-jwt-sub: %s.", strings.Join(got, ", "))
	if len(got) != 1 || got[0] != "alice" {
		return fmt.Errorf("the forged identity header reached the service: %q", got)
	}
	return nil
}

func (s *story) publish(ctx context.Context) error {
	s.event("the issuer lists autumn-2026 beside spring-2026")
	s.issuer.Publish(s.autumn)
	// No waiting for the guard: a token with an unknown kid makes it ask.
	if _, err := s.await(ctx, "autumn-2026", func(k key) bool { return k.State == "active" }); err != nil {
		return err
	}
	return first(
		func() error { return s.ask(ctx, "a token of the new key", s.token(s.autumn, nil), 200, "ok") },
		func() error {
			return s.ask(ctx, "a token of the old key, still listed", s.token(s.spring, nil), 200, "ok")
		},
	)
}

func (s *story) withdraw(ctx context.Context) error {
	inFlight := s.token(s.spring, nil)
	if err := s.hold(inFlight); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil { // so that the token is older than the withdrawal by the second
		return err
	}
	s.event("the issuer lists autumn-2026 alone")
	s.issuer.Withdraw("spring-2026")
	k, err := s.await(ctx, "spring-2026", func(k key) bool { return k.State == "grace" })
	if err != nil {
		return err
	}
	if k.RetiresAt == nil {
		return fmt.Errorf("a key in grace without a deadline")
	}
	s.note("A second fetch confirmed it. spring-2026 is in grace until %s.", k.RetiresAt.Local().Format(time.TimeOnly))
	if err := pause(ctx, 3*time.Second); err != nil { // past clock_skew
		return err
	}
	return first(
		func() error { return s.ask(ctx, "the token from before the withdrawal", inFlight, 200, "ok") },
		func() error {
			return s.ask(ctx, "a token freshly signed with the withdrawn key", s.token(s.spring, nil), 401, "issued_after_withdrawal")
		},
	)
}

func (s *story) retire(ctx context.Context) error {
	k, err := s.await(ctx, "spring-2026", func(k key) bool { return k.RetiresAt != nil || k.State == "retired" })
	if err != nil {
		return err
	}
	if k.RetiresAt != nil {
		s.note("Waiting %s for the end of grace ...", time.Until(*k.RetiresAt).Round(time.Second))
	}
	if _, err := s.await(ctx, "spring-2026", func(k key) bool { return k.State == "retired" && k.Final }); err != nil {
		return err
	}
	return first(
		func() error {
			return s.ask(ctx, "the same token from before, still unexpired", s.held(), 401, "key_retired")
		},
		func() error { return s.ask(ctx, "a token of the new key", s.token(s.autumn, nil), 200, "ok") },
	)
}

func (s *story) comeBack(ctx context.Context) error {
	s.event("the issuer lists spring-2026 again")
	before := s.guard.Stderr.Len()
	s.issuer.Publish(s.spring)
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, _, err := s.guard.Stderr.Next(wait, before, func(line string) bool { return strings.Contains(line, `"retired_key_returned"`) }); err != nil {
		return fmt.Errorf("the guard did not notice: %w", err)
	}
	s.note("The guard's log says: anomaly retired_key_returned.")
	return first(
		func() error {
			return s.ask(ctx, "a fresh token of the retired key", s.token(s.spring, nil), 401, "key_retired")
		},
		func() error {
			return s.ask(ctx, "the same key under a new name", s.token(s.spring.Renamed("winter-2026"), nil), 401, "kid_unknown")
		},
		func() error { return s.ask(ctx, "a token of the live key", s.token(s.autumn, nil), 200, "ok") },
	)
}

func (s *story) crash(ctx context.Context) error {
	s.event("kill -9, then the guard starts again; the issuer still lists spring-2026")
	if err := s.guard.Kill(); err != nil {
		return err
	}
	if err := s.runGuard(ctx); err != nil {
		return err
	}
	return first(
		func() error {
			return s.ask(ctx, "a fresh token of the retired key", s.token(s.spring, nil), 401, "key_retired")
		},
		func() error { return s.ask(ctx, "a token of the live key", s.token(s.autumn, nil), 200, "ok") },
	)
}

func (s *story) revoke(ctx context.Context) error {
	leaked := s.token(s.autumn, nil)
	return first(
		func() error { return s.ask(ctx, "a token of the live key", leaked, 200, "ok") },
		func() error {
			return s.order(ctx, 1, "refused", "revoke", "--reason", "found in a public repository", "corp", "autumn-2026")
		},
		func() error {
			s.event("the issuer lists winter-2027, too")
			s.issuer.Publish(s.winter)
			_, err := s.await(ctx, "winter-2027", func(k key) bool { return k.State == "active" })
			return err
		},
		func() error {
			return s.order(ctx, 0, "in force and durable", "revoke", "--reason", "found in a public repository", "corp", "autumn-2026")
		},
		func() error { return s.ask(ctx, "the same token, the next request", leaked, 401, "key_revoked") },
		func() error { return s.ask(ctx, "a token of winter-2027", s.token(s.winter, nil), 200, "ok") },
	)
}

// order runs `jwtguard keys`, and wants it to end with a status and to say
// something.
func (s *story) order(ctx context.Context, status int, says string, args ...string) error {
	words := append([]string{"keys"}, args...)
	s.event("jwtguard " + quoted(words))
	said, err := harness.Command(ctx, s.binary, append(words, "-c", s.config)...)
	if err != nil {
		return err
	}
	answer := said.Stdout + said.Stderr
	s.note("%s", strings.SplitN(answer, "\n", 2)[0])
	if said.Status != status || !strings.Contains(answer, says) {
		return fmt.Errorf("jwtguard %s: status %d, expected %d and %q: %s", quoted(words), said.Status, status, says, answer)
	}
	return nil
}

// quoted is a command as people type it.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		if all[i] = w; strings.Contains(w, " ") {
			all[i] = `"` + w + `"`
		}
	}
	return strings.Join(all, " ")
}

// hold keeps the token in flight where explain can read it.
func (s *story) hold(token string) error { return s.write("old.jwt", token) }

// ask sends a request and prints what became of it.
func (s *story) ask(ctx context.Context, what, token string, status int, reason string) error {
	r := harness.Request{Target: "/orders"}
	if token != "" {
		r = r.Bearer(token)
	}
	resp, line, err := s.send(ctx, r)
	if err != nil {
		return err
	}
	s.row(what, resp.Status, line)
	if got := text(line.Reason); resp.Status != status || got != reason {
		return fmt.Errorf("%s: status %d and reason %q, expected %d and %q; Envoy wrote %s", what, resp.Status, got, status, reason, line.Line)
	}
	return nil
}

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// tamper changes one letter in the middle of a token's signature.
func tamper(token string) string {
	b := []byte(token)
	i := strings.LastIndexByte(token, '.') + 20
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
