package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// trust is what a guard is configured with. The zero value of each setting is the
// guard's own default.
type trust struct {
	issuers  []*devissuer.Issuer
	interval func(issuer int) time.Duration // of refreshes
	policies int                            // for cold tokens, besides the default one
	uncached bool                           // without the token cache
	retired  int                            // lines about keys out of service, of all issuers together
	tcp      string                         // host:port of a second listener
}

// config is the configuration of a guard at a post.
func (p post) config(t trust, ca string) string {
	var c strings.Builder
	grpc := "unix://" + p.authz
	if t.tcp != "" {
		grpc = fmt.Sprintf("[{ address: %s }, { address: %s }]", grpc, t.tcp)
	}
	fmt.Fprintf(&c, "listen:\n  grpc: %s\n  admin: unix://%s\n  metrics: %s\n  drain: 0s\n", grpc, p.admin, p.metrics)
	if p.state != "" {
		fmt.Fprintf(&c, "state_dir: %s\n", p.state)
	}
	if t.uncached {
		c.WriteString("token_cache: { max_bytes: 0 }\n")
	}
	c.WriteString("issuers:\n")
	for i, issuer := range t.issuers {
		interval := ""
		if t.interval != nil {
			every := t.interval(i)
			interval = fmt.Sprintf(", interval: %s, max_stale: %s", every, max(4*time.Hour, 4*every))
		}
		fmt.Fprintf(&c, "  - name: %s\n    issuer: %s\n    audiences: [%s]\n    max_lifetime: 2h\n    jwks: { ca_file: %s, uri: %s%s }\n",
			issuerName(i), issuer.URL, audience, ca, issuer.JWKSURI(), interval)
		// As short as can be: a configuration file has at most 1 MiB.
		if n := t.retired / len(t.issuers); n > 0 {
			c.WriteString("    keys:\n      retired:\n")
			for range n {
				fmt.Fprintf(&c, "      - {thumbprint: %s, at: 2026-01-01T00:00:00Z}\n", anyThumbprint())
			}
		}
	}
	c.WriteString("policies:\n")
	for i := -1; i < t.policies; i++ {
		name := "default"
		if i >= 0 {
			name = coldPolicy(i)
		}
		fmt.Fprintf(&c, "  %s:\n    issuers: [\"*\"]\n    claim_headers: [{ claim: sub, header: x-jwt-sub }]\n", name)
	}
	return c.String()
}

func issuerName(i int) string { return fmt.Sprintf("issuer-%d", i) }

// anyThumbprint is one of a key that nobody has.
func anyThumbprint() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
