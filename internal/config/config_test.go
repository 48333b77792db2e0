package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"
)

// smallest is the least that a configuration says.
const smallest = `issuers:
  - issuer: https://issuer.example.com
    audiences: [payments-api]
`

// full says every default aloud, and nothing else.
const full = `
guard: ""
listen:
  grpc: 127.0.0.1:9191
  socket_mode: "0660"
  admin: 127.0.0.1:9192
  metrics: ":9193"
  tls: { cert: "", key: "", client_ca: "" }
  drain: 5s
state_dir: ""
ledger: { strict: false }
issuers:
  - name: issuer.example.com
    issuer: https://issuer.example.com
    audiences: [payments-api]
    algorithms: [RS256, PS256, ES256, EdDSA]
    types: [JWT, at+jwt]
    max_lifetime: 0s
    clock_skew: 60s
    optional: false
    jwks:
      uri: ""
      discovery: true
      file: ""
      interval: 5m
      timeout: 5s
      max_stale: 4h
      unknown_kid_cooldown: 30s
      unknown_kid_wait: 100ms
      ca_file: ""
      allow_insecure_http: false
    keys:
      grace: 1h
      removal_confirm: 30s
      activation_delay: 0s
      kid_reuse: refuse
      overlap: 0s
      retired: []
      revoked: []
      reinstated: []
policies:
  default:
    mode: enforce
    issuers: []
    audiences: []
    allow_missing: false
    token: { header: authorization, query: "", cookie: "", forward: true }
    claim_headers: []
    payload_header: ""
    required_scopes: []
    required_claims: {}
    realm: ""
    resource_metadata: ""
token_cache: { max_bytes: 32MiB }
admin: { token_file: "" }
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("jwtguard.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// same compares configurations but for the places in their files.
var same = cmpopts.IgnoreUnexported(Config{})

func TestDefaults(t *testing.T) {
	want := &Config{
		File: "jwtguard.yaml",
		Listen: Listen{
			GRPC:       []GRPC{{Address: Address{"tcp", "127.0.0.1:9191"}}},
			SocketMode: 0o660,
			Admin:      Address{"tcp", "127.0.0.1:9192"},
			Metrics:    Address{"tcp", ":9193"},
			Drain:      5 * time.Second,
		},
		Issuers: []Issuer{{
			Name:       "issuer.example.com",
			Issuer:     "https://issuer.example.com",
			Audiences:  []string{"payments-api"},
			Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"},
			Types:      []string{"JWT", "at+jwt"},
			ClockSkew:  time.Minute,
			JWKS: JWKS{
				Discovery:          true,
				Interval:           5 * time.Minute,
				Timeout:            5 * time.Second,
				MaxStale:           4 * time.Hour,
				UnknownKidCooldown: 30 * time.Second,
				UnknownKidWait:     100 * time.Millisecond,
			},
			Keys: Keys{
				Grace: time.Hour, RemovalConfirm: 30 * time.Second, KidReuse: "refuse",
				Retired: []Tombstone{}, Revoked: []Tombstone{}, Reinstated: []Tombstone{},
			},
		}},
		Policies: map[string]Policy{"default": {
			Mode:      "enforce",
			Issuers:   []string{"issuer.example.com"},
			Audiences: []string{}, RequiredScopes: []string{}, RequiredClaims: map[string]string{},
			Token:        Token{Header: "authorization", Forward: true},
			ClaimHeaders: []ClaimHeader{},
		}},
		TokenCache: TokenCache{MaxBytes: 33554432},
	}
	for name, text := range map[string]string{"the smallest file": smallest, "the full file": full} {
		if diff := cmp.Diff(want, parse(t, text), same); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEverythingSet(t *testing.T) {
	const thumb = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	got := parse(t, `
guard: edge-1
listen:
  grpc:
    - {address: "unix:///run/jwtguard/authz.sock", policy: payments}
    - {address: "[::1]:9191"}
  socket_mode: 0600
  admin: unix:///run/jwtguard/admin.sock
  metrics: ""
  drain: 1m30s
