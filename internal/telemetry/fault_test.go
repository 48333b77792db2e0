package telemetry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Every fault of a JWKS endpoint: what the log says of it, and which keys are in
// use a minute later, when an absence would be confirmed.
func TestEveryFaultOfAJWKSEndpoint(t *testing.T) {
	const kept = "a=active b=active"
	const failed = "WARN jwks_fetch_failed issuer=idp.test cause=schedule result="
	const place = `error="https://idp.test/jwks.json: `
	second := devissuer.NewKey("a", "EdDSA") // another material of the same name
	for _, tt := range []struct {
		name  string
		fault func(i *devissuer.Issuer, f *faulty)
		says  []string // each is part of a line
		keys  string
	}{
		{"304", nil, []string{"DEBUG jwks_fetched issuer=idp.test cause=schedule result=not_modified took=0s next=", "keys=2"}, kept},
		{"200 again", func(i *devissuer.Issuer, _ *faulty) { i.SetETags(false) },
			[]string{"DEBUG jwks_fetched issuer=idp.test cause=schedule result=ok", "keys=2"}, kept},
		{"500", always(devissuer.StatusFault(500)), []string{failed + "http_status took=0s next=1", place + `answered 500 Internal Server Error"`}, kept},
		{"429", always(devissuer.StatusFault(429, "Retry-After", "270")),
			[]string{failed + "http_status", "next=4m", place + `answered 429 Too Many Requests; it asks to wait 4m30s"`}, kept},
		{"404", always(devissuer.StatusFault(404)), []string{failed + "http_status", place + `answered 404 Not Found; check the address (keys are not withdrawn by this)"`}, kept},
		{"redirect", always(devissuer.RedirectFault("http://169.254.169.254/latest?secret")),
			[]string{failed + "http_status", place + `answered 302 Found; redirects are not followed, and this one leads to http://169.254.169.254; configure the final address"`}, kept},
		{"timeout", always(devissuer.Fault{Delay: time.Hour}),
			[]string{failed + "timeout took=5s", place + `timed out while connecting (jwks.timeout is 5s for the whole fetch)"`}, kept},
		{"endless body", always(devissuer.Fault{Drip: time.Second}), []string{failed + "timeout took=5s", place + "timed out while reading the body, "}, kept},
		{"too big", always(devissuer.Fault{Flood: 1 << 30}),
			[]string{failed + "too_large", place + `the body has more than 524288 bytes (content type application/json); a key set is smaller"`}, kept},
		{"too big, unannounced", always(devissuer.Fault{Flood: 1 << 20, Drip: time.Second}), []string{failed + "too_large took=0s"}, kept},
		{"wrong TLS name", func(_ *devissuer.Issuer, f *faulty) {
			f.tls.Store(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "idp.test"}})
		}, []string{failed + "tls", place + "the certificate is refused: "}, kept},
		{"reset", always(devissuer.Fault{Reset: true}), []string{failed + "network", place + "connecting: read: connection reset by peer"}, kept},
		{"cut connection", always(devissuer.Fault{Truncate: true}), []string{failed + "network", "the connection was closed while reading the body"}, kept},
		{"HTML", always(devissuer.HTMLFault()), []string{failed + "malformed", place + "not a key set (59 bytes, content type text/html, looks like a web page): "}, kept},
		{"truncated JSON", body(`{"keys":[{"kty":"OKP"`), []string{failed + "malformed", place + "not a key set (21 bytes, content type application/json): document: "}, kept},
		{"trailing data", body(`{"keys":[]}{"keys":[]}`), []string{failed + "malformed"}, kept},
		{"nothing", body(" "), []string{failed + "malformed"}, kept},
		{"{}", body(`{}`), []string{failed + "malformed", "keys: absent; a JWKS document lists its keys there"}, kept},
		{"keys null", body(`{"keys":null}`), []string{failed + "malformed", "keys: not an array but null"}, kept},
		{"an error object", body(`{"error":"rate_limited","error_description":"\u001b[31mno\r\nlevel=INFO msg=forged"}`), []string{failed + "malformed", "keys: absent"}, kept},
		{"over a hundred keys", body(`{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`), []string{failed + "malformed", "keys: over 100, at most that many are read"}, kept},
		{"older than max_stale", always(devissuer.HeaderFault("Age", "20000")), []string{failed + "malformed", "by its Age header, and max_stale is 4h0m0s"}, kept},
		{"no keys", body(`{"keys":[]}`), []string{
			"WARN anomaly issuer=idp.test anomaly=mass_removal", "INFO key_left issuer=idp.test kid=a", "result=ok took=0s", "keys=0",
			"cause=confirm", "INFO key_removal_confirmed issuer=idp.test kid=b", "from=active to=grace",
		}, "a=grace b=grace"},
		{"one kid, two materials", replaced(keyOf("a").JWK(), second.JWK(), keyOf("b").JWK()), []string{
			"WARN anomaly issuer=idp.test kid=a anomaly=kid_ambiguous", "INFO key_left issuer=idp.test kid=a",
			`INFO jwks_fetched issuer=idp.test cause=schedule result=ok`, `keys=1 skipped="[kid_ambiguous a kid_ambiguous a]"`,
		}, "a=grace b=active"},
		{"one kid, one material twice", replaced(keyOf("a").JWK(), keyOf("a").JWK(), keyOf("b").JWK()), []string{"DEBUG jwks_fetched", "keys=2"}, kept},
		{"a known kid, another material", replaced(second.JWK(), keyOf("b").JWK()), []string{
			"WARN anomaly issuer=idp.test kid=a", "anomaly=kid_reused", `keys=1 skipped="[kid_reused a]"`,
		}, "a=grace b=active"},
		{"a private key that is known", replaced(keyOf("a").PrivateJWK(), keyOf("b").JWK()), []string{
			"WARN anomaly issuer=idp.test kid=a thumbprint=", "anomaly=private_key_published", `keys=1 skipped="[private_key a]"`, "from=active to=revoked",
		}, "a=revoked b=active"},
		{"a private key that is new", replaced(keyOf("a").JWK(), keyOf("b").JWK(), keyOf("n").PrivateJWK()), []string{
			"WARN anomaly issuer=idp.test kid=n thumbprint=", "anomaly=private_key_published", `keys=2 skipped="[private_key n]"`,
		}, "a=active b=active n=revoked"},
		{"an unknown kty", replaced(keyOf("a").JWK(), keyOf("b").JWK(), devissuer.JWK{"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"}), []string{
			`INFO jwks_fetched issuer=idp.test cause=schedule result=ok`, `keys=2 skipped="[kty_unknown pq]"`,
		}, kept},
		{"one bad among nine good", replaced(append(nine(), devissuer.JWK{"kty": "RSA", "kid": "bad", "n": "AQAB", "e": "AQAB"})...), []string{
			"INFO jwks_fetched", `keys=9 skipped="[rsa_size bad]"`,
		}, "a=active b=active c=active d=active e=active f=active g=active h=active i=active"},
		{"bad ones of every kind", replaced(keyOf("a").JWK(), keyOf("b").JWK(),
			devissuer.JWK{"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldA"},
			with(keyOf("c").JWK(), "use", "enc"), with(keyOf("d").JWK(), "key_ops", []string{"sign"}),
			with(keyOf("e").JWK(), "alg", "HS256"), without(keyOf("f").JWK(), "kid")), []string{
			`keys=2 skipped="[symmetric shared use_not_sig c key_ops_not_verify d alg_unusable e kid_absent ]"`,
		}, kept},
		{"a known key turns bad", replaced(with(keyOf("a").JWK(), "use", "enc"), keyOf("b").JWK()), []string{
			`keys=1 skipped="[use_not_sig a]"`, "INFO key_left issuer=idp.test kid=a", "INFO key_removal_confirmed issuer=idp.test kid=a",
		}, "a=grace b=active"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := devissuer.New("https://idp.test")
				idp.Publish(keyOf("a"), keyOf("b"))
				transport := &faulty{next: devissuer.Transport{Handler: idp}}
				g := newLogged(t, idp, transport)
				defer g.run(t)()
				pass(time.Second)
				if first := g.lines(); !strings.Contains(first, "INFO jwks_fetched issuer=idp.test cause=schedule result=ok") || g.keys() != kept {
					t.Fatalf("at first: %s\n%s", g.keys(), first)
				}
				if tt.fault != nil {
					tt.fault(idp, transport)
				}
				for n := transport.n.Load(); transport.n.Load() == n; {
					pass(time.Second)
				}
				pass(45 * time.Second)
				lines := g.lines()
				for _, want := range tt.says {
					if !strings.Contains(lines, want) {
						t.Errorf("the log does not say %s", want)
					}
				}
				if got := g.keys(); got != tt.keys {
					t.Errorf("%s, want %s", got, tt.keys)
				}
				if strings.Contains(lines, "\x1b") || strings.Contains(lines, "\nlevel=INFO msg=forged") || strings.Contains(lines, "secret") {
					t.Error("the log repeats what it must not")
				}
				if t.Failed() {
					t.Logf("the log:\n%s", lines)
				}

				// It is over, without a restart.
				transport.tls.Store(nil)
				idp.Heal()
				idp.Replace(keyOf("b"), keyOf("z"))
				pass(11 * time.Minute)
				if got := g.keys(); !strings.Contains(got, "b=active") || !strings.Contains(got, "z=active") {
					t.Errorf("after the fault: %s\n%s", got, g.lines())
				}
			})
		})
	}
}

