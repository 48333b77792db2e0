package mesh

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// configFile is where every guard has its configuration, as commands in the docs say.
const configFile = "/etc/jwtguard/jwtguard.yaml"

// variantPod is the pod of a folder under deploy/kubernetes.
func variantPod(t testing.TB, variant string) *pod {
	return newPod(t, mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, variant))))
}

// TestConfigurationsAreGood asks the guard itself what it thinks of each: nothing.
func TestConfigurationsAreGood(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			p := variantPod(t, variant)
			said := p.exec("check", "-c", configFile)
			if said.Status != 0 || !strings.Contains(said.Stdout, "; 0 errors, 0 warnings") {
				t.Errorf("check: status %d: %s%s", said.Status, said.Stdout, said.Stderr)
			}
		})
	}
}

// TestSharedGuardAnswersOverMutualTLS runs the pod of the shared service, as kustomize
// and as the chart make it.
func TestSharedGuardAnswersOverMutualTLS(t *testing.T) {
	test := func(t *testing.T, p *pod) {
		p.start()
		ours := p.client(p.issuer.CA.Client("envoy"))
		for _, c := range []struct{ token, reason string }{
			{p.token(nil), "ok"}, {"", "token_missing"}, {p.token(devissuer.Claims{"aud": "other"}), "audience_mismatch"},
		} {
			if got := p.reason(ours, c.token); got != c.reason {
				t.Errorf("got %s, want %s", got, c.reason)
			}
		}
		for name, stranger := range map[string]*tls.Certificate{
			"nobody's certificate":     nil,
			"another authority's":      ptr(devissuer.NewCA().Client("envoy")),
			"a server's, of our own":   ptr(p.issuer.CA.Server("envoy")),
			"ours, which ran out long": ptr(p.issuer.CA.Expired("envoy")),
		} {
			var c tls.Certificate
			if stranger != nil {
				c = *stranger
			}
			if _, err := p.client(c).Check(harnesstest.Step(t), request(p.token(nil))); status.Code(err) != codes.Unavailable {
				t.Errorf("%s: got %v, want no connection", name, err)
			}
		}
	}
	t.Run("kustomize", func(t *testing.T) { test(t, variantPod(t, "service")) })
	t.Run("chart", func(t *testing.T) {
		test(t, newPod(t, chart(t, helms["4"], chartDir, guardName, values(t, "{}"))))
	})
}

// TestConfigMapIsReadAgain updates a ConfigMap as the kubelet does: the guard reads it
// again, and a mistake changes nothing.
func TestConfigMapIsReadAgain(t *testing.T) {
	p := variantPod(t, "service-without-volume")
	p.start()
	envoy := p.client(p.issuer.CA.Client("envoy"))
	if got := p.reason(envoy, p.token(nil)); got != "ok" {
		t.Fatalf("before the change: %s", got)
	}
	text := the[*corev1.ConfigMap](t, p.all, guardName).Data["jwtguard.yaml"]
	change := func(text string) { p.publish("jwtguard-config", map[string]string{"jwtguard.yaml": text}) }

	change(harnesstest.ReplaceOnce(t, text, "  default:\n    issuers: [corp]\n", "  default:\n    issuers: [corp]\n    required_scopes: [pay]\n"))
	p.says(`"msg":"config_reloaded"`)
	if got := p.reason(envoy, p.token(nil)); got != "scope_insufficient" {
		t.Errorf("after the change: %s", got)
	}
	change(harnesstest.ReplaceOnce(t, text, "max_lifetime: 15m", "max_lifetime: 15"))
	p.says(`"msg":"config_reload_failed"`)
	if got := p.reason(envoy, p.token(nil)); got != "scope_insufficient" {
		t.Errorf("after the mistake: %s", got)
	}
}