state_dir: /var/lib/jwtguard
ledger: {strict: true}
issuers:
  - name: corp
    issuer: https://issuer.example.com
    audiences: [payments-api, other]
    algorithms: [ES512, Ed25519]
    types: [application/at+jwt]
    max_lifetime: 10m
    clock_skew: 30s
    optional: true
    jwks:
      uri: https://keys.example.com/jwks
      interval: 1m
      timeout: 2s
      max_stale: 1h
      unknown_kid_cooldown: 10s
      unknown_kid_wait: 0
      allow_insecure_http: true
    keys:
      removal_confirm: 10s
      activation_delay: 5m
      kid_reuse: replace
      overlap: 1h
      retired:
        - {kid: old-2025, thumbprint: `+thumb+`, at: 2026-11-01T01:00:00+01:00, grace: 2h, reason: rotated}
        - {kid: older, at: "2026-11-01T00:00:00Z"}
        - {kid: oldest}
      revoked: [{thumbprint: `+thumb+`, reason: stolen}]
      reinstated: [{kid: older, at: 2026-11-02T00:00:00Z, reason: too early}]
  - name: partner
    issuer: partner
    audiences: ["*"]
    jwks: {file: partner.json}
  - issuer: Built-In
    audiences: [x]
    jwks: {inline: {keys: [{kty: OKP, crv: Ed25519, kid: "1", x: <&>, exp: 2000000000, ext: true, none: ~}]}}
policies:
  default: {issuers: [corp, partner]}
  payments:
    mode: shadow
    issuers: ["*"]
    audiences: [payments-api, x]
    allow_missing: true
    token: {header: X-Token, query: access_token, cookie: session, forward: false}
    claim_headers: [{claim: sub, header: X-JWT-Sub}]
    payload_header: X-JWT-Payload
    required_scopes: ["payments:read"]
    required_claims: {tenant: acme}
    realm: payments
    resource_metadata: https://api.example.com/.well-known/oauth-protected-resource
token_cache: {max_bytes: 0}
`)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	want := &Config{
		File:  "jwtguard.yaml",
		Guard: "edge-1",
		Listen: Listen{
			GRPC: []GRPC{
				{Address: Address{"unix", "/run/jwtguard/authz.sock"}, Policy: "payments"},
				{Address: Address{"tcp", "[::1]:9191"}},
			},
			SocketMode: 0o600,
			Admin:      Address{"unix", "/run/jwtguard/admin.sock"},
			Drain:      90 * time.Second,
		},
		StateDir: "/var/lib/jwtguard",
		Ledger:   Ledger{Strict: true},
		Issuers: []Issuer{
			{
				Name: "corp", Issuer: "https://issuer.example.com",
				Audiences: []string{"payments-api", "other"}, Algorithms: []string{"ES512", "Ed25519"}, Types: []string{"at+jwt"},
				MaxLifetime: 10 * time.Minute, ClockSkew: 30 * time.Second, Optional: true,
				JWKS: JWKS{
					URI: "https://keys.example.com/jwks", Interval: time.Minute, Timeout: 2 * time.Second,
					MaxStale: time.Hour, UnknownKidCooldown: 10 * time.Second, AllowInsecureHTTP: true,
				},
				Keys: Keys{
					// max_lifetime + clock_skew
					Grace:          10*time.Minute + 30*time.Second,
					RemovalConfirm: 10 * time.Second, ActivationDelay: 5 * time.Minute, KidReuse: "replace", Overlap: time.Hour,
					Retired: []Tombstone{
						{Kid: "old-2025", Thumbprint: thumb, At: at, Grace: 2 * time.Hour, Reason: "rotated", Line: 36},
						{Kid: "older", At: at, Grace: 10*time.Minute + 30*time.Second, Line: 37}, // the issuer's grace, from at
						{Kid: "oldest", Line: 38}, // without at there is none
					},
					Revoked:    []Tombstone{{Thumbprint: thumb, Reason: "stolen", Line: 39}},
					Reinstated: []Tombstone{{Kid: "older", At: at.AddDate(0, 0, 1), Reason: "too early", Line: 40}},
				},
			},
			defaultIssuerWith(func(i *Issuer) {
				i.Name, i.Issuer, i.Audiences = "partner", "partner", []string{"*"}
				i.JWKS.File = "partner.json"
			}),
			defaultIssuerWith(func(i *Issuer) {
				i.Name, i.Issuer, i.Audiences = "Built-In", "Built-In", []string{"x"}
				i.JWKS.Inline = []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"\u003c\u0026\u003e","exp":2000000000,"ext":true,"none":null}]}`)
			}),
		},
		Policies: map[string]Policy{
			"default": func() Policy { p := defaultPolicy(); p.Issuers = []string{"corp", "partner"}; return p }(),
			"payments": {
				Mode: "shadow", Issuers: []string{"corp", "partner", "Built-In"}, Audiences: []string{"payments-api", "x"},
				AllowMissing:   true,
				Token:          Token{Header: "x-token", Query: "access_token", Cookie: "session"},
				ClaimHeaders:   []ClaimHeader{{Claim: "sub", Header: "x-jwt-sub"}},
				PayloadHeader:  "x-jwt-payload",
				RequiredScopes: []string{"payments:read"}, RequiredClaims: map[string]string{"tenant": "acme"},
				Realm: "payments", ResourceMetadata: "https://api.example.com/.well-known/oauth-protected-resource",
			},
		},
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
	var sources []string
	for _, iss := range got.Issuers {
		sources = append(sources, iss.JWKS.Source())
	}
	if diff := cmp.Diff([]string{"uri", "file", "inline"}, sources); diff != "" {
		t.Error(diff)
	}
}