// The first fetch that works, after an outage as at the start, and every change
// of what is skipped stands out; the rest is for whoever wants to know it all.
func TestFetchesThatStandOut(t *testing.T) {
	var out bytes.Buffer
	l := NewLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	skip := func(kids ...string) (all []keyset.Skipped) {
		for _, k := range kids {
			all = append(all, keyset.Skipped{Kid: k, Reason: keyset.SkipUse})
		}
		return all
	}
	broken := fmt.Errorf("no")
	for i, tt := range []struct {
		f    jwkscache.Fetch
		says string
	}{
		{jwkscache.Fetch{Issuer: "a"}, "msg=jwks_fetched issuer=a"},
		{jwkscache.Fetch{Issuer: "a"}, ""},
		{jwkscache.Fetch{Issuer: "b"}, "msg=jwks_fetched issuer=b"},
		{jwkscache.Fetch{Issuer: "a", Skipped: skip("x")}, `skipped="[use_not_sig x]"`},
		{jwkscache.Fetch{Issuer: "a", Skipped: skip("x")}, ""},
		{jwkscache.Fetch{Issuer: "a", Err: broken}, "level=WARN msg=jwks_fetch_failed issuer=a"},
		{jwkscache.Fetch{Issuer: "a", Err: broken}, "level=WARN msg=jwks_fetch_failed issuer=a"},
		{jwkscache.Fetch{Issuer: "b"}, ""},
		{jwkscache.Fetch{Issuer: "b", Cause: jwkscache.CauseOperator}, "level=INFO msg=jwks_fetched issuer=b cause=operator"},
		{jwkscache.Fetch{Issuer: "a", Skipped: skip("x")}, "level=INFO msg=jwks_fetched issuer=a"},
		{jwkscache.Fetch{Issuer: "a", Skipped: skip("y", "x")}, `skipped="[use_not_sig y use_not_sig x]"`},
		{jwkscache.Fetch{Issuer: "a"}, "msg=jwks_fetched issuer=a"},
		{jwkscache.Fetch{Issuer: "a"}, ""},
	} {
		out.Reset()
		l.Fetched(tt.f)
		if got := out.String(); strings.Contains(got, "next=") {
			t.Errorf("fetch %d: %q, and there is no next one", i, got)
		} else if !strings.Contains(got, tt.says) || (tt.says == "") != (got == "") {
			t.Errorf("fetch %d: %q, want %q", i, got, tt.says)
		}
	}
}

