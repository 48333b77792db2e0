package e2e

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// The TLS that the shipped configuration holds in a comment works once it is
// uncommented, and the guard answers nobody without a certificate.
func TestMutualTLSBetweenEnvoyAndGuard(t *testing.T) {
	ca, dir := devissuer.NewCA(), harnesstest.TempDir(t)
	pair := func(name string, c tls.Certificate) (cert, key string) {
		t.Helper()
		cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		certPEM, keyPEM := devissuer.KeyPairPEM(c)
		for path, pem := range map[string][]byte{cert: certPEM, key: keyPEM} {
			if err := os.WriteFile(path, pem, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return cert, key
	}
	caFile := filepath.Join(dir, "ca.crt")
	if err := ca.WriteFile(caFile); err != nil {
		t.Fatal(err)
	}
	serverCert, serverKey := pair("server", ca.Server("jwtguard.internal"))
	listen := "tls: { cert: " + serverCert + ", key: " + serverKey + ", client_ca: " + caFile + " }"

	for name, c := range map[string]struct {
		client tls.Certificate
		status int
	}{
		"a client of ours":    {ca.Client("envoy"), http.StatusOK},
		"another authority's": {devissuer.NewCA().Client("envoy"), http.StatusServiceUnavailable},
		"a server's":          {ca.Server("envoy"), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			clientCert, clientKey := pair("client", c.client)
			w := newWorld(t, setup{tcp: true, listen: listen, edit: func(config string) string {
				config = uncommentTLS(t, config)
				config = harnesstest.ReplaceOnce(t, config, "/etc/envoy/jwtguard-client.crt", clientCert)
				config = harnesstest.ReplaceOnce(t, config, "/etc/envoy/jwtguard-client.key", clientKey)
				return harnesstest.ReplaceOnce(t, config, "/etc/envoy/jwtguard-ca.crt", caFile)
			}})
			resp, access := w.send(harness.Request{}.Bearer(w.token(nil)))
			if resp.Status != c.status {
				t.Errorf("client got %d, want %d: %s", resp.Status, c.status, access.Line)
			}
		})
	}
}

// uncommentTLS takes the comment signs off the transport_socket of the cluster
// jwtguard_tcp.
func uncommentTLS(t *testing.T, config string) string {
	t.Helper()
	block := regexp.MustCompile(`(?m)^    # transport_socket:\n(?:    # .*\n)+`).FindString(config)
	if block == "" {
		t.Fatal("the shipped configuration holds no transport_socket in a comment")
	}
	return harnesstest.ReplaceOnce(t, config, block, regexp.MustCompile(`(?m)^    # `).ReplaceAllString(block, "    "))
}
