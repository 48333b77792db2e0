package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const serverName = "jwtguard.internal"

// secured is a guard whose gRPC listener wants certificates.
type secured struct {
	*guardRun
	ca *devissuer.CA
}

func startSecured(t *testing.T, listen string) *secured {
	t.Helper()
	w := newWorld(t)
	s := &secured{ca: devissuer.NewCA()}
	w.must(s.ca.WriteFile(w.path("clients.pem")))
	w.renew(s.ca.Server(serverName))
	s.guardRun = w.startReady("listen: {grpc: " + listen + ", admin: \"\", metrics: \"\", tls: {cert: tls.crt, key: tls.key, client_ca: clients.pem}, drain: 0s}\nissuers:\n" + w.fixed(""))
	return s
}

// renew writes certificate and key.
func (w *world) renew(c tls.Certificate) {
	w.t.Helper()
	cert, key := devissuer.KeyPairPEM(c)
	w.must(os.WriteFile(w.path("tls.crt"), cert, 0o600))
	w.must(os.WriteFile(w.path("tls.key"), key, 0o600))
}

// asks sends one check over a new connection.
func (s *secured) asks(roots *x509.CertPool, client ...tls.Certificate) (verdict, error) {
	s.t.Helper()
	creds := credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: serverName, Certificates: client})
	return dial(s.t, "tcp", s.service.grpc[0].at(), grpc.WithTransportCredentials(creds)).check(s.token())
}

// settled lets the time pass for which the files are not looked at.
func (s *secured) settled() {
	s.service.secure.mu.Lock()
	defer s.service.secure.mu.Unlock()
	s.service.secure.checked = time.Time{}
}

func TestListenerWantsAClientCertificate(t *testing.T) {
	s := startSecured(t, "127.0.0.1:0")
	if v, err := s.asks(s.ca.Pool(), s.ca.Client("envoy")); err != nil || v.Reason != "ok" {
		t.Errorf("a client of ours: %+v, %v", v, err)
	}
	for name, client := range map[string][]tls.Certificate{
		"none":                {},
		"another authority's": {devissuer.NewCA().Client("envoy")},
		"a server's":          {s.ca.Server("envoy")},
	} {
		if v, err := s.asks(s.ca.Pool(), client...); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if v, err := dial(t, "tcp", s.service.grpc[0].at()).check(s.token()); err == nil {
		t.Errorf("without TLS: %+v", v)
	}
	// TLS 1.1 and older are broken (RFC 8996).
	if conn, err := tls.Dial("tcp", s.service.grpc[0].at(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		conn.Close()
		t.Error("it speaks TLS 1.1")
	}
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	s := startSecured(t, "127.0.0.1:0")
	envoy := s.ca.Client("envoy")
	good := func(ca *devissuer.CA, client tls.Certificate) {
		t.Helper()
		if v, err := s.asks(ca.Pool(), client); err != nil || v.Reason != "ok" {
			t.Errorf("%+v, %v", v, err)
		}
	}
	good(s.ca, envoy)

	// Half of a renewal: the key does not belong to the certificate yet.
	next := devissuer.NewCA()
	cert, key := devissuer.KeyPairPEM(next.Server(serverName))
	s.must(os.WriteFile(s.path("tls.crt"), cert, 0o600))
	s.settled()
	good(s.ca, envoy)
	s.event(0, `"msg":"tls_reload_failed"`, "private key does not match public key", `"in_force":"the files as they were"`)

	s.must(os.Remove(s.path("tls.key")))
	s.settled()
	good(s.ca, envoy)
	_, from := s.event(0, `"msg":"tls_reload_failed"`, "listen.tls.key: "+s.path("tls.key")+": no such file or directory")
	s.settled()
	good(s.ca, envoy)
	if rest := strings.Split(s.log.String(), "\n")[from:]; strings.Contains(strings.Join(rest, "\n"), "tls_reload_failed") {
		t.Error("the same mistake is told again and again")
	}

	s.must(os.WriteFile(s.path("tls.key"), key, 0o600))
	s.settled()
	good(next, envoy)
	s.event(from, `"msg":"tls_reloaded"`)
	if _, err := s.asks(s.ca.Pool(), envoy); err == nil {
		t.Error("the old certificate is still shown")
	}

	// Another authority for clients: the old clients are refused.
	s.must(next.WriteFile(s.path("clients.pem")))
	s.settled()
	good(next, next.Client("envoy"))
	if v, err := s.asks(next.Pool(), envoy); err == nil {
		t.Errorf("a client of the authority that was taken away: %+v", v)
	}
}

// A session that was begun under one authority for clients must not be resumed
// once the authority is gone.
func TestSessionsEndWithTheirAuthority(t *testing.T) {
	s := startSecured(t, "127.0.0.1:0")
	config := &tls.Config{
		RootCAs: s.ca.Pool(), ServerName: serverName, Certificates: []tls.Certificate{s.ca.Client("envoy")},
		ClientSessionCache: tls.NewLRUClientSessionCache(1), NextProtos: []string{"h2"},
	}
	connect := func() (resumed bool, err error) {
		conn, err := tls.Dial("tcp", s.service.grpc[0].at(), config)
		if err != nil {
			return false, err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patienceOfTests))
		// The server's first bytes come after it has judged our certificate.
		_, err = conn.Read(make([]byte, 1))
		return conn.ConnectionState().DidResume, err
	}
	if _, err := connect(); err != nil {
		t.Fatal(err)
	}
	s.must(devissuer.NewCA().WriteFile(s.path("clients.pem")))
	s.settled()
	if resumed, err := connect(); err == nil {
		t.Errorf("it is let in (resumed: %v)", resumed)
	}
}

// A unix socket is guarded by its permissions; there is no TLS on it.
func TestMixedListenersUseTLSOnThePortAlone(t *testing.T) {
	w := newWorld(t)
	ca := devissuer.NewCA()
	w.renew(ca.Server(serverName))
	g := w.startReady("listen: {grpc: [{address: \"unix://" + w.path("authz.sock") + "\"}, {address: \"127.0.0.1:0\"}], admin: \"\", metrics: \"\", tls: {cert: tls.crt, key: tls.key}, drain: 0s}\nissuers:\n" + w.fixed(""))
	g.envoy().gets(w.token(), "ok")
	creds := credentials.NewTLS(&tls.Config{RootCAs: ca.Pool(), ServerName: serverName})
	dial(t, "tcp", g.service.grpc[1].at(), grpc.WithTransportCredentials(creds)).gets(w.token(), "ok")
}
