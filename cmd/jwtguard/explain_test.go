package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// explained is what the command did.
type explained struct {
	status         int
	stdout, stderr string
}

// explain runs the command on the world's configuration.
func (w *world) explain(stdin string, args ...string) explained {
	w.t.Helper()
	var out, errs bytes.Buffer
	status := run(append([]string{"explain", "-c", w.file}, args...), strings.NewReader(stdin), &out, &errs)
	return explained{status, out.String(), errs.String()}
}

// says wants an exit status and all of these in what was printed.
func (e explained) says(t *testing.T, status int, parts ...string) {
	t.Helper()
	if e.status != status {
		t.Errorf("exit status %d, want %d", e.status, status)
	}
	for _, p := range parts {
		if !strings.Contains(e.stdout+e.stderr, p) {
			t.Errorf("%q is not said", p)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", e.stdout, e.stderr)
	}
}

// alone is a configuration without an admin listener: no guard is asked.
func (w *world) alone(issuer string, more ...string) string {
	return "listen: {admin: \"\"}\nissuers:\n" + issuer + strings.Join(more, "")
}

// at is the instant of the tests that print times.
const at = "2026-11-01T12:00:00Z"

func atClaims(more devissuer.Claims) devissuer.Claims {
	noon, _ := time.Parse(time.RFC3339, at)
	return devissuer.Claims{"iat": noon.Add(-time.Minute).Unix(), "nbf": nil, "exp": noon.Add(30 * time.Minute).Unix()}.With(more)
}

func TestExplainTellsAnEngineerWhatHappensAndWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.issuer.Publish(devissuer.SharedKey("2026-12", "ES256"))
	w.issuer.PublishJWK(devissuer.JWK{"kty": "oct", "kid": "symmetric", "k": "AAAA"})
	w.write(w.alone(w.corp("")))
	for name, c := range map[string]struct {
		token  string
		status int
		want   string
	}{
		"accepted": {w.tokenOf(w.key, atClaims(nil)), 0, `ACCEPTED: ok
signed by the key "2026-11", which is active; expires at 2026-11-01T12:30:00Z (in 30m)

policy default, issuer corp, judged at 2026-11-01T12:00:00Z

  ok    2-4   read the token                       NNN characters, a compact JWS with two JSON objects
  ok    5     issuer                               "ISSUER" is the issuer corp
  ok    6     algorithm and type                   alg ES256, typ "JWT"
  ok    7     find the key                         kid "2026-11" is the key with thumbprint
                                                   THUMBPRINT
  ok    8     state of the key                     active (NIST SP 800-57: active)
  ok    9     signature                            ES256 signature is valid
  ok    10    times and audience                   exp 2026-11-01T12:30:00Z (in 30m0s), iat
                                                   2026-11-01T11:59:00Z, lifetime 31m0s, aud ["api"]
  ok    11    issued before the withdrawal         the key is not in grace: does not apply
  ok    12    proof of possession, scopes, claims  no cnf; the policy requires no scopes or claims

key            kid "2026-11", thumbprint THUMBPRINT, active
issuer's JWKS  lists 2 keys: "2026-11", "2026-12"; not used: "symmetric" (symmetric)
what to do     Nothing. If requests with this token are refused all the same, look at the reason in Envoy's
               access log: the request may carry another token or several, and its route may name another
               policy (--policy).
`},
		"refused": {w.tokenOf(devissuer.SharedKey("2026-10", "ES256"), atClaims(nil)), 1, `REFUSED: kid_unknown
kid "2026-10" is not in the issuer's key set

policy default, issuer corp, judged at 2026-11-01T12:00:00Z

  ok    2-4   read the token                       NNN characters, a compact JWS with two JSON objects
  ok    5     issuer                               "ISSUER" is the issuer corp
  ok    6     algorithm and type                   alg ES256, typ "JWT"
  STOP  7     find the key                         kid "2026-10" is not in the issuer's key set
  -     8-12  all further steps                    not reached

issuer's JWKS  lists 2 keys: "2026-11", "2026-12"; not used: "symmetric" (symmetric)
what to do     The issuer does not list this key: compare its kids above. If the issuer has just begun to sign
               with it, it publishes too late: jwtguard check says how long before its first use a key must be
               listed. If the token is old, its key is gone, and the client needs a new token.
`},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.explain(c.token, "--at", at)
			got := strings.NewReplacer(w.issuer.URL, "ISSUER", w.key.Thumbprint(), "THUMBPRINT").Replace(e.stdout)
			got = regexp.MustCompile(`\d+ characters`).ReplaceAllString(got, "NNN characters")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if e.status != c.status || e.stderr != "" {
				t.Errorf("status %d, stderr %q", e.status, e.stderr)
			}
		})
	}
}

