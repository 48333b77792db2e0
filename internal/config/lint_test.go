package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quiet is a configuration without any finding.
const quiet = `state_dir: /var/lib/jwtguard
issuers:
  - issuer: https://issuer.example.com
    audiences: [payments-api]
    max_lifetime: 1h
`

const noStateRemedy = "set state_dir to a directory that outlives restarts, or write what is out of service into keys.retired and keys.revoked (jwtguard keys list --retired -o config prints the lines)"

func TestLint(t *testing.T) {
	const host = "issuer.example.com"
	closed, err := os.MkdirTemp("", "admin") // a path as short as a socket's has to be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(closed) })
	for _, tt := range []struct {
		name, text string
		want       []Finding
	}{
		{"nothing to say", quiet, nil},
		{"sockets in folders of their own", quiet + "listen:\n  grpc: unix:///run/envoy/authz.sock\n  admin: unix:///run/admin/admin.sock\n", nil},
		{"everybody may connect, but not get there", quiet + "listen:\n  socket_mode: \"0666\"\n  grpc: unix:///run/envoy/authz.sock\n  admin: unix://" + closed + "/admin.sock\n", nil},
		{
			"everybody may give orders", quiet + "listen:\n  socket_mode: \"0666\"\n  grpc: unix:///run/envoy/authz.sock\n  admin: unix:///run/admin/admin.sock\n", []Finding{
				{Warning, "admin_socket_open", "", Place{7, 16},
					"everybody on this machine may connect to unix:///run/admin/admin.sock, unless its folder keeps them out, and whoever may connect may give orders",
					"set socket_mode to \"0660\", or give the admin socket a folder of its own that only operators may enter (mode 0700)"},
			},
		},
		{
			"the admin socket where Envoy goes", quiet + "listen:\n  grpc: unix:///run/jwtguard/authz.sock\n  admin: unix:///run/jwtguard/admin.sock\n", []Finding{
				{Warning, "admin_beside_grpc", "", Place{8, 10},
					"unix:///run/jwtguard/admin.sock is in one folder with unix:///run/jwtguard/authz.sock, and both have socket_mode: who may ask for decisions may also give orders",
					"give the admin socket a folder of its own that only operators may enter"},
			},
		},
		{
			"the smallest file", smallest, []Finding{
				{Warning, "no_state_dir", "", Place{1, 1},
					"no state_dir: retirements and revocations that are not written in the configuration are forgotten at a restart",
					noStateRemedy},
				{Warning, "lifetime_unbounded", host, Place{2, 5},
					"no max_lifetime: a token may live for ever, and nobody can say when the last one of an old key is gone",
					"set max_lifetime to the longest life that the issuer gives a token"},
			},
		},
		{
			"good tokens refused", quiet + "    jwks: {max_stale: 16m34s}\n    keys: {grace: 30m, overlap: 10m}\n", []Finding{
				{Error, "max_stale_too_short", host, Place{6, 23},
					"two lost fetches outlast max_stale 16m34s: every token is refused then",
					"set jwks.max_stale to 16m35s (three intervals and a timeout) or more, or shorten jwks.interval"},
				{Error, "grace_too_short", host, Place{7, 19},
					"a withdrawn key is accepted for 40m (overlap 10m + grace 30m), but its tokens live for 1h1m (max_lifetime 1h + clock_skew 1m): good tokens are refused in every rotation",
					"set keys.grace to 51m, or have the issuer list a key for 31m after its last use and say so in keys.overlap"},
			},
		},
		{
			"just enough", quiet + "    jwks: {max_stale: 16m35s}\n    keys: {grace: 51m, overlap: 10m}\n", nil,
		},
		{"inline keys are never stale", quiet + "    jwks: {inline: {keys: []}, max_stale: 1s}\n", nil},
		{
			"help for forgers", quiet + "    keys: {grace: 1h2m1s}\n", []Finding{
				{Warning, "grace_too_long", host, Place{6, 19},
					"grace 1h2m1s outlasts every genuine token (1h2m: max_lifetime + 2 clock_skew): the rest helps only whoever forges tokens with a withdrawn key",
					"set keys.grace to 1h1m"},
			},
		},
		{
			"tokens that outlive their exp", quiet + "    clock_skew: 5m1s\n", []Finding{
				{Warning, "clock_skew_long", host, Place{6, 17},
					"clock_skew 5m1s: a token is accepted for so long after its exp, and before its nbf",
					"synchronise the clocks, and set clock_skew to 5m or less (RFC 7519: usually no more than a few minutes)"},
			},
		},
		{
			"withdrawals heard of late", quiet + "    jwks: {interval: 1h1s, max_stale: 24h1s, unknown_kid_wait: 2001ms}\n", []Finding{
				{Warning, "interval_long", host, Place{6, 22},
					"interval 1h0m1s: so long may pass until this guard hears that a key was withdrawn",
					"set jwks.interval to 1h or less: where nothing changed, a fetch costs next to nothing"},
				{Warning, "max_stale_long", host, Place{6, 39},
					"max_stale 24h0m1s: while the keys cannot be read, a key that the issuer withdraws is accepted for so long, and for its grace",
					"set jwks.max_stale to the longest outage of the issuer that its tokens must survive, 24h or less"},
				{Warning, "unknown_kid_wait_long", host, Place{6, 64},
					"unknown_kid_wait 2.001s: the shipped configuration has Envoy wait for an answer for 2s, and answer 503 then",
					"set jwks.unknown_kid_wait below the timeout of Envoy's grpc_service"},
			},
		},
		{"heard of just in time", quiet + "    jwks: {interval: 1h, max_stale: 24h, unknown_kid_wait: 2s}\n", nil},
		{"a file is heard of at once", quiet + "    jwks: {file: lint_test.go, interval: 2h, max_stale: 24h, unknown_kid_wait: 3s}\n", nil},
		{"clocks that differ by a few minutes", quiet + "    clock_skew: 5m\n", nil},
		{"grace at its most", quiet + "    keys: {grace: 1h2m}\n", nil},
		{
			"open to others", `state_dir: /var/lib/jwtguard
issuers:
  - {issuer: "http://localhost:1", audiences: ["*"], max_lifetime: 1h}
  - {issuer: "b", audiences: [x], max_lifetime: 1h, jwks: {uri: "HTTP://b.example/?secret", allow_insecure_http: true}}
policies: {default: {issuers: ["*"]}}
listen:
  admin: :9192
  grpc: [{address: "0.0.0.0:9191"}, {address: "127.0.0.1:9190"}, {address: "unix:///run/a.sock"}]
`, []Finding{
				{Warning, "plain_http", "localhost:1", Place{3, 14},
					"the keys come over plain http: whoever can answer in the issuer's place can add a key",
					"use https, with jwks.ca_file for an authority of your own"},
				{Warning, "any_audience", "localhost:1", Place{3, 47},
					"audiences is *: a token that was made for any other service is accepted here",
					"name the audiences that tokens for this service carry"},
				{Warning, "plain_http", "b", Place{4, 65},
					"the keys come over plain http: whoever can answer in the issuer's place can add a key",
					"use https, with jwks.ca_file for an authority of your own"},
				{Warning, "admin_exposed", "", Place{7, 10},
					"the admin listener :9192 can be reached from other machines",
					"listen on a loopback address or a unix socket; scrapers and probes have listen.metrics"},
				{Warning, "grpc_exposed", "", Place{8, 10},
					"the gRPC listener 0.0.0.0:9191 can be reached from other machines, and anyone may ask it about any token",
					"listen on a loopback address or a unix socket, or set listen.tls with client_ca"},
			},
		},
		{
			"remembered at a restart",
			quiet + "    keys: {activation_delay: 5m, retired: [{thumbprint: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs, at: 2026-11-01T00:00:00Z}]}\n",
			nil,
		},
		{
			"forgotten at a restart", `issuers:
  - issuer: https://issuer.example.com
    audiences: [payments-api]
    max_lifetime: 1h
    keys:
      activation_delay: 5m
      retired:
        - {kid: a, at: 2026-11-01T00:00:00Z}
        - {thumbprint: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs, at: 2026-11-01T00:00:00Z, grace: 5m}
        - {kid: b, thumbprint: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs, at: 2026-11-01T00:00:00Z, grace: 0s}
      revoked:
        - {kid: c}
`, []Finding{
				{Warning, "no_state_dir", "", Place{1, 1},
					"no state_dir: retirements and revocations that are not written in the configuration are forgotten at a restart",
					noStateRemedy},
				{Warning, "activation_delay_restarts", host, Place{6, 25},
					"activation_delay without state_dir: each restart forgets when a key was first seen, and waits again before it accepts any",
					"remove keys.activation_delay, unless each restart may wait for it"},
				{Warning, "retired_without_thumbprint", host, Place{8, 11},
					`the retired key "a" has no thumbprint: the same material may return under another kid`,
					"add its thumbprint"},
				{Warning, "retired_grace_restarts", host, Place{8, 11},
					`the retired key "a" has a grace of 1h1m, but no state_dir: after a restart this guard has never seen the key, and gives no grace`,
					"do not restart guards while the grace runs; once it is over, write grace: 0s"},
				{Warning, "retired_grace_restarts", host, Place{9, 11},
					`the retired key "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" has a grace of 5m, but no state_dir: after a restart this guard has never seen the key, and gives no grace`,
					"do not restart guards while the grace runs; once it is over, write grace: 0s"},
				{Warning, "revoked_without_thumbprint", host, Place{12, 11},
					`the revoked key "c" has no thumbprint: the same material may return under another kid`,
					"add its thumbprint"},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parse(t, tt.text).Lint()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMutualTLSOpensTheListenerToNobody(t *testing.T) {
	c := parse(t, quiet+"listen: {grpc: \":9191\"}\n")
	c.Listen.TLS = TLS{Cert: "a.crt", Key: "a.key", ClientCA: "ca.crt"}
	if diff := cmp.Diff([]Finding(nil), c.Lint()); diff != "" {
		t.Error(diff)
	}
}

func TestLintWithoutPlaces(t *testing.T) {
	c := parse(t, smallest)
	c.places = nil
	if len(c.Lint()) == 0 {
		t.Fatal("nothing is found")
	}
	for _, f := range c.Lint() {
		if f.Place != (Place{}) {
			t.Errorf("%+v", f)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Second: "1m30s", 5 * time.Minute: "5m", 10 * time.Minute: "10m",
		4 * time.Hour: "4h", 20 * time.Hour: "20h", time.Hour + 5*time.Minute + 35*time.Second: "1h5m35s",
		time.Hour + 5*time.Second: "1h0m5s", 100 * time.Minute: "1h40m", 250 * time.Millisecond: "250ms",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
		if back, err := time.ParseDuration(Span(d)); err != nil || back != d {
			t.Errorf("%v reads back as %v, %v", d, back, err)
		}
	}
}

// The guard refuses every change while others can read its token.
func TestLintOfTokenThatEverybodyCanRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		if err := os.WriteFile(file, []byte("secret-of-operators"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		found := parse(t, quiet+"admin: {token_file: "+file+"}\n").Lint()
		if len(found) != want || want > 0 && (found[0].Rule != "token_world_readable" || found[0].Place != Place{6, 21}) {
			t.Errorf("%o: %+v", mode, found)
		}
	}
}

// A JWKS in a file may be mounted later, and so its absence is no mistake.
func TestLintOfJWKSFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	there, large := filepath.Join(dir, "there.json"), filepath.Join(dir, "large.json")
	for file, size := range map[string]int{there: 512 << 10, large: 512<<10 + 1} {
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, why := range map[string]string{
		there:                           "",
		filepath.Join(dir, "none.json"): "no such file or directory",
		dir:                             "it is a directory, not a file",
		large:                           "it is too big, at most 524288 bytes are read",
	} {
		var want []Finding
		if why != "" {
			want = []Finding{{Warning, "jwks_file_unreadable", "issuer.example.com", Place{6, 18},
				`"` + file + `" cannot be read: ` + why + ": the guard starts without it, and accepts no token of this issuer until it can",
				"put the file there, unless it is mounted later, and let the guard's user read it"}}
		}
		if diff := cmp.Diff(want, parse(t, quiet+"    jwks: {file: "+file+"}\n").Lint()); diff != "" {
			t.Error(diff)
		}
	}
}

// What is short may be guessed.
func TestLintOfTokenThatIsShort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for token, want := range map[string]int{"0123456789abcdef": 0, " 0123456789abcdef\n": 0, "0123456789abcde\n": 1} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		found := parse(t, quiet+"admin: {token_file: "+file+"}\n").Lint()
		if len(found) != want || want > 0 && (found[0].Rule != "token_short" || found[0].Place != Place{6, 21}) {
			t.Errorf("%q: %+v", token, found)
		}
	}
}
