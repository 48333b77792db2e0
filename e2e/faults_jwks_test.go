package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// What JWKS endpoints do, other than answering. None of it says anything about keys:
// what was trusted is trusted on, up to max_stale.

var refetched = []sign{logs("jwks_fetched")}

// served is a fault of the issuer's that costs users nothing.
func served(name string, f devissuer.Fault, result string, words ...string) fault {
	return fault{
		name:  name,
		begin: func(p *patient) { p.issuer.Fail(devissuer.JWKSPath, f) },
		end:   (*patient).healIssuer,
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing(result, words...), well: refetched,
	}
}

func (p *patient) healIssuer() { p.issuer.Heal() }

var unreachableKeys = []fault{
	{
		name:  "JWKS: connection refused",
		begin: func(p *patient) { p.issuer.Close() },
		end:   (*patient).restartIssuer,
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("network", "refused"), well: refetched,
	},
	served("JWKS: 503", devissuer.StatusFault(http.StatusServiceUnavailable), "http_status"),
	served("JWKS: 404", devissuer.StatusFault(http.StatusNotFound), "http_status"),
	served("JWKS: no answer in time", devissuer.Fault{Delay: time.Minute}, "timeout"),
	served("JWKS: a byte at a time", devissuer.Fault{Drip: 100 * time.Millisecond}, "timeout"),
	flapping,
}

var wrongKeys = []fault{
	served("JWKS: garbage", devissuer.BodyFault("\x00\xff{{{"), "malformed"),
	served("JWKS: `{}`", devissuer.BodyFault("{}"), "malformed"),
	served("JWKS: a sign-in page", devissuer.HTMLFault(), "malformed"),
	served("JWKS: half of it", devissuer.Fault{Truncate: true}, "network"),
	served("JWKS: 8 MiB", devissuer.Fault{Flood: 8 << 20}, "too_large"),
	{
		name: "metadata of another issuer",
		begin: func(p *patient) {
			p.issuer.Fail(devissuer.JWKSPath, devissuer.StatusFault(http.StatusNotFound))
			p.issuer.SetDocument("/theirs.json", devissuer.Document(p.stranger.JWK()))
			p.issuer.Fail(devissuer.DiscoveryPath, devissuer.BodyFault(fmt.Sprintf(
				`{"issuer": "https://other.example", "jwks_uri": "%s/theirs.json"}`, p.iss)))
		},
		end:   (*patient).healIssuer,
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: failing("malformed", "it is the metadata of issuer"), well: refetched,
	},
	{
		// Over verified TLS, a document without a key is its withdrawal: tokens that
		// were issued before pass for its grace, and later ones do not.
		name: "JWKS: our kid, somebody else's key",
		begin: func(p *patient) {
			p.early = p.of(p.key)
			p.issuer.Replace(p.stranger.Renamed(p.key.KID), p.retired, p.revoked)
		},
		end:   func(p *patient) { p.issuer.Replace(p.listed...) },
		users: []int{200, 401}, settled: 401, reason: "issued_after_withdrawal", ready: "200",
		told: []sign{
			logs("anomaly", `"anomaly":"kid_reused"`),
			rises(`jwtguard_key_anomalies_total{issuer="corp",type="kid_reused"}`),
		},
		well: []sign{logs("anomaly", `"anomaly":"removal_reverted"`)},
		meanwhile: func(p *patient) {
			p.expect("issued before the withdrawal", p.early, http.StatusOK, "ok", "grace")
		},
	},
}

// agingKeys come of a guard that may use them for 5 s after its last fetch.
var agingKeys = []fault{
	{
		name:  "JWKS: down for longer than `max_stale`",
		begin: func(p *patient) { p.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true}) },
		end:   (*patient).healIssuer,
		users: []int{200, 503}, settled: 503, reason: "keys_stale", ready: "200",
		told: append(failing("network"), metered("`jwtguard_jwks_stale_timestamp_seconds` has passed",
			`jwtguard_jwks_stale_timestamp_seconds{issuer="corp"}`,
			func(v float64) bool { return v < float64(time.Now().Unix()) })),
		well: refetched,
	},
	paused,
}

// flapping is a CDN of two edges, which have the documents before and after a
// rotation. Nobody can tell which is which, and so all keys of both are good.
var flapping = fault{
	name: "JWKS: two edges that disagree",
	begin: func(p *patient) {
		before, after := devissuer.SharedKey("edge-before", "ES256"), devissuer.SharedKey("edge-after", "ES256")
		document := func(k *devissuer.Key) devissuer.Fault {
			return devissuer.BodyFault(string(devissuer.Document(p.key.JWK(), k.JWK(), p.retired.JWK(), p.revoked.JWK())))
		}
		p.edges = []*devissuer.Key{before, after}
		for range 100 {
			p.issuer.FailNext(devissuer.JWKSPath, document(before), document(after))
		}
	},
	end: func(p *patient) {
		p.issuer.Publish(p.edges[1])
		p.issuer.Heal()
	},
	users: []int{200}, settled: 200, reason: "ok", ready: "200",
	told: []sign{logs("key_left", `"kid":"edge-before"`), logs("key_returned", `"kid":"edge-before"`)},
	well: []sign{fetches},
	meanwhile: func(p *patient) {
		for range 20 {
			for _, k := range p.edges {
				p.expect("a key that one edge lists", p.of(k), http.StatusOK, "ok", "active")
			}
			time.Sleep(100 * time.Millisecond)
		}
	},
}

// restartIssuer has the issuer come back where it was.
func (p *patient) restartIssuer() {
	p.t.Helper()
	address := strings.TrimPrefix(p.iss, "https://")
	p.until("the issuer's port is free", func() bool {
		// Meanwhile, it may be the near end of somebody's connection.
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
	s, err := devissuer.StartAt(p.issuer.CA, address)
	if err != nil {
		p.t.Fatal(err)
	}
	s.Publish(p.listed...)
	p.issuer = s
}