// Each refusal that a token can meet is told with its reason and a remedy, within
// the width of a terminal, and without the token.
func TestExplainTellsEachRefusal(t *testing.T) {
	w := newWorld(t)
	var (
		old      = devissuer.SharedKey("old", "ES256")
		stolen   = devissuer.SharedKey("stolen", "ES256")
		rsa      = devissuer.SharedKey("rsa", "RS256")
		early    = devissuer.SharedKey("early", "ES256")
		now      = time.Now()
		down     = w.newIssuer()
		earlyJWK = early.JWK()
	)
	earlyJWK["nbf"] = now.Add(time.Hour).Unix()
	down.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
	w.write(w.alone(
		w.fixed(", keys: {retired: [{kid: old, reason: rotated}], revoked: [{kid: stolen}]}", old.JWK(), stolen.JWK(), rsa.JWK(), earlyJWK)+
			w.entry("down", down, ""),
		"policies: {default: {issuers: [corp, down]}, strict: {issuers: [corp], required_scopes: [pay]}, named: {issuers: [corp], required_claims: {tenant: a}}}\n"))

	usual := func(more devissuer.Claims) string { return w.tokenOf(w.key, more) }
	head := func(h devissuer.Header) string { return w.key.TokenWith(h, w.claims()) }
	good := w.token()
	told := map[verify.Reason]bool{}
	for _, c := range []struct {
		reason verify.Reason
		token  string
		policy string
		says   string
	}{
		{verify.TokenTooLarge, usual(devissuer.Claims{"x": strings.Repeat("x", 9000)}), "", "at most 8192"},
		{verify.TokenMalformed, strings.Replace(good, ".", "..", 1), "", "3 dots"},
		{verify.HeaderForbidden, head(devissuer.Header{"jwk": devissuer.Null}), "", "jwk"},
		{verify.ClaimMissing, usual(devissuer.Claims{"exp": nil}), "", "exp is missing"},
		{verify.ClaimInvalid, usual(devissuer.Claims{"exp": "soon"}), "", "whole seconds"},
		{verify.IssuerUnknown, usual(devissuer.Claims{"iss": w.issuer.URL + "/"}), "", "which is not an issuer of the policy"},
		{verify.AlgNotAllowed, head(devissuer.Header{"alg": "none"}), "", "none"},
		{verify.TypNotAllowed, head(devissuer.Header{"typ": "dpop+jwt"}), "", "dpop+jwt"},
		{verify.KidMissing, head(devissuer.Header{"kid": nil}), "", "kid is missing"},
		{verify.KidUnknown, w.tokenOf(devissuer.SharedKey("other", "ES256"), nil), "", `lists 5 keys: "stolen" (revoked), "old" (retired), "2026-11", "rsa", "early" (pending)`},
		{verify.KeysUnavailable, usual(devissuer.Claims{"iss": down.URL}), "", "answered 503"},
		{verify.KeyPending, w.tokenOf(early, nil), "", "not to be used before"},
		{verify.KeyRetired, w.tokenOf(old, nil), "", "rotated"},
		{verify.KeyRevoked, w.tokenOf(stolen, nil), "", "revoked"},
		{verify.AlgMismatch, w.key.TokenWith(devissuer.Header{"kid": "rsa"}, w.claims()), "", "the key's is RS256"},
		{verify.SignatureInvalid, devissuer.NewKey("2026-11", "ES256").Token(w.claims()), "", "signature"},
		{verify.TokenExpired, usual(devissuer.Claims{"exp": now.Add(-63 * time.Second).Unix()}), "", "ago; clock_skew allows 1m"},
		{verify.TokenNotYetValid, usual(devissuer.Claims{"nbf": now.Add(5 * time.Minute).Unix()}), "", "clock_skew allows 1m"},
		{verify.IssuedInFuture, usual(devissuer.Claims{"iat": now.Add(5 * time.Minute).Unix()}), "", "clock_skew allows 1m"},
		{verify.LifetimeTooLong, usual(devissuer.Claims{"exp": now.Add(2 * time.Hour).Unix()}), "", "max_lifetime"},
		{verify.AudienceMismatch, usual(devissuer.Claims{"aud": "other"}), "", `aud is ["other"]`},
		{verify.PopRequired, usual(devissuer.Claims{"cnf": map[string]string{"jkt": "x"}}), "", "cnf"},
		{verify.ScopeInsufficient, good, "strict", `scope "pay" is missing`},
		{verify.ClaimMismatch, good, "named", "tenant"},
	} {
		t.Run(string(c.reason), func(t *testing.T) {
			told[c.reason] = true
			policy := "default"
			if c.policy != "" {
				policy = c.policy
			}
			e := w.explain(c.token, "--policy", policy)
			e.says(t, 1, "REFUSED: "+string(c.reason)+"\n", c.says, "what to do     ")
			if e.stderr != "" {
				t.Errorf("on stderr: %s", e.stderr)
			}
			for line := range strings.Lines(e.stdout) {
				if len(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("wider than %d columns: %s", width, line)
				}
			}
			if parts := strings.Split(c.token, "."); len(parts) == 3 && parts[2] != "" && strings.Contains(e.stdout, parts[2]) {
				t.Error("the signature is printed")
			}
		})
	}
	for _, r := range verify.Reasons() {
		notOfATokenAlone := slices.Contains([]verify.Reason{
			verify.MissingAllowed, verify.PolicyUnknown, verify.TokenMissing, verify.MultipleCredentials, verify.Overloaded, verify.InternalError,
		}, r)
		if !notOfATokenAlone && advice[r] == "" {
			t.Errorf("%s: there is no advice", r)
		}
		// The last two need keys that were fetched before now.
		if !notOfATokenAlone && !told[r] && !slices.Contains([]verify.Reason{verify.OK, verify.KeysStale, verify.IssuedAfterWithdrawal}, r) {
			t.Errorf("%s: no token of this test meets it", r)
		}
	}
}

