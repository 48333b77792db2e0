package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// host is the name under which the guard of resolveNames fetches.
const host = "jwks.test"

// resolveNames has the guard find its keys by a name that a name server of ours
// resolves. Where that is not permitted, those faults are skipped, and the others are
// tried with an address.
func resolveNames(p *patient) {
	names, err := harness.StartNameServer()
	if err != nil {
		p.t.Logf("WITHOUT the faults of DNS: %v", err)
		return
	}
	p.t.Cleanup(func() { names.Stop() })
	resolver := filepath.Join(p.guardDir, "resolv.conf")
	if err := os.WriteFile(resolver, fmt.Appendf(nil, "nameserver %s\noptions timeout:1 attempts:2\n", names.IP), 0o644); err != nil {
		p.t.Fatal(err)
	}
	// Its own view of the file system, and the name server in it.
	inside := filepath.Join(p.guardDir, "inside")
	if err := os.Mkdir(inside, 0o755); err != nil {
		p.t.Fatal(err)
	}
	script, err := harness.Wrap(inside, p.binary, "mount --bind "+resolver+" /etc/resolv.conf")
	if err == nil {
		script, err = harness.Wrap(p.guardDir, script, "exec unshare -m '"+script+"' \"$@\"")
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if said, err := harness.Command(harnesstest.Step(p.t), script, "version"); err != nil || said.Status != 0 {
		p.t.Logf("WITHOUT the faults of DNS: no view of the file system of its own: %v %s", err, said.Stderr)
		return
	}
	p.names = names
	port := p.iss[strings.LastIndexByte(p.iss, ':'):]
	p.config = harnesstest.ReplaceOnce(p.t, p.config, "    jwks:\n", "    jwks:\n      uri: https://"+host+port+devissuer.JWKSPath+"\n")
	p.issuer.SetCertificate(p.issuer.CA.Server("127.0.0.1", host))
	plain := p.binary
	p.restartAs(script)
	p.binary = plain // for commands
}

// restartAs replaces the guard by one that another program starts.
func (p *patient) restartAs(program string) {
	p.t.Helper()
	if err := p.guard.Kill(); err != nil {
		p.t.Fatal(err)
	}
	p.binary = program
	p.startGuard()
}

func unresolved(name string, mood harness.Mood, told []sign) fault {
	return fault{
		name: name,
		begin: func(p *patient) {
			if p.names == nil {
				p.t.Skip("no name server; see above")
			}
			p.names.Set(mood)
		},
		end:   func(p *patient) { p.names.Set(harness.Answering) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200", told: told, well: refetched,
	}
}

// lostWays are what happens between the guard and keys that are as they should be.
var lostWays = []fault{
	unresolved("DNS: no answer", harness.Silent, []sign{
		logs("jwks_fetch_failed", host), {"", func(p *patient) bool { return p.names.Asked() > 0 }},
	}),
	unresolved("DNS: no such name", harness.Denying, failing("network", host)),
	{
		name:  "TLS: certificate expired",
		begin: func(p *patient) { p.issuer.SetCertificate(p.issuer.CA.Expired("127.0.0.1", host)) },
		end:   (*patient).renewCertificate,
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("tls", "expired"), well: refetched,
	},
	{
		// Whoever is between the guard and the issuer lists a key of his own.
		name: "TLS: another authority's certificate",
		begin: func(p *patient) {
			p.issuer.SetCertificate(devissuer.NewCA().Server("127.0.0.1", host))
			p.issuer.Replace(p.stranger)
		},
		end: func(p *patient) {
			p.issuer.Replace(p.listed...)
			p.renewCertificate()
		},
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("tls"), well: refetched,
	},
	{
		name:  "`ca_file` is gone",
		begin: func(p *patient) { p.must(os.Remove(p.caFile())) },
		end:   func(p *patient) { p.must(p.issuer.CA.WriteFile(p.caFile())) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("tls", "jwks.ca_file"), well: refetched,
	},
	{
		name:  "`ca_file` holds something else",
		begin: func(p *patient) { p.must(os.WriteFile(p.caFile(), []byte(http.StatusText(404)), 0o644)) },
		end:   func(p *patient) { p.must(p.issuer.CA.WriteFile(p.caFile())) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("tls", "holds no certificate"), well: refetched,
	},
}

func (p *patient) renewCertificate() {
	p.issuer.SetCertificate(p.issuer.CA.Server("127.0.0.1", host))
}

func (p *patient) caFile() string { return filepath.Join(p.dir, "ca.pem") }

// must ends the test where something that is no part of it goes wrong.
func (p *patient) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
