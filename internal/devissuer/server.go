package devissuer

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A Server is an Issuer on a loopback port of its own, over HTTPS.
type Server struct {
	*Issuer
	CA *CA

	cert   atomic.Pointer[tls.Certificate]
	http   *http.Server
	cancel context.CancelFunc
	mu     sync.Mutex // no handler begins after Close
	closed bool
	wg     sync.WaitGroup // the server's goroutine and all handlers
}

// Start serves a new issuer, whose URL is https://127.0.0.1:PORT with a
// certificate by ca. The caller closes it.
func Start(ca *CA) (*Server, error) {
	return StartAt(ca, "127.0.0.1:0")
}

// StartAt is Start at a given address, for an issuer that comes back at the
// place it had.
func StartAt(ca *CA, address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{Issuer: New("https://" + l.Addr().String()), CA: ca, cancel: cancel}
	s.SetCertificate(ca.Server("127.0.0.1", "localhost"))
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.serve),
		BaseContext: func(net.Listener) context.Context { return ctx },
		TLSConfig: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil },
		},
		// Faults make the server complain; that they do is the script's will.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// Each fetch connects anew, so that a new certificate is met at once.
	s.http.SetKeepAlivesEnabled(false)
	s.wg.Go(func() { _ = s.http.ServeTLS(l, "", "") })
	return s, nil
}

// serve counts the handlers, so that Close can wait for them.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	s.ServeHTTP(w, r)
}

// SetCertificate shows another certificate to connections from now on: one for
// a wrong name, an expired one, or one by another authority.
func (s *Server) SetCertificate(c tls.Certificate) { s.cert.Store(&c) }

// Close drops all connections and returns when nothing runs any more.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	err := s.http.Close()
	s.wg.Wait()
	return err
}