func TestExplainJudgesAtAnotherInstant(t *testing.T) {
	w := newWorld(t)
	old := devissuer.SharedKey("old", "ES256")
	now := time.Now().Truncate(time.Second)
	w.write(w.alone(w.fixed(", keys: {retired: [{kid: old, at: "+now.Add(-24*time.Hour).UTC().Format(time.RFC3339)+", grace: 0s}]}", old.JWK())))
	claims := func(issued time.Time) devissuer.Claims {
		return devissuer.Claims{"iat": issued.Unix(), "nbf": issued.Unix(), "exp": issued.Add(30 * time.Minute).Unix()}
	}
	yesterday := now.Add(-25 * time.Hour)
	for _, c := range []struct {
		token  string
		at     time.Time
		reason string
	}{
		{w.token(), now, "ACCEPTED: ok"},
		{w.token(), now.Add(-time.Hour), "REFUSED: token_not_yet_valid"},
		{w.token(), now.Add(time.Hour), "REFUSED: token_expired"},
		{w.token(), now.AddDate(50, 0, 0), "REFUSED: token_expired"},
		{w.tokenOf(old, claims(yesterday)), yesterday, "ACCEPTED: ok"},
		{w.tokenOf(old, claims(yesterday)), now.Add(-24 * time.Hour), "REFUSED: key_retired"},
	} {
		e := w.explain(c.token, "--at", c.at.Format(time.RFC3339))
		if first, _, _ := strings.Cut(e.stdout, "\n"); first != c.reason || !strings.Contains(e.stdout, "judged at "+c.at.UTC().Format(time.RFC3339)) {
			t.Errorf("at %s: %s, want %s:\n%s", c.at, first, c.reason, e.stdout)
		}
	}
}

func TestExplainSaysThatSkewAloneLetsATokenPass(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.fixed("")))
	e := w.explain(w.tokenOf(w.key, atClaims(devissuer.Claims{"exp": atClaims(nil)["exp"].(int64) - 1803})), "--at", at)
	e.says(t, 0, "ACCEPTED: ok", "expired at 2026-11-01T11:59:57Z (3s ago), which clock_skew (1m)")
}

// What explain cannot know, when a key was first listed, must not look like a
// fault of the key.
func TestExplainDoesNotTakeEveryKeyForNew(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.corp(", keys: {activation_delay: 10m}")))
	w.explain(w.token()).says(t, 0, "ACCEPTED: ok")
}

