package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
)

// certificateAge is for how long the files of the gRPC listener are taken to be
// unchanged: handshakes come by the hundred when Envoys reconnect.
const certificateAge = time.Second

// certificates serves the TLS files of the gRPC listener, and reads them again
// when they change. Files that cannot be used, as happens in the middle of a
// renewal, leave the last good ones in force.
type certificates struct {
	files config.TLS
	log   *slog.Logger

	mu      sync.Mutex
	checked time.Time
	content [][]byte    // of the last good look at the files
	current *tls.Config // made of it
	failure string      // of the last look: told once
}

// newCertificates reads the files once, so that a guard does not start without
// them.
func newCertificates(files config.TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log}
	content, err := c.read()
	if err != nil {
		return nil, err
	}
	c.content, c.checked = content, time.Now()
	if c.current, err = c.parse(content); err != nil {
		return nil, err
	}
	return c, nil
}

// config is the listener's TLS configuration.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.get(), nil },
	}
}

func (c *certificates) get() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateAge {
		return c.current
	}
	c.checked = time.Now()
	content, err := c.read()
	var next *tls.Config
	if err == nil && !equal(content, c.content) {
		next, err = c.parse(content)
	}
	if err != nil {
		if err.Error() != c.failure {
			c.log.Error("tls_reload_failed", "error", err.Error(), "in_force", "the files as they were")
		}
		c.failure = err.Error()
		return c.current
	}
	c.failure = ""
	if next != nil {
		c.content, c.current = content, next
		c.log.Info("tls_reloaded", "cert", c.files.Cert)
	}
	return c.current
}

// read gives the content of certificate, key and client CAs.
func (c *certificates) read() ([][]byte, error) {
	var content [][]byte
	for _, f := range [...]struct{ setting, path string }{
		{"cert", c.files.Cert}, {"key", c.files.Key}, {"client_ca", c.files.ClientCA},
	} {
		if f.path == "" {
			content = append(content, nil)
			continue
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			return nil, fmt.Errorf("listen.tls.%s: %s: %w", f.setting, f.path, cause(err))
		}
		content = append(content, b)
	}
	return content, nil
}

func (c *certificates) parse(content [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return nil, fmt.Errorf("listen.tls: %w", err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA != "" {
		out.ClientCAs = x509.NewCertPool()
		if !out.ClientCAs.AppendCertsFromPEM(content[2]) {
			return nil, errors.New("listen.tls.client_ca: holds no PEM certificate")
		}
		out.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return out, nil
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