func defaultIssuerWith(change func(*Issuer)) Issuer {
	i := defaultIssuer()
	i.Keys.Grace = time.Hour
	change(&i)
	return i
}

func TestGraceSetBeatsItsDefault(t *testing.T) {
	c := parse(t, `issuers: [{issuer: "https://a.example", audiences: [a], max_lifetime: 10m, keys: {retired: [{kid: a, at: 2026-11-01T00:00:00Z}], grace: 0s}}]`)
	if k := c.Issuers[0].Keys; k.Grace != 0 || k.Retired[0].Grace != 0 {
		t.Errorf("%+v", k)
	}
}

func TestRelativePathsCountFromTheFile(t *testing.T) {
	text := `issuers: [{issuer: corp, audiences: [a], jwks: {file: keys/jwks.json}}]`
	for name, want := range map[string]string{
		"/etc/jwtguard/jwtguard.yaml": "/etc/jwtguard/keys/jwks.json",
		"jwtguard.yaml":               "keys/jwks.json",
	} {
		c, err := Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Issuers[0].JWKS.File; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestHTTPWherePermitted(t *testing.T) {
	for _, text := range []string{
		`issuers: [{issuer: "http://localhost:8080", audiences: [a]}]`,
		`issuers: [{issuer: "http://127.0.0.1:8080", audiences: [a]}]`,
		`issuers: [{issuer: "http://[::1]:8080", audiences: [a]}]`,
		`issuers: [{issuer: "http://issuer.example.com", audiences: [a], jwks: {allow_insecure_http: true}}]`,
		`issuers: [{issuer: "http://issuer.example.com", audiences: [a], jwks: {uri: "https://issuer.example.com/jwks"}}]`,
	} {
		parse(t, text)
	}
}

// Every file of testdata/mistakes has beside it what is to be said about it.
func TestEveryMistakeIsReportedAtItsPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(file)
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%v, want problems", err)
			}
			got := strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", "") + "\n"
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing.yaml"): "cannot be read: no such file or directory",
		dir:                                "cannot be read: it is a directory, not a file",
		"/dev/zero":                        "cannot be read: it is not a regular file",
		big:                                "cannot be read: it is too big, at most 1048576 bytes are read",
	} {
		_, err := Load(path)
		if err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s: %s", err, path, want)
		}
	}
	for text, want := range map[string]string{
		strings.Repeat("x", maxFile+1):                                          "the file is too big: 1048577 bytes, at most 1048576 are read",
		"{" + strings.Repeat("a,", 50_000) + "}" + strings.Repeat("\n", 50_001): "the file is too big: 100001 lines and commas, at most 100000 are read",
	} {
		_, err := Parse("jwtguard.yaml", []byte(text))
		if want = "jwtguard.yaml:1:1: " + want; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestMistakesAreBounded(t *testing.T) {
	_, err := Parse("jwtguard.yaml", []byte(smallest+strings.Repeat("\"unknown\\n\\e[31m\u202e"+strings.Repeat("x", 200)+"\": 1\n", 1)+unknownKeys(149)))
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	if len(problems.List) != 100 || !problems.More {
		t.Errorf("%d listed, more: %v", len(problems.List), problems.More)
	}
	lines := strings.Split(err.Error(), "\n")
	if want := `jwtguard.yaml:4:1: unknown key "unknown\n\x1b[31m\u202e` + strings.Repeat("x", 46) + `…": known here: `; !strings.HasPrefix(lines[0], want) {
		t.Errorf("first line: %s, want %s", lines[0], want)
	}
	if want := "jwtguard.yaml: and more mistakes"; lines[len(lines)-1] != want {
		t.Errorf("last line: %s, want %s", lines[len(lines)-1], want)
	}
}

func unknownKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "unknown%d: 1\n", i)
	}
	return b.String()
}