func TestExplainTakesTheTokenAsPeoplePasteIt(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.fixed("")))
	token := w.token()
	for name, c := range map[string]struct {
		stdin  string
		status int
		says   string
	}{
		"bare":                     {token, 0, "ACCEPTED: ok"},
		"line end":                 {token + "\r\n", 0, "ACCEPTED: ok"},
		"scheme":                   {"Bearer " + token + "\n", 0, "ACCEPTED: ok"},
		"scheme in another case":   {"bEARER  " + token, 0, "ACCEPTED: ok"},
		"header":                   {"Authorization: Bearer " + token, 0, "ACCEPTED: ok"},
		"header in another case":   {"authorization:bearer " + token, 0, "ACCEPTED: ok"},
		"nothing":                  {"", 2, "jwtguard explain: standard input: no token; pipe it in"},
		"space":                    {" \n\t ", 2, "no token"},
		"a header without a token": {"Authorization: ", 2, "no token"},
		"another header":           {"Cookie: " + token, 1, "token_malformed"},
		"quoted":                   {`"` + token + `"`, 1, "token_malformed"},
		"two":                      {token + "\n" + token, 1, "token_malformed"},
		"binary":                   {"\x00\x1b[2J\xff\xfe.\x9b2J.\x07", 1, "token_malformed"},
		"a megabyte":               {strings.Repeat("A", 1<<20), 1, "token_too_large"},
		"endless":                  {strings.Repeat("A", 1<<22), 2, "more than 1048576 bytes; one token is expected"},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.explain(c.stdin)
			e.says(t, c.status, c.says)
			mustBePlain(t, e.stdout+e.stderr)
			if strings.Contains(e.stdout+e.stderr, strings.Split(token, ".")[2]) {
				t.Error("the signature is printed")
			}
		})
	}
}

// mustBePlain wants nothing that a terminal could obey.
func mustBePlain(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && (r < 0x20 || r >= 0x7f) {
			t.Errorf("character %U at byte %d: %q", r, i, text[max(0, i-20):min(len(text), i+20)])
			return
		}
	}
}

func TestExplainNeverPassesOnWhatATerminalObeys(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202e\u2066\U000E0001\r\nREFUSED: ok\x7f"
	w := newWorld(t)
	named := devissuer.NewKey(evil, "ES256")
	listener, err := net.Listen("unix", w.path("admin.sock"))
	w.must(err)
	// What answers there may be anybody.
	other := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(rw).Encode(map[string]string{"state": "active", "reason": evil})
	})}
	defer other.Close()
	go other.Serve(listener)
	w.write(w.listen() + "issuers:\n" + w.fixed("", named.JWK(), devissuer.JWK{"kty": evil, "kid": evil + "2"}) +
		"policies: {default: {required_claims: {tenant: a}}}\n")
	for name, token := range map[string]string{
		"kid of an unknown key": w.key.TokenWith(devissuer.Header{"kid": evil + "3"}, w.claims()),
		"kid of a key":          w.tokenOf(named, nil),
		"iss":                   w.tokenOf(w.key, devissuer.Claims{"iss": evil}),
		"aud":                   w.tokenOf(w.key, devissuer.Claims{"aud": []string{evil, evil}}),
		"typ":                   w.key.TokenWith(devissuer.Header{"typ": evil}, w.claims()),
		"alg":                   w.key.TokenWith(devissuer.Header{"alg": evil}, w.claims()),
		"a name twice":          devissuer.Join([]byte(`{"\u001b[2J":1,"\u001b[2J":1}`), []byte("{}"), nil),
		"not JSON":              devissuer.Join([]byte("{\x1b[2J"), []byte("{}"), nil),
	} {
		for _, flag := range []string{"--json", "--json=false"} {
			t.Run(name+" "+flag, func(t *testing.T) {
				e := w.explain(token, flag)
				if e.status != 1 || e.stderr != "" {
					t.Errorf("status %d, stderr %q", e.status, e.stderr)
				}
				mustBePlain(t, e.stdout)
				if n := strings.Count(e.stdout, "\nREFUSED"); n != 0 {
					t.Errorf("a value begins a line: %s", e.stdout)
				}
				if flag == "--json" {
					object(t, e.stdout)
				}
			})
		}
	}
}

func TestExplainForMachines(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.fixed(""), "policies: {default: {mode: shadow}}\n"))
	e := w.explain(w.tokenOf(w.key, atClaims(devissuer.Claims{"aud": "other"})), "--at", at, "--json")
	got := object(t, e.stdout)
	steps := got["steps"].([]any)
	last := steps[len(steps)-3].(map[string]any)
	delete(got, "steps")
	want := map[string]any{
		"decision": "shadow_deny", "reason": "audience_mismatch", "detail": `aud is ["other"], ours are [api]`,
		"at": at, "policy": "default", "issuer": "corp", "kid": "2026-11", "thumbprint": w.key.Thumbprint(), "key_state": "active",
		"fetch": `lists 1 key: "2026-11"`, "advice": advice[verify.AudienceMismatch],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"step": "10", "name": "times and audience", "outcome": "stopped", "note": want["detail"]}, last); diff != "" {
		t.Error(diff)
	}
	if e.status != 1 {
		t.Errorf("status %d", e.status)
	}
}

