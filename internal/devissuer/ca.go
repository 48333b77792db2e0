package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

// A CA is a certificate authority made at run time.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// clockSlack is how far a certificate's validity begins in the past and ends
// in the future: no test runs longer, and fake clocks begin in 2000.
const clockSlack = 50 * 365 * 24 * time.Hour

// NewCA makes an authority with a key of its own.
func NewCA() *CA {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := template("devissuer test CA", time.Now().Add(clockSlack))
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign
	der := must(x509.CreateCertificate(rand.Reader, t, t, key.Public(), key))
	return &CA{cert: must(x509.ParseCertificate(der)), key: key}
}

// PEM is the authority's certificate, as ca_file takes it.
func (c *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// WriteFile writes the PEM to a file.
func (c *CA) WriteFile(path string) error {
	return os.WriteFile(path, c.PEM(), 0o644)
}

// Pool holds this authority alone.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// Server is a server's certificate for DNS names and IP addresses.
func (c *CA) Server(names ...string) tls.Certificate {
	return c.issue(time.Now().Add(clockSlack), x509.ExtKeyUsageServerAuth, names)
}

// Client is a client's certificate for DNS names.
func (c *CA) Client(names ...string) tls.Certificate {
	return c.issue(time.Now().Add(clockSlack), x509.ExtKeyUsageClientAuth, names)
}

// Expired is a server's certificate that ended an hour ago.
func (c *CA) Expired(names ...string) tls.Certificate {
	return c.issue(time.Now().Add(-time.Hour), x509.ExtKeyUsageServerAuth, names)
}

func (c *CA) issue(until time.Time, usage x509.ExtKeyUsage, names []string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := template("devissuer", until)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der := must(x509.CreateCertificate(rand.Reader, t, c.cert, key.Public(), c.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// KeyPairPEM is a certificate and its private key as the files of a listener
// hold them.
func KeyPairPEM(c tls.Certificate) (cert, key []byte) {
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	der := must(x509.MarshalPKCS8PrivateKey(c.PrivateKey))
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func template(name string, until time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-clockSlack),
		NotAfter:     until,
	}
}
