package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair writes a new self-signed certificate and its key.
func writePair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".crt"), "CERTIFICATE", cert)
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatTheConfigurationNames(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "a")
	writePair(t, dir, "b")
	writePEM(t, filepath.Join(dir, "locked.key"), "ENCRYPTED PRIVATE KEY", []byte("x"))
	writePEM(t, filepath.Join(dir, "junk.crt"), "CERTIFICATE", []byte("x"))
	for name, content := range map[string]string{"token": " 0123456789abcdef\n", "blank": " \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "big.crt"), make([]byte, maxPEM+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, tls, token, ca, want string }{
		{name: "all good", tls: `{cert: a.crt, key: a.key, client_ca: b.crt}`, token: "token", ca: "b.crt"},
		{name: "nothing set"},
		{name: "no key", tls: `{cert: a.crt}`, want: ":1:15: listen.tls: cert and key go together: set key too"},
		{name: "no certificate", tls: `{key: a.key}`, want: ":1:15: listen.tls: cert and key go together: set cert too"},
		{name: "authority alone", tls: `{client_ca: b.crt}`, want: ":1:27: listen.tls.client_ca: works with cert and key alone: set them too"},
		{name: "another's key", tls: `{cert: a.crt, key: b.key}`, want: `:1:34: listen.tls.key: "DIR/a.crt" and "DIR/b.key" are no pair: tls: private key does not match public key`},
		{name: "encrypted key", tls: `{cert: a.crt, key: locked.key}`, want: `:1:34: listen.tls.key: "DIR/locked.key" is encrypted: decrypt it, nobody is there to type the passphrase`},
		{name: "key for certificate", tls: `{cert: a.key, key: a.key}`, want: `:1:22: listen.tls.cert: "DIR/a.key" holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`},
		{name: "broken certificate", ca: "junk.crt", want: `:2:83: issuers[0].jwks.ca_file: "DIR/junk.crt" holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`},
		{name: "huge", ca: "big.crt", want: `:2:83: issuers[0].jwks.ca_file: "DIR/big.crt" cannot be read: it is too big, at most 4194304 bytes are read`},
		{name: "blank token", token: "blank", want: `:3:21: admin.token_file: "DIR/blank" is empty: make a token with openssl rand -hex 32`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.tls == "" {
				tt.tls = "{}"
			}
			text := fmt.Sprintf("listen: {tls: %s}\nissuers: [{issuer: \"https://issuer.example.com\", audiences: [a], jwks: { ca_file: %q}}]\nadmin: {token_file: %q}\n", tt.tls, tt.ca, tt.token)
			file := filepath.Join(dir, "jwtguard.yaml")
			c, err := Parse(file, []byte(text))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if tt.ca != "" && c.Issuers[0].JWKS.CAFile != filepath.Join(dir, tt.ca) {
					t.Errorf("ca_file is %s", c.Issuers[0].JWKS.CAFile)
				}
				return
			}
			if want := file + strings.ReplaceAll(tt.want, "DIR", dir); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}