// A token that stops before any key is needed makes no fetch.
func TestExplainAsksTheIssuerOnlyIfItMust(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.corp("")))
	w.explain(w.key.TokenWith(devissuer.Header{"alg": "none"}, w.claims())).says(t, 1, "alg_not_allowed")
	if n := w.issuer.Count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestExplainYieldsToTheRunningGuard(t *testing.T) {
	w := newWorld(t)
	next := devissuer.SharedKey("next", "ES256")
	w.issuer.Publish(next)
	g := w.startReady(strings.Replace(w.config(), "max_lifetime: 1h", "max_lifetime: 1h, keys: {retired: [{kid: next, reason: rotated}]}", 1))
	w.write(w.config("policies: {default: {}, shadowed: {mode: shadow}}\n"))
	g.event(0, `"msg":"config_reloaded"`, "the file changed")

	t.Run("a key retired there, still listed", func(t *testing.T) {
		w.explain(w.tokenOf(next, nil)).says(t, 1, "REFUSED: key_retired\nthe running guard has the key as retired, out of service since ",
			`reason "rotated"`, "the steps are by the keys that the issuer lists now, which alone would give: ok")
		w.explain(w.tokenOf(next, nil), "--policy", "shadowed").says(t, 1, "WOULD BE REFUSED: key_retired")
	})
	t.Run("at another instant the present state says nothing", func(t *testing.T) {
		w.explain(w.tokenOf(next, nil), "--at", time.Now().Format(time.RFC3339)).says(t, 0, "ACCEPTED: ok", "running guard  has the key as retired")
	})
	t.Run("a key that it knows as well", func(t *testing.T) {
		w.explain(w.token()).says(t, 0, "ACCEPTED: ok", "running guard  has the key as active")
	})
	t.Run("a key that it has not met", func(t *testing.T) {
		newest := devissuer.SharedKey("newest", "ES256")
		w.issuer.Publish(newest)
		defer w.issuer.Withdraw("newest")
		w.explain(w.tokenOf(newest, nil)).says(t, 0, "ACCEPTED: ok", "running guard  does not know this kid", "has not fetched this key yet")
	})
	w.issuer.Withdraw("next")
	t.Run("a key retired there, no longer listed", func(t *testing.T) {
		w.explain(w.tokenOf(next, nil)).says(t, 1, "REFUSED: key_retired\n", "which alone would give: kid_unknown")
	})
	w.issuer.Fail(devissuer.JWKSPath, devissuer.HTMLFault())
	t.Run("the issuer is down, the guard has its keys", func(t *testing.T) {
		w.explain(w.token()).says(t, 1, "NOT DECIDED: keys_unavailable for a guard that starts now; the one that runs still has the key (active)",
			"looks like a web page", "Envoy's access log")
	})
	t.Run("the issuer is down, the key is retired there", func(t *testing.T) {
		w.explain(w.tokenOf(next, nil)).says(t, 1, "REFUSED: key_retired\n")
	})
	w.must(g.stop())
	w.issuer.Heal()
	t.Run("it is gone", func(t *testing.T) {
		w.explain(w.token()).says(t, 0, "ACCEPTED: ok", "running guard  none answers at unix://")
	})
	w.write("state_dir: " + w.path("state") + "\n" + w.config())
	t.Run("it is gone, and may have known better", func(t *testing.T) {
		w.explain(w.token()).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard may know better, and does not answer",
			"running guard  none answers at unix://", "its state_dir alone")
		w.explain("x").says(t, 1, "REFUSED: token_malformed")
	})
}