func TestTooMuchOfAGoodThing(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"retired keys": {
			`issuers: [{issuer: corp, audiences: [a], jwks: {file: a}, keys: {retired: [` + strings.Repeat("{kid: a},", 10_001) + `]}}]`,
			"issuers[0].keys.retired: has 10001 items, at most 10000: remove those whose tokens have all expired",
		},
		"inline keys": {
			`issuers: [{issuer: corp, audiences: [a], jwks: {inline: {keys: [], x: ` + strings.Repeat("x", 512<<10) + `}}}]`,
			"issuers[0].jwks.inline: is 524306 bytes long, a JWKS document has at most 524288: name fewer keys",
		},
		"a name": {
			`issuers: [{name: ` + strings.Repeat("x", 129) + `, issuer: corp, audiences: [a], jwks: {file: a}}]`,
			"issuers[0].name: must have at most 128 characters",
		},
		"an unknown key": {
			smallest + strings.Repeat("x", 256) + ": 1",
			`unknown key "` + strings.Repeat("x", 60) + `…": known here: guard, listen, state_dir, ledger, issuers, policies, token_cache, admin`,
		},
		"a key": {
			smallest + "policies: {" + strings.Repeat("x", 257) + ": {mode: not even read}}",
			`policies: the key "` + strings.Repeat("x", 60) + `…" is 257 bytes long, at most 256: choose a shorter one`,
		},
		"issuers": {
			manyIssuers(4097) + "policies: {default: {issuers: [x]}}",
			"issuers: has 4097 items, at most 4096: configure the others in a guard of their own",
		},
		"policies": {
			smallest + "listen: {grpc: [{address: \"127.0.0.1:1\", policy: p}]}\npolicies:\n" + manyPolicies(1025),
			"policies: has 1025 items, at most 1024: let routes share policies",
		},
		"issuers of policies": {
			manyIssuers(1024) + "policies:\n  default: {issuers: [i0]}\n" + manyPolicies(258),
			"policies.p255.issuers: the policies down to here take tokens of 262145 issuers in sum, at most 262144: name fewer issuers, or give some policies a guard of their own",
		},
		"audiences": {
			"issuers: [{issuer: corp, jwks: {file: a}, audiences: [" + strings.Repeat("a,", 257) + "]}]",
			"issuers[0].audiences: has 257 items, at most 256: remove some",
		},
		"scopes": {
			smallest + "policies: {default: {required_scopes: [" + strings.Repeat("a,", 257) + "]}}",
			"policies.default.required_scopes: has 257 items, at most 256: remove some",
		},
		"claims": {
			smallest + "policies: {default: {required_claims: {" + strings.Repeat("a: b,", 257) + "}}}",
			"policies.default.required_claims: has 257 items, at most 256: remove some",
		},
		"listeners": {
			smallest + "listen: {grpc: [" + strings.Repeat("{},", 65) + "]}",
			"listen.grpc: has 65 items, at most 64: let proxies share listeners",
		},
		"claim headers": {
			smallest + "policies: {default: {claim_headers: [" + strings.Repeat("{},", 17) + "]}}",
			"policies.default.claim_headers: has 17 items, at most 16: use payload_header if the upstream needs more",
		},
		"reinstated keys": {
			`issuers: [{issuer: corp, audiences: [a], jwks: {file: a}, keys: {reinstated: [` + strings.Repeat("{},", 257) + `]}}]`,
			"issuers[0].keys.reinstated: has 257 items, at most 256: remove the lines together with the retirements that they undo",
		},
	} {
		_, err := Parse("jwtguard.yaml", []byte(tt.text))
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasSuffix(err.Error(), ": "+tt.want) {
			t.Errorf("%s: %.500v, want %s", name, err, tt.want)
		}
	}
}