// faulty is a transport that may fail by itself.
type faulty struct {
	next http.RoundTripper
	tls  atomic.Pointer[tls.CertificateVerificationError]
	n    atomic.Int32 // requests
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	f.n.Add(1)
	if err := f.tls.Load(); err != nil {
		return nil, err
	}
	return f.next.RoundTrip(r)
}

func always(f devissuer.Fault) func(*devissuer.Issuer, *faulty) {
	return func(i *devissuer.Issuer, _ *faulty) { i.Fail(devissuer.JWKSPath, f) }
}

func body(s string) func(*devissuer.Issuer, *faulty) { return always(devissuer.BodyFault(s)) }

func replaced(keys ...devissuer.JWK) func(*devissuer.Issuer, *faulty) {
	return func(i *devissuer.Issuer, _ *faulty) {
		i.Replace()
		i.PublishJWK(keys...)
	}
}

func with(k devissuer.JWK, name string, value any) devissuer.JWK {
	k[name] = value
	return k
}

func without(k devissuer.JWK, name string) devissuer.JWK {
	delete(k, name)
	return k
}

func nine() (all []devissuer.JWK) {
	for _, kid := range "abcdefghi" {
		all = append(all, keyOf(string(kid)).JWK())
	}
	return all
}

func keyOf(kid string) *devissuer.Key { return devissuer.SharedKey(kid, "EdDSA") }