// A key in grace is listed like any other one, or not at all: the running guard alone
// knows that it is in grace, and since when.
func TestExplainJudgesAKeyInGraceAsTheRunningGuardDoes(t *testing.T) {
	w := newWorld(t)
	next := devissuer.SharedKey("next", "ES256")
	w.issuer.Publish(next)
	g := w.startReady(w.config())
	// Not at a full second, to either side of which the difference of two clocks would
	// take it.
	ordered := time.Now().Add(-10 * time.Minute).Truncate(time.Second).Add(time.Second / 2).UTC()
	line := fmt.Sprintf("max_lifetime: 1h, keys: {retired: [{kid: next, at: %s, grace: 1h}]}", ordered.Format(time.RFC3339Nano))
	withLine := strings.Replace(w.config(), "max_lifetime: 1h", line, 1)
	w.write(withLine)
	if said := g.reload(); !strings.Contains(said, "config_reloaded") {
		t.Fatal(said)
	}
	w.write(w.config()) // as after an order, which stands in no file
	if said := g.reload(); !strings.Contains(said, "config_reloaded") {
		t.Fatal(said)
	}

	issued := func(after time.Duration) string {
		iat := ordered.Add(after)
		return w.tokenOf(next, devissuer.Claims{"iat": iat.Unix(), "nbf": iat.Unix()})
	}
	old, within, late := issued(-time.Second), issued(time.Minute), issued(61*time.Second)
	forged := devissuer.NewKey("next", "ES256").Token(w.claims())
	since, until := ordered.Format(time.RFC3339), ordered.Add(time.Hour).Format(time.RFC3339)
	judge := func(token string, reason verify.Reason, first string, says ...string) {
		t.Helper()
		g.envoy().gets(token, string(reason))
		status := 1
		if strings.HasPrefix(first, "ACCEPTED") {
			status = 0
		}
		w.explain(token).says(t, status, append(says, first+"\n")...)
	}
	state := "8     state of the key                     grace (NIST SP 800-57: deactivated), withdrawn at\n" +
		strings.Repeat(" ", noteColumn) + since + ", accepted until " + until
	judge(old, verify.OK, "ACCEPTED: ok", state, "which is grace", "in grace since "+since)
	judge(within, verify.OK, "ACCEPTED: ok", state, "is within clock_skew of")
	judge(late, verify.IssuedAfterWithdrawal, "REFUSED: issued_after_withdrawal", state,
		"the state of the key is the running guard's; for one that starts now it would be: ok", "keys reinstate")
	judge(forged, verify.SignatureInvalid, "REFUSED: signature_invalid", state)

	t.Run("the configuration has the order, too", func(t *testing.T) {
		w.write(withLine)
		w.explain(old).says(t, 0, "ACCEPTED: ok", state, "for one that starts now it would be: key_retired")
		w.explain(late).says(t, 1, "REFUSED: issued_after_withdrawal")
		w.write(w.config())
	})
	t.Run("at another instant the present state says nothing", func(t *testing.T) {
		w.explain(late, "--at", time.Now().Format(time.RFC3339)).says(t, 0, "ACCEPTED: ok", "running guard  has the key as grace")
	})
	w.issuer.Withdraw("next")
	t.Run("it is no longer listed", func(t *testing.T) {
		judge(old, verify.OK, "NOT DECIDED: kid_unknown for a guard that starts now; the one that runs still has the key (grace)")
		judge(within, verify.OK, "NOT DECIDED: kid_unknown for a guard that starts now; the one that runs still has the key (grace)")
		judge(late, verify.IssuedAfterWithdrawal, "REFUSED: issued_after_withdrawal",
			"in grace since "+since, "cannot be judged here", "which alone would give: kid_unknown")
	})
}

// The issuer answers here, and not where the guard runs: requests get 503, whatever is
// found here.
func TestExplainKnowsThatTheGuardCannotFetch(t *testing.T) {
	w := newWorld(t)
	elsewhere := strings.Replace(w.config(), "ca_file: ca.pem", "ca_file: ca.pem, uri: \"https://127.0.0.1:1/jwks.json\"", 1)
	g := w.start(elsewhere)
	g.event(0, "jwks_fetch_failed")
	w.write(w.config()) // and nobody reloads
	g.envoy().gets(w.token(), string(verify.KeysUnavailable))
	w.explain(w.token()).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs cannot use the issuer's keys, and answers keys_unavailable\n",
		"running guard  does not know this kid; it has never fetched the issuer's keys", "Requests get 503 until the running guard can fetch", "jwks_fetch_failed")
	w.explain(w.tokenOf(w.key, devissuer.Claims{"exp": 1})).says(t, 1, "REFUSED: token_expired")
}