func manyIssuers(n int) string {
	var b strings.Builder
	b.WriteString("issuers:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {issuer: \"https://i%d\", audiences: [x]}\n", i)
	}
	return b.String()
}

func manyPolicies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  p%d: {issuers: [\"*\"]}\n", i)
	}
	return b.String()
}

func TestAsManyAsPermitted(t *testing.T) {
	c := parse(t, manyIssuers(1024)+"policies:\n  default: {issuers: [\"*\"]}\n"+manyPolicies(255))
	if len(c.Issuers) != 1024 || len(c.Policies) != 256 || len(c.Policies["p254"].Issuers) != 1024 {
		t.Errorf("%d issuers, %d policies", len(c.Issuers), len(c.Policies))
	}
	c = parse(t, manyIssuers(4096)+"policies:\n  default: {issuers: [\"*\"]}\n")
	if len(c.Policies[DefaultPolicy].Issuers) != 4096 {
		t.Errorf("%d issuers", len(c.Policies[DefaultPolicy].Issuers))
	}
}

// Names that nobody has are compared with all that somebody has a few times, and
// listed a few.
func TestManyUnknownNames(t *testing.T) {
	var names strings.Builder
	for i := range 200 {
		fmt.Fprintf(&names, "i%dx,", i) // near to i0 to i29
	}
	_, err := Parse("jwtguard.yaml", []byte(manyIssuers(30)+"policies: {default: {issuers: ["+strings.TrimSuffix(names.String(), ",")+"]}}"))
	var problems *Problems
	if !errors.As(err, &problems) || len(problems.List) != 100 || !problems.More {
		t.Fatalf("%.500v", err)
	}
	for i, want := range map[int]string{
		0:  `no issuer called "i0x": did you mean i0?`,
		9:  `no issuer called "i9x": did you mean i9?`,
		10: `no issuer called "i10x": known here: i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15, i16, i17, i18, i19 and 10 more`,
	} {
		if !strings.Contains(problems.List[i].Message, want) {
			t.Errorf("%d: %s, want %s", i, problems.List[i].Message, want)
		}
	}
}

// Each item's path repeats the keys above it: only short ones are remembered, and
// a mistake below has the place of the nearest that is.
func TestLongPathsAreNotRemembered(t *testing.T) {
	deep := strings.Repeat(strings.Repeat("k", 255)+": {", 20) + "x: [1]" + strings.Repeat("}", 20)
	_, err := Parse("jwtguard.yaml", []byte("issuers: [{issuer: a, audiences: [x], jwks: {inline: {keys: [],\n y: {"+deep+"}}}}]"))
	if err == nil || !strings.HasPrefix(err.Error(), "jwtguard.yaml:2:263: issuers[0].jwks.inline.y.kkk") || !strings.HasSuffix(err.Error(), `.x[0]: is read as the number 1: write it in quotes, "1"`) {
		t.Errorf("%.100v", err)
	}
	r := reader{places: places{}}
	r.child(&yaml.Node{}, strings.Repeat("p", maxPlaced))
	r.child(&yaml.Node{}, strings.Repeat("p", maxPlaced+1))
	if len(r.places) != 1 {
		t.Errorf("%d places", len(r.places))
	}
}

// Aliases could stand for gigabytes; they are refused before anything is expanded.
func TestAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i)
	}
	start := time.Now()
	_, err := Parse("jwtguard.yaml", []byte(b.String()))
	if err == nil || !strings.HasPrefix(err.Error(), "jwtguard.yaml:1:5: the anchor &a0 is not supported") {
		t.Errorf("%.200v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
}
