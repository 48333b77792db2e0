package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// Tokens, signatures and subjects are in nothing that leaves the process, at any
// level: not in logs, not over HTTP, and of the answers only where a policy says
// so.
func TestNothingOfATokenLeavesTheProcess(t *testing.T) {
	const (
		subject = "planted-subject"
		tenant  = "planted-tenant"
		kid     = "planted-kid"
		iss     = "https://planted-issuer.example.com"
		aud     = "planted-audience"
		jti     = "planted-jti"
		query   = "planted-query"
	)
	w := newWorld(t)
	old := devissuer.SharedKey("old", "ES256")
	w.issuer.Publish(old)
	g := w.startReady(w.listen() + "issuers:\n" + w.corp(", keys: {retired: [{kid: old}]}") +
		"policies: {default: {}, strict: {required_claims: {tenant: a}}, shadowed: {mode: shadow}}\n")
	more := devissuer.Claims{"sub": subject, "tenant": tenant, "jti": jti}
	stranger := devissuer.SharedKey(kid, "ES256")
	tokens := []string{
		w.tokenOf(w.key, more),
		w.tokenOf(w.key, more.With(devissuer.Claims{"aud": aud})),
		w.tokenOf(w.key, more.With(devissuer.Claims{"iss": iss})),
		w.tokenOf(w.key, more.With(devissuer.Claims{"exp": time.Now().Add(-time.Hour).Unix()})),
		w.tokenOf(w.key, more.With(devissuer.Claims{"iat": time.Now().Add(time.Hour).Unix()})),
		w.tokenOf(old, more),
		w.tokenOf(stranger, more),
		stranger.Renamed("2026-11").Token(w.claims().With(more)),
		w.key.TokenWith(devissuer.Header{"alg": "none"}, w.claims().With(more)),
		w.key.TokenWith(devissuer.Header{"jku": "https://planted-jku"}, w.claims().With(more)),
		w.tokenOf(w.key, more) + "." + subject,
		w.tokenOf(w.key, more.With(devissuer.Claims{"x": strings.Repeat(subject, 1000)})),
		subject,
		"\x1b[2J" + subject,
	}
	planted := []string{subject, tenant, kid, iss, aud, jti, query, "planted"}
	client := authv3.NewAuthorizationClient(g.envoy())
	reasons := map[string]bool{}
	for _, token := range tokens {
		if parts := strings.Split(token, "."); len(parts) >= 3 && len(parts[2]) > 20 {
			planted = append(planted, parts[1][:40], parts[2], parts[2][:40])
		}
		for _, policy := range []string{"default", "strict", "shadowed"} {
			req := request(token, "jwtguard.policy", policy)
			req.Attributes.Request.Http.Path = "/?" + query + "=" + token
			req.Attributes.Request.Http.Headers = map[string]string{"x-request-id": "id-1", "cookie": subject, "x-user": subject}
			answer, err := client.Check(context.Background(), req)
			w.must(err)
			reasons[answer.GetDynamicMetadata().GetFields()["reason"].GetStringValue()] = true
			b, err := protojson.Marshal(answer)
			w.must(err)
			mustNotHold(t, "the answer", string(b), planted)
		}
	}
	if len(reasons) < 10 {
		t.Errorf("only %v were met", reasons)
	}
	w.write("issuers: [")
	g.reload()
	for _, path := range []string{"/readyz", "/api/v1/keys", "/api/v1/keys/corp/2026-11", "/healthz", "/"} {
		_, body := g.http("unix", path)
		mustNotHold(t, path, body, planted)
	}
	w.must(g.stop())
	mustNotHold(t, "the log", g.log.String(), planted)
	if !strings.Contains(g.log.String(), `"request_id":"id-1"`) {
		t.Error("denials are not logged: this test sees nothing")
	}
}

func mustNotHold(t *testing.T, where, text string, planted []string) {
	t.Helper()
	for _, p := range planted {
		if strings.Contains(text, p) {
			t.Errorf("%s holds %q: %s", where, p, text)
		}
	}
}

// A panic's value may be anything, a token included.
func TestPanicsAreLoggedWithoutTheirValue(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	logPanic(log, "planted", nil)
	logPanic(log, fmt.Errorf("planted"), nil)
	func() {
		defer func() { logPanic(log, recover(), []byte("goroutine 1")) }()
		_ = []int{}[len(b.String())]
	}()
	mustNotHold(t, "the log", b.String(), []string{"planted"})
	for _, want := range []string{"type string", "errorString", "index out of range", "goroutine 1"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not logged: %s", want, b.String())
		}
	}
}

func TestLogFormatsAndLevels(t *testing.T) {
	for _, c := range []struct {
		flags logFlags
		want  string
	}{
		{logFlags{"text", "debug"}, "level=DEBUG msg=d d=1m30s\nlevel=INFO msg=i\nlevel=WARN msg=w\nlevel=ERROR msg=e\n"},
		{logFlags{"text", "info"}, "level=INFO msg=i\nlevel=WARN msg=w\nlevel=ERROR msg=e\n"},
		{logFlags{"text", "warn"}, "level=WARN msg=w\nlevel=ERROR msg=e\n"},
		{logFlags{"text", "error"}, "level=ERROR msg=e\n"},
		{logFlags{"json", "debug"}, `{"level":"DEBUG","msg":"d","d":"1m30s"}` + "\n" + `{"level":"INFO","msg":"i"}` + "\n" +
			`{"level":"WARN","msg":"w"}` + "\n" + `{"level":"ERROR","msg":"e"}` + "\n"},
	} {
		var b bytes.Buffer
		log, err := c.flags.logger(&b)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("d", "d", 90*time.Second)
		log.Info("i")
		log.Warn("w")
		log.Error("e")
		var got strings.Builder
		for line := range strings.Lines(b.String()) {
			if c.flags.format == "json" {
				var o map[string]any
				if err := json.Unmarshal([]byte(line), &o); err != nil {
					t.Error(err)
				}
				_, rest, _ := strings.Cut(line, ",")
				got.WriteString("{" + rest)
				continue
			}
			_, rest, _ := strings.Cut(line, " ")
			got.WriteString(rest)
		}
		if got.String() != c.want {
			t.Errorf("%v:\n%swant\n%s", c.flags, got.String(), c.want)
		}
	}
}