// logged is a cache that reports to a log.
type logged struct {
	clock *jwkscache.Clock
	group *jwkscache.Group
	cache *jwkscache.Cache

	mu  sync.Mutex
	out bytes.Buffer
}

func newLogged(t *testing.T, idp *devissuer.Issuer, transport http.RoundTripper) *logged {
	t.Helper()
	g := &logged{clock: jwkscache.NewClock(nil, time.Time{})}
	l := NewLog(slog.New(slog.NewTextHandler(g, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	var err error
	if g.group, err = jwkscache.NewGroup(jwkscache.GroupConfig{Clock: g.clock, Journal: journal{l}, Report: l.Fetched}); err != nil {
		t.Fatal(err)
	}
	plan, err := g.group.Plan([]jwkscache.Config{{
		Name: "idp.test", Issuer: idp.URL, Source: jwkscache.Source{URI: idp.JWKSURI(), Transport: transport},
		Params:   keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second},
		Cooldown: 30 * time.Second, Wait: 100 * time.Millisecond,
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.group.Adopt(plan)
	g.cache = plan.Cache(idp.URL)
	return g
}

// journal keeps nothing, and tells somebody.
type journal struct {
	to interface {
		Record(issuer string, events []keyset.Event)
	}
}

func (j journal) Record(c keyset.Change) func(context.Context) error {
	j.to.Record(c.Name, c.Events)
	return func(context.Context) error { return nil }
}

func (j journal) Commit(_ context.Context, c keyset.Change) error {
	j.to.Record(c.Name, c.Events)
	return nil
}

// run keeps the keys fresh until what it gives is called.
func (g *logged) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.group.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Write makes it the end of a log.
func (g *logged) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.out.Write(b)
}

// lines gives what was logged since it was last asked.
func (g *logged) lines() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.out.Reset()
	return strings.NewReplacer("level=", "", "msg=", "").Replace(g.out.String())
}

func (g *logged) keys() string {
	var all []string
	now := g.clock.Now()
	for _, k := range g.cache.Set().Keys() {
		all = append(all, k.Kid()+"="+k.State(now).String())
	}
	return strings.Join(all, " ")
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