// What a guard leaves open is never an acceptance.
func TestExplainAcceptsNothingThatTheGuardMayRefuse(t *testing.T) {
	w := newWorld(t)
	config := w.listen() + "issuers:\n" + w.fixed("")
	w.write(config)
	status, kind, answer := 0, "", ""
	readiness := `{"issuers": [{"issuer": "corp", "usable": true}]}`
	listener, err := net.Listen("unix", w.path("admin.sock"))
	w.must(err)
	other := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			fmt.Fprint(rw, readiness)
			return
		}
		rw.Header().Set("Content-Type", kind)
		rw.WriteHeader(status)
		fmt.Fprint(rw, answer)
	})}
	defer other.Close()
	go other.Serve(listener)
	ours := `"thumbprint": "` + w.key.Thumbprint() + `"`
	for _, c := range []struct {
		status       int
		kind, answer string
		exit         int
		says         string
	}{
		{200, "application/json", `{"state": "active", ` + ours + `}`, 0, "ACCEPTED: ok"},
		{200, "application/json", `{"state": "active", "thumbprint": "other"}`, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs has another key by this kid"},
		{200, "application/json", `{"state": "grace", "grace_from": "2000-01-01T00:00:00Z", "thumbprint": "other"}`, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs has another key by this kid"},
		{200, "application/json", `{"state": "grace", ` + ours + `}`, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs has the key in grace, and does not say since when"},
		{200, "application/json", `{"state": "grace", "grace_from": "2000-01-01T00:00:00Z", ` + ours + `}`, 1, "REFUSED: issued_after_withdrawal"},
		// Its lifecycle time may be behind: it says grace, and so it is.
		{200, "application/json", `{"state": "grace", "grace_from": "9999-01-01T00:00:00Z", "retires_at": "2000-01-01T00:00:00Z", ` + ours + `}`, 0, "ACCEPTED: ok"},
		{409, "application/problem+json", `{"title": "Several keys"}`, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs has known several keys by this kid"},
		{409, "application/json", `{}`, 1, "answers 409"},
		{404, "application/problem+json", `{"title": "No such key"}`, 0, "running guard  does not know this kid"},
		{404, "application/json", `{"title": "No such key"}`, 1, "answers 404"},
		{404, "application/problem+json", `{"title": "No such issuer", "issuers": ["other"]}`, 1, "answers 404"},
		{404, "application/problem+json", `{"title": "Not found"}`, 1, "answers 404"}, // the port for metrics
		{400, "application/problem+json", `{"title": "Bad request"}`, 1, "answers 400"},
		{401, "application/problem+json", `{"title": "Unauthorized"}`, 1, "answers 401"},
		{503, "application/problem+json", `{"title": "Busy"}`, 1, "answers 503"},
	} {
		status, kind, answer = c.status, c.kind, c.answer
		w.explain(w.token()).says(t, c.exit, c.says)
	}
	status, kind, answer = 200, "application/json", `{"state": "active", `+ours+`}`
	for said, says := range map[string]string{
		`{"issuers": [{"issuer": "corp", "state": "stale", "last_success": "2026-01-02T03:04:05Z"}]}`: "answers keys_stale",
		`{"issuers": [{"issuer": "corp", "state": "never_fetched"}]}`:                                 "answers keys_unavailable",
		`{"issuers": [{"issuer": "other", "state": "never_fetched"}, {"issuer": "corp"}]}`:            "",
		`{"issuers": [{"issuer": "corp", "state": "no_active_key"}]}`:                                 "",
		`{"issuers": {`: "",
	} {
		readiness = said
		if says == "" {
			w.explain(w.token()).says(t, 0, "ACCEPTED: ok")
			continue
		}
		w.explain(w.token()).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs cannot use the issuer's keys, and "+says+"\n")
	}
	w.write("state_dir: " + w.path("state") + "\n" + config)
	for _, status = range []int{200, 500} {
		answer = ""
		w.explain(w.token()).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard may know better, and does not answer")
	}
}

func TestExplainKnowsAGuardFromAnotherServer(t *testing.T) {
	w := newWorld(t)
	w.write(w.listen() + "issuers:\n" + w.fixed(""))
	answer := ""
	status := http.StatusOK
	listener, err := net.Listen("unix", w.path("admin.sock"))
	w.must(err)
	other := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", "http://192.0.2.1/")
		rw.WriteHeader(status)
		fmt.Fprint(rw, answer)
	})}
	defer other.Close()
	go other.Serve(listener)
	for _, c := range []struct {
		status int
		answer string
		says   string
	}{
		{200, "<html>", "not as a guard does"},
		{200, "{}", "not as a guard does"},
		{200, `{"state":"active\u001b[2J\nREFUSED"}`, "not as a guard does"},
		{200, `{"state":"` + strings.Repeat("x", 1<<20), "not as a guard does"},
		{302, "", "answers 302"},
		{404, "<html>", "answers 404"},
		{500, "", "answers 500"},
	} {
		status, answer = c.status, c.answer
		w.explain(w.token()).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard may know better, and does not answer", c.says)
	}
}

