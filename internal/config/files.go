package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxPEM is far beyond any bundle of authorities (the public web's is 250 KiB).
const maxPEM = 4 << 20

// file reads the path of a file that must be there now, and passes the check.
func (r *reader) file(dst *string, check func([]byte) string) func(value) {
	return func(v value) {
		r.path(dst)(v)
		if *dst == "" {
			return
		}
		data, err := readFile(*dst, maxPEM)
		if err != nil {
			r.bad(v.path, "%s cannot be read: %v", quotePath(*dst), reason(err))
			return
		}
		if complaint := check(data); complaint != "" {
			r.bad(v.path, "%s %s", quotePath(*dst), complaint)
		}
	}
}

// path reads the path of a file that need not be there yet.
func (r *reader) path(dst *string) func(value) {
	return func(v value) {
		var s string
		r.text(&s)(v)
		if s != "" && !filepath.IsAbs(s) {
			s = filepath.Join(r.dir, s)
		}
		*dst = s
	}
}

// readFile reads a regular file of at most limit bytes. Others, such as named
// pipes and terminals, could keep it waiting for ever.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a directory, not a file")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is too big, at most %d bytes are read", limit)
	}
	return data, nil
}

func checkToken(data []byte) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "is empty: make a token with openssl rand -hex 32"
	}
	return ""
}

func checkAuthorities(data []byte) string {
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
	}
	return ""
}

func checkPrivateKey(data []byte) string {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
			return ""
		case "ENCRYPTED PRIVATE KEY":
			return "is encrypted: decrypt it, nobody is there to type the passphrase"
		}
	}
	return "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)"
}

// checkPair tells what is wrong with a certificate and its key together.
func checkPair(cert, key string) string {
	c, err := readFile(cert, maxPEM)
	if err != nil {
		return "" // said already
	}
	k, err := readFile(key, maxPEM)
	if err != nil {
		return ""
	}
	if _, err := tls.X509KeyPair(c, k); err != nil {
		return fmt.Sprintf("%s and %s are no pair: %v", quotePath(cert), quotePath(key), err)
	}
	return ""
}
