package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// Times are short, so that a rotation fits into a minute. In earnest they are
// minutes and hours.
const (
	grace     = 15 * time.Second
	clockSkew = time.Second
	tokenLife = 10 * time.Minute
	audience  = "orders-api"
)

// stage is all that plays in the demo.
type stage struct {
	dir      string
	binary   string
	issuer   *devissuer.Server
	upstream *harness.Upstream
	envoy    *harness.Envoy
	guard    *harness.Guard
	admin    string // host:port of the guard's admin listener
	metrics  string // of its metrics listener
	config   string // path of the guard's configuration
}

// newStage starts everything. What was started is in the stage even if there is
// an error, for stop.
func newStage(ctx context.Context) (*stage, error) {
	s := &stage{}
	envoy, err := harness.EnvoyBinary()
	if err != nil {
		return nil, err
	}
	// Short, since a unix socket's path may have no more than 107 bytes.
	if s.dir, err = os.MkdirTemp("", "jwtguard-demo-"); err != nil {
		return nil, err
	}
	if s.binary, err = harness.BuildGuard(s.dir); err != nil {
		return s, err
	}
	if s.issuer, err = devissuer.Start(devissuer.NewCA()); err != nil {
		return s, err
	}
	if s.upstream, err = harness.StartUpstream(); err != nil {
		return s, err
	}
	return s, s.startEnvoy(ctx, envoy)
}

// startEnvoy runs Envoy with deploy/envoy/envoy.yaml, ports filled in.
func (s *stage) startEnvoy(ctx context.Context, binary string) error {
	path, err := harness.EnvoyConfig()
	if err != nil {
		return err
	}
	shipped, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	config, err := harness.Places{
		Ingress: "127.0.0.1:0", Admin: "127.0.0.1:0",
		Upstream: s.upstream.Address, GuardSocket: s.file("authz.sock"),
	}.Fill(string(shipped))
	if err != nil {
		return err
	}
	s.envoy, err = harness.StartEnvoy(ctx, binary, s.dir, config)
	return err
}

// startGuard runs the guard; the issuer has a key by now.
func (s *stage) startGuard(ctx context.Context) error {
	if err := s.issuer.CA.WriteFile(s.file("ca.pem")); err != nil {
		return err
	}
	var err error
	if s.metrics, err = harness.FreePort(); err != nil {
		return err
	}
	if s.admin, err = harness.FreePort(); err != nil {
		return err
	}
	s.config = s.file("jwtguard.yaml")
	if err := os.WriteFile(s.file("operator"), []byte(rand.Text()), 0o600); err != nil {
		return err
	}
	return s.runGuard(ctx)
}

// runGuard starts the guard, or starts it again.
func (s *stage) runGuard(ctx context.Context) (err error) {
	s.guard, err = harness.StartGuard(ctx, s.binary, s.dir, fmt.Sprintf(`guard: demo
listen:
  grpc: unix://%s
  admin: %s
  metrics: %s
  drain: 0s
state_dir: %s
admin: { token_file: %s }
issuers:
  - name: corp
    issuer: %s
    audiences: [%s]
    clock_skew: %s
    jwks: { ca_file: %s, interval: 1s, unknown_kid_cooldown: 1s }
    keys: { grace: %s, removal_confirm: 1s }
policies:
  default:
    claim_headers:
      - { claim: sub, header: x-jwt-sub }
  payments:
    required_scopes: [payments]
`, s.file("authz.sock"), s.admin, s.metrics, s.file("state"), s.file("operator"), s.issuer.URL, audience, clockSkew, s.file("ca.pem"), grace), s.metrics)
	return err
}

func (s *stage) file(name string) string { return filepath.Join(s.dir, name) }

// stop ends everything and removes its files.
func (s *stage) stop() error {
	var errs []error
	if s.guard != nil {
		errs = append(errs, s.guard.Stop())
	}
	if s.envoy != nil {
		errs = append(errs, s.envoy.Stop())
	}
	if s.upstream != nil {
		errs = append(errs, s.upstream.Stop())
	}
	if s.issuer != nil {
		errs = append(errs, s.issuer.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// token mints a token of the issuer, with claims laid over a good one's.
func (s *stage) token(k *devissuer.Key, more devissuer.Claims) string {
	return k.Token(devissuer.StandardClaims(s.issuer.URL, audience, tokenLife).
		With(devissuer.Claims{"sub": "alice", "scope": "payments"}).With(more))
}

// send sends a request through Envoy, and gives what the client got and Envoy's
// access log line.
func (s *stage) send(ctx context.Context, r harness.Request) (harness.Response, harness.Access, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	from := s.envoy.Stdout.Len()
	resp, err := r.HTTP1(ctx, s.envoy.Address)
	if err != nil {
		return resp, harness.Access{}, err
	}
	line, _, err := s.envoy.NextAccess(ctx, from)
	return resp, line, err
}

// key is a row of the admin API.
type key struct {
	Kid       string     `json:"kid"`
	State     string     `json:"state"`
	RetiresAt *time.Time `json:"retires_at"`
	RetiredAt *time.Time `json:"retired_at"`
	Final     bool       `json:"final"`
	Allowed   int        `json:"allowed"`
	Denied    int        `json:"denied"`
}

// keys asks the guard what it knows.
func (s *stage) keys(ctx context.Context) ([]key, error) {
	body, err := s.ask(ctx, "/api/v1/keys")
	if err != nil {
		return nil, err
	}
	var answer struct{ Keys []key }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	return answer.Keys, nil
}

// ask asks the guard's admin API.
func (s *stage) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("admin API: %s: %s", response.Status, body)
	}
	return body, err
}

// await waits until the guard's view of the key fits.
func (s *stage) await(ctx context.Context, kid string, fits func(key) bool) (key, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		keys, err := s.keys(ctx)
		if err != nil {
			return key{}, err
		}
		if i := slices.IndexFunc(keys, func(k key) bool { return k.Kid == kid && fits(k) }); i >= 0 {
			return keys[i], nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return key{}, fmt.Errorf("the guard never showed %s as the story says: %w", kid, err)
		}
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