// In a path of the admin API the kid - stands for none.
func TestExplainAsksByThumbprintForAKidThatIsADash(t *testing.T) {
	w := newWorld(t)
	dash := devissuer.NewKey(noKid, "ES256")
	w.issuer.Publish(dash)
	g := w.startReady(w.config())
	token := w.tokenOf(dash, nil)
	g.envoy().gets(token, string(verify.OK))
	w.explain(token).says(t, 0, "ACCEPTED: ok", "running guard  has the key as active")
	w.keys("revoke", "corp", noKid, "--thumbprint", dash.Thumbprint(), "--reason", "leaked").says(t, 0, "revoked: in force")
	g.envoy().gets(token, string(verify.KeyRevoked))
	w.explain(token).says(t, 1, "REFUSED: key_revoked\nthe running guard has the key as revoked", `reason "leaked"`)

	t.Run("one that it has not met", func(t *testing.T) {
		newest := devissuer.NewKey(noKid, "ES256")
		w.issuer.Withdraw(noKid)
		w.issuer.Publish(newest)
		w.explain(w.tokenOf(newest, nil)).says(t, 0, "ACCEPTED: ok", "running guard  does not know this kid")
	})
	t.Run("one that is not listed", func(t *testing.T) {
		w.issuer.Withdraw(noKid)
		w.explain(token).says(t, 1, "REFUSED: kid_unknown\n", "running guard  is not asked: it tells of the kid - by thumbprint alone")
	})
}

// A key of two names is told of by the newest, which may be in service where the other
// one is not.
func TestExplainTakesNoOtherNameForADash(t *testing.T) {
	w := newWorld(t)
	dash := devissuer.NewKey(noKid, "ES256")
	named := dash.JWK()
	named["kid"] = "named"
	config := w.listen() + "issuers:\n" + w.fixed("", dash.JWK(), named)
	w.startReady(config)
	w.explain(w.tokenOf(dash, nil)).says(t, 1, "NOT DECIDED: ok by what the issuer lists now; the guard that runs has the key by another kid\n")
}

// A guard remembers orders in its memory, without a state_dir: only where none runs do
// the issuer's keys decide.
func TestExplainWithoutAnAnswer(t *testing.T) {
	const silent = "NOT DECIDED: ok by what the issuer lists now; the guard may know better, and does not answer"
	w := newWorld(t)
	w.write(w.listen() + "issuers:\n" + w.fixed(""))
	w.explain(w.token()).says(t, 0, "ACCEPTED: ok", "running guard  none answers at unix://") // there is no socket

	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path("admin.sock"), Net: "unix"})
	w.must(err)
	listener.SetUnlinkOnClose(false)
	w.explain(w.token()).says(t, 1, silent, "running guard  gives no answer at unix://", "context deadline exceeded", "its state_dir alone")
	w.explain(w.tokenOf(w.key, devissuer.Claims{"exp": 1})).says(t, 1, "REFUSED: token_expired")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	w.explain(w.token()).says(t, 1, silent, "running guard  gives no answer at unix://")
	w.must(listener.Close())
	w.explain(w.token()).says(t, 0, "ACCEPTED: ok", "running guard  none answers at unix://") // it is refused

	w.must(os.Remove(w.path("admin.sock")))
	w.must(os.Symlink("admin.sock", w.path("admin.sock")))
	w.explain(w.token()).says(t, 1, silent, "too many levels of symbolic links") // it cannot be seen who listens
}

func TestExplainUsage(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.fixed("")))
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"help":                   {[]string{"--help"}, 0, explainUsage},
		"no file":                {nil, 2, "jwtguard explain: no configuration given: add -c FILE\n\n" + synopsis(explainUsage)},
		"a file that is missing": {[]string{"-c", w.path("none")}, 2, w.path("none") + ": cannot be read: no such file or directory\n"},
		"an unknown flag":        {[]string{"-c", w.file, "--token", "x"}, 2, "flag provided but not defined: -token"},
		"a token among the args": {[]string{"-c", w.file, "SECRET"}, 2, "the token is read from standard input"},
		"an unknown policy":      {[]string{"-c", w.file, "--policy", "x"}, 2, "--policy \"x\": the configuration has default\n"},
		"a time of another form": {[]string{"-c", w.file, "--at", "yesterday"}, 2, "--at \"yesterday\": write a time as in 2026-11-01T12:00:00Z\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(append([]string{"explain"}, c.args...), strings.NewReader(w.token()), &out, &errs)
			e := explained{status, out.String(), errs.String()}
			e.says(t, c.status, c.says)
			if strings.Contains(e.stderr, "SECRET") || c.status == 2 && e.stdout != "" || c.status == 0 && e.stderr != "" {
				t.Errorf("stdout %q, stderr %q", e.stdout, e.stderr)
			}
		})
	}
}

func TestExplainIsNotDoneIfNobodyCouldReadIt(t *testing.T) {
	w := newWorld(t)
	w.write(w.alone(w.fixed("")))
	var errs bytes.Buffer
	if status := run([]string{"explain", "-c", w.file}, strings.NewReader(w.token()), closedPipe{}, &errs); status != exitUsage {
		t.Errorf("status %d", status)
	}
	if !strings.Contains(errs.String(), "write the explanation: ") {
		t.Errorf("stderr %q", errs.String())
	}
}
