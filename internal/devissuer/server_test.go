package devissuer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// ca is shared by the tests; each server has a certificate of its own.
var ca = devissuer.NewCA()

// start serves an issuer until the test ends, with a client that trusts it.
func start(t *testing.T) (*devissuer.Server, http.RoundTripper) {
	t.Helper()
	s, err := devissuer.Start(ca)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, client(t)
}

func client(t *testing.T) *http.Transport {
	rt := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	t.Cleanup(rt.CloseIdleConnections)
	return rt
}

func TestCAFileIsWhatAClientNeeds(t *testing.T) {
	s, _ := start(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := s.CA.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("not PEM: %s", pem)
	}
	rt := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer rt.CloseIdleConnections()
	if g := get(t, rt, s.JWKSURI()); g.status != 200 {
		t.Errorf("%+v", g)
	}
}

func TestBadCertificatesAreMetAtOnce(t *testing.T) {
	s, rt := start(t)
	if g := get(t, rt, s.JWKSURI()); g.status != 200 {
		t.Fatalf("%+v", g)
	}
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	for what, c := range map[string]struct {
		cert tls.Certificate
		as   any
	}{
		"wrong name":        {ca.Server("issuer.example.com"), &name},
		"another authority": {devissuer.NewCA().Server("127.0.0.1"), &unknown},
		"expired":           {ca.Expired("127.0.0.1"), &invalid},
	} {
		s.SetCertificate(c.cert)
		if g := get(t, rt, s.JWKSURI()); !errors.As(g.err, c.as) {
			t.Errorf("%s: %+v", what, g)
		}
	}
	s.SetCertificate(ca.Server("127.0.0.1"))
	if g := get(t, rt, s.JWKSURI()); g.status != 200 {
		t.Errorf("a good one again: %+v", g)
	}
}

func TestCloseWaitsForHandlersThatHang(t *testing.T) {
	s, rt := start(t)
	s.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
	done := make(chan got, 1)
	go func() { done <- get(t, rt, s.JWKSURI()) }()
	for s.Count(devissuer.JWKSPath) == 0 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	s.Close()
	if d := time.Since(began); d > time.Second {
		t.Errorf("Close took %v", d)
	}
	if g := <-done; g.err == nil {
		t.Errorf("the hanging request got %+v", g)
	}
	if g := get(t, rt, s.JWKSURI()); g.err == nil {
		t.Error("a closed issuer answers")
	}
}

func TestAnIssuerComesBackAtItsPlace(t *testing.T) {
	s, rt := start(t)
	url, address := s.JWKSURI(), s.URL[len("https://"):]
	s.Close()
	again, err := devissuer.StartAt(ca, address)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if g := get(t, rt, url); g.status != 200 {
		t.Errorf("%+v", g)
	}
}