// TestWhatAPodForgets: a key that was revoked by command stays so in the pod that takes
// this one's place if there is a volume. Without one it is trusted again, unless the
// configuration names it.
func TestWhatAPodForgets(t *testing.T) {
	const revoke = "    revoked:\n    - { kid: 2026-11, reason: leaked }\n"
	for name, c := range map[string]struct{ variant, keys, reason string }{
		"with a volume":                     {"service", "", "key_revoked"},
		"without a volume":                  {"service-without-volume", "", "ok"},
		"without a volume, but with a line": {"service-without-volume", revoke, "key_revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			p := variantPod(t, c.variant)
			spare := devissuer.SharedKey("2026-12", "ES256")
			p.issuer.Publish(spare)
			p.start()
			if got := p.reason(p.client(p.issuer.CA.Client("envoy")), p.token(nil)); got != "ok" {
				t.Fatalf("before: %s", got)
			}
			if said := p.exec("keys", "revoke", "-c", configFile, "--reason", "leaked", "corp", p.key.KID); said.Status != 0 {
				t.Fatalf("keys revoke: status %d: %s%s", said.Status, said.Stdout, said.Stderr)
			}
			if got := p.reason(p.client(p.issuer.CA.Client("envoy")), p.token(nil)); got != "key_revoked" {
				t.Fatalf("after the order: %s", got)
			}
			p.must(p.guard.Stop())
			p.fresh()
			if c.keys != "" {
				text := the[*corev1.ConfigMap](t, p.all, guardName).Data["jwtguard.yaml"]
				p.publish("jwtguard-config", map[string]string{"jwtguard.yaml": harnesstest.ReplaceOnce(t, text, "  max_lifetime: 15m\n", "  max_lifetime: 15m\n  keys:\n"+c.keys)})
			}
			p.start()
			if got := p.reason(p.client(p.issuer.CA.Client("envoy")), p.token(nil)); got != c.reason {
				t.Errorf("in the next pod: %s, want %s", got, c.reason)
			}
		})
	}
}

// TestStateIsTheGuardsAlone: whoever can write to the state directory can forget a
// retirement; the guard warns of it at its start, and has no reason to.
func TestStateIsTheGuardsAlone(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			p := variantPod(t, variant)
			p.start()
			if strings.Contains(p.guard.Stderr.String(), "ledger_finding") {
				t.Error("the guard has a finding about its state directory")
			}
		})
	}
}

// says waits for a line of the guard's log.
func (p *pod) says(part string) {
	p.t.Helper()
	_, _, err := p.guard.Stderr.Next(harnesstest.Step(p.t), 0, func(line string) bool { return strings.Contains(line, part) })
	if err != nil {
		p.t.Fatalf("the log does not say %s: %v", part, err)
	}
}

// client asks the guard as an Envoy with this certificate does, or over the socket if
// that is where it listens.
func (p *pod) client(c tls.Certificate) authv3.AuthorizationClient {
	p.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(p.authority))
	target, credential := p.grpc, credentials.NewTLS(&tls.Config{
		RootCAs: roots, ServerName: p.server, MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil },
	})
	if dir, ok := p.volumes["jwtguard-socket"]; ok {
		target, credential = "unix://"+dir+"/authz.sock", insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(credential))
	p.must(err)
	p.t.Cleanup(func() { conn.Close() })
	return authv3.NewAuthorizationClient(conn)
}

// reason asks about a token, "" for none, and gives the guard's reason.
func (p *pod) reason(c authv3.AuthorizationClient, token string) string {
	p.t.Helper()
	answer, err := c.Check(harnesstest.Step(p.t), request(token))
	p.must(err)
	return answer.GetDynamicMetadata().GetFields()["reason"].GetStringValue()
}

// request is a check of a request with a token.
func request(token string) *authv3.CheckRequest {
	headers := map[string]string{}
	if token != "" {
		headers["authorization"] = "Bearer " + token
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/", Headers: headers},
	}}}
}

func ptr[T any](v T) *T { return &v }
