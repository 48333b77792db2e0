package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// profiles writes profiles of the processor time of a guard at full load: warm, and
// cold with each algorithm. Together they are what the guard is compiled by.
func profiles(ctx context.Context, dir string, length time.Duration) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "jwtguard-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	say("building jwtguard with -tags pprof")
	binary, err := buildProfiled(ctx, work)
	if err != nil {
		return err
	}
	var keys []*devissuer.Key
	for _, alg := range algorithms {
		keys = append(keys, devissuer.NewKey("key-"+alg, alg))
	}
	s, err := newStage(binary, 1, func(int) []*devissuer.Key { return keys })
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	at, err := s.newPost("guard")
	if err != nil {
		return err
	}
	pprof, err := harness.FreePort()
	if err != nil {
		return err
	}
	var guard *server
	err = withEnvironment(map[string]string{"JWTGUARD_PPROF": pprof}, func() (err error) {
		guard, err = f.keep(s.startGuard(ctx, at, trust{issuers: s.issuers, policies: coldPolicies}))
		return err
	})
	if err != nil {
		return err
	}
	p := plan{rounds: 1, length: length, tokens: fullPlan.tokens}
	for i, alg := range append([]string{"warm"}, algorithms...) {
		say("profile: %s", alg)
		requests, err := warmRequests(mint(p.tokens, signer{s.issuers[0], keys[1]}))
		want := hit
		if i > 0 {
			n, err := p.coldEnough(coldPolicies, keys[i-1])
			if err != nil {
				return err
			}
			if requests, err = coldRequests(mint(n, signer{s.issuers[0], keys[i-1]}), coldPolicies); err != nil {
				return err
			}
			want = miss
		}
		if err != nil {
			return err
		}
		t := directTo(at.authz, requests, guard, false)
		t.watch = watchCache(ctx, at.metrics, want)
		if err := t.profile(ctx, p, "http://"+pprof, filepath.Join(dir, alg+".prof")); err != nil {
			return fmt.Errorf("%s: %w", alg, err)
		}
	}
	return nil
}

// profile measures a target, and meanwhile has its profile taken.
func (t *target) profile(ctx context.Context, p plan, pprof, file string) (err error) {
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.prepare(ctx); err != nil {
		return err
	}
	type result struct {
		text string
		err  error
	}
	taken := make(chan result, 1)
	go func() {
		// A profile takes whole seconds. It ends before the load does.
		text, err := get(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", pprof, max(1, int(p.length.Seconds())-1)))
		taken <- result{text, err}
	}()
	_, err = t.measure(ctx, p)
	r := <-taken
	if err = errors.Join(err, r.err); err != nil {
		return err
	}
	text, err := withoutPaths([]byte(r.text))
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// withoutPaths is a profile that does not say where the machine keeps the program.
func withoutPaths(profile []byte) ([]byte, error) {
	const stringTable = 6 // of perftools.profiles.Profile
	zipped, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(zipped)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	again := gzip.NewWriter(&out)
	for len(text) > 0 {
		field, kind, n := protowire.ConsumeField(text)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		one := text[:n]
		if field == stringTable && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(one)
			if s, _ := protowire.ConsumeString(one[tag:]); filepath.IsAbs(s) {
				one = protowire.AppendString(protowire.AppendTag(nil, field, kind), filepath.Base(s))
			}
		}
		if _, err := again.Write(one); err != nil {
			return nil, err
		}
		text = text[n:]
	}
	err = again.Close()
	return out.Bytes(), err
}

// buildProfiled builds a guard that serves its profiles.
func buildProfiled(ctx context.Context, dir string) (string, error) {
	root, err := harness.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "jwtguard")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "pprof", "-o", binary, "./cmd/jwtguard")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build jwtguard: %w: %s", err, out)
	}
	return binary, nil
}
