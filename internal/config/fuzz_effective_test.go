package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is accepted is the same configuration when everything that is in force is
// written out: no default depends on another one unseen, and nothing that was read
// would be refused as a value.
func FuzzEffective(f *testing.F) {
	seedConfigurations(f)
	for _, text := range []string{
		"guard: g\n" + quiet + "listen: {grpc: [{address: \"unix:/a//b\", policy: p}, {address: \":0\"}], socket_mode: \"600\", admin: \"\", metrics: \"\"}\npolicies: {p: {issuers: [\"*\"]}}",
		quiet + "    keys: {grace: 90m, retired: [{kid: a, at: 2026-11-01T02:00:00+02:00}, {kid: b, at: 2026-11-01T00:00:00Z, grace: 0s}], revoked: [{kid: \"\u2028\"}], reinstated: [{kid: a, at: 2026-11-02T00:00:00Z, reason: x}]}",
		quiet + "    types: [application/JWT, AT+jwt]\n    jwks: {inline: {keys: [{kty: EC, nbf: 1, \"a<b\": [true, {}]}]}}\npolicies: {default: {token: {header: \"\", cookie: c}, required_claims: {a: \"1\"}}}",
		quiet + "token_cache: {max_bytes: 0}\npolicies: {default: {token: {header: X-T, forward: false}, claim_headers: [{claim: sub, header: X-Sub}], payload_header: X-P}}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("/etc/jwtguard/jwtguard.yaml", data)
		if err != nil {
			return
		}
		text, err := json.Marshal(written(c))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("/etc/jwtguard/jwtguard.yaml", text)
		if err != nil {
			t.Fatalf("%v\nin %s\nof %q", err, text, data)
		}
		if diff := cmp.Diff(c, again, sameSettings); diff != "" {
			t.Fatalf("%s\nin %s\nof %q", diff, text, data)
		}
		if before, after := rules(c), rules(again); !slices.Equal(before, after) {
			t.Fatalf("lint finds %q, and then %q\nin %s\nof %q", before, after, text, data)
		}
	})
}

// sameSettings compares configurations, but for where things stand in the file.
var sameSettings = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Tombstone{}, "Line"),
}

// rules are those that the lint finds broken, with what it says of them. They come in
// the order of their places.
func rules(c *Config) (all []string) {
	for _, f := range c.Lint() {
		all = append(all, fmt.Sprint(f.Severity, f.Rule, f.Issuer, f.Message, f.Remedy))
	}
	slices.Sort(all)
	return all
}

type mapping = map[string]any

// written is a configuration with every key that has a value.
func written(c *Config) mapping {
	m := mapping{
		"guard": c.Guard, "state_dir": c.StateDir, "ledger": mapping{"strict": c.Ledger.Strict},
		"token_cache": mapping{"max_bytes": fmt.Sprintf("%dB", c.TokenCache.MaxBytes)},
		"admin":       mapping{"token_file": c.Admin.TokenFile},
	}
	grpc := []mapping{}
	for _, g := range c.Listen.GRPC {
		grpc = append(grpc, mapping{"address": g.Address.String(), "policy": g.Policy})
	}
	m["listen"] = mapping{
		"grpc": grpc, "socket_mode": fmt.Sprintf("%04o", c.Listen.SocketMode), "drain": c.Listen.Drain.String(),
		"admin": c.Listen.Admin.String(), "metrics": c.Listen.Metrics.String(),
		"tls": mapping{"cert": c.Listen.TLS.Cert, "key": c.Listen.TLS.Key, "client_ca": c.Listen.TLS.ClientCA},
	}
	issuers := []mapping{}
	for _, i := range c.Issuers {
		issuers = append(issuers, writtenIssuer(i))
	}
	m["issuers"] = issuers
	policies := mapping{}
	for name, p := range c.Policies {
		policies[name] = writtenPolicy(p)
	}
	m["policies"] = policies
	return m
}

func writtenIssuer(i Issuer) mapping {
	j, k := i.JWKS, i.Keys
	jwks := mapping{
		"interval": j.Interval.String(), "timeout": j.Timeout.String(), "max_stale": j.MaxStale.String(),
		"unknown_kid_cooldown": j.UnknownKidCooldown.String(), "unknown_kid_wait": j.UnknownKidWait.String(),
		"ca_file": j.CAFile, "allow_insecure_http": j.AllowInsecureHTTP,
	}
	jwks[j.Source()] = map[string]any{"uri": j.URI, "discovery": j.Discovery, "file": j.File, "inline": json.RawMessage(j.Inline)}[j.Source()]
	return mapping{
		"name": i.Name, "issuer": i.Issuer, "audiences": i.Audiences, "algorithms": i.Algorithms, "types": i.Types,
		"max_lifetime": i.MaxLifetime.String(), "clock_skew": i.ClockSkew.String(), "optional": i.Optional, "jwks": jwks,
		"keys": mapping{
			"grace": k.Grace.String(), "removal_confirm": k.RemovalConfirm.String(), "activation_delay": k.ActivationDelay.String(),
			"kid_reuse": k.KidReuse, "overlap": k.Overlap.String(),
			"retired": writtenTombstones(k.Retired, true), "revoked": writtenTombstones(k.Revoked, false), "reinstated": writtenTombstones(k.Reinstated, false),
		},
	}
}

func writtenTombstones(lines []Tombstone, graceful bool) []mapping {
	all := []mapping{}
	for _, t := range lines {
		m := mapping{"kid": t.Kid, "thumbprint": t.Thumbprint, "reason": t.Reason}
		if !t.At.IsZero() {
			m["at"] = t.At.Format(time.RFC3339Nano)
		}
		if graceful && !t.At.IsZero() {
			m["grace"] = t.Grace.String()
		}
		all = append(all, m)
	}
	return all
}

func writtenPolicy(p Policy) mapping {
	headers := []mapping{}
	for _, h := range p.ClaimHeaders {
		headers = append(headers, mapping{"claim": h.Claim, "header": h.Header})
	}
	required := p.RequiredClaims
	if required == nil {
		required = map[string]string{} // null would be no value
	}
	return mapping{
		"mode": p.Mode, "issuers": p.Issuers, "audiences": append([]string{}, p.Audiences...), "allow_missing": p.AllowMissing,
		"token":         mapping{"header": p.Token.Header, "query": p.Token.Query, "cookie": p.Token.Cookie, "forward": p.Token.Forward},
		"claim_headers": headers, "payload_header": p.PayloadHeader, "required_scopes": append([]string{}, p.RequiredScopes...),
		"required_claims": required, "realm": p.Realm, "resource_metadata": p.ResourceMetadata,
	}
}
