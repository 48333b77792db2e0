package jwkscache

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const keySet = `{"keys":[]}`

// The tests' names must reach the tests' resolver, not somebody's proxy.
func init() {
	if os.Getenv("JWTGUARD_TEST_PROXY") != "" {
		return
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Unsetenv(name)
	}
}

// testCA signs certificates of the test's servers.
type testCA struct {
	file string // PEM
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, caTemplate, caTemplate, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	ca := &testCA{filepath.Join(t.TempDir(), "ca.pem"), cert, key}
	ca.write(t, ca.file)
	return ca
}

var caTemplate = &x509.Certificate{
	SerialNumber:          big.NewInt(1),
	Subject:               pkix.Name{CommonName: "test CA"},
	NotAfter:              time.Now().Add(time.Hour),
	IsCA:                  true,
	BasicConstraintsValid: true,
	KeyUsage:              x509.KeyUsageCertSign,
}

func (c *testCA) write(t *testing.T, path string) {
	t.Helper()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue signs a certificate for host, a name or an address.
func (c *testCA) issue(t *testing.T, host string, notAfter time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: notAfter}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS starts an HTTPS server on loopback.
func serveTLS(t *testing.T, config *tls.Config, h http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return mustURL(t, s.URL)
}

// serve starts a plain HTTP server on loopback.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// serveRaw starts a server that reads a request's first bytes and then does with
// the connection what it is told.
func serveRaw(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.Read(make([]byte, 4096))
				then(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustFetcher(t *testing.T, s Source) fetcher {
	t.Helper()
	f, err := newFetcher(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fetchOK fetches and accepts the answer.
func fetchOK(t *testing.T, f fetcher, fresh bool) answer {
	t.Helper()
	a, err := f.fetch(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	f.accepted()
	return a
}

// fetchFails fetches and wants a failure.
func fetchFails(t *testing.T, f fetcher) *FetchError {
	t.Helper()
	_, err := f.fetch(t.Context(), false)
	var fe *FetchError
	if !errors.As(err, &fe) {
		t.Fatalf("fetch: %v, want a FetchError", err)
	}
	return fe
}

func respond(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}
