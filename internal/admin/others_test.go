package admin

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Distrust crosses issuers, and so a revocation can take the last key of another
// one: that needs force, and the answer names it.
func TestRevocationThatLeavesAnotherIssuerWithoutAKey(t *testing.T) {
	corp := observe(t, keyset.New(keyset.Params{}), at(-time.Hour), keyOf("shared").JWK(), keyOf("own").JWK())
	pay := observe(t, keyset.New(keyset.Params{}), at(-time.Hour), keyOf("shared").Renamed("theirs").JWK())
	rich := observe(t, keyset.New(keyset.Params{}), at(-time.Hour), keyOf("shared").JWK(), keyOf("spare").JWK())
	w := newWorld(t, IssuerKeys{Issuer: "corp", Set: corp}, IssuerKeys{Issuer: "pay", Set: pay}, IssuerKeys{Issuer: "rich", Set: rich})
	send := func(action, body string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		w.api.ServeHTTP(r, request("POST", "/api/v1/keys/corp/shared/"+action, body))
		return r
	}
	if r := send("revoke", `{"reason": "leak"}`); r.Code != 409 || !strings.Contains(r.Body.String(), "last usable key of pay, and a revoked key is refused under every issuer; it is a key of rich, too; force") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if len(w.orders) != 0 {
		t.Errorf("%+v", w.orders)
	}
	if r := send("revoke", `{"reason": "leak", "force": true}`); r.Code != 200 || len(w.orders) != 1 || !w.orders[0].Forced {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	// Another key that no token of that issuer can be of leaves it without one, too.
	mixed := observe(t, keyset.New(fitsOnly("theirs")), at(-time.Hour), keyOf("shared").Renamed("theirs").JWK(), keyOf("spare").JWK())
	w = newWorld(t, IssuerKeys{Issuer: "corp", Set: corp}, IssuerKeys{Issuer: "mixed", Set: mixed})
	if r := send("revoke", `{"reason": "leak"}`); r.Code != 409 || !strings.Contains(r.Body.String(), "last usable key of mixed, and") || len(w.orders) != 0 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	// A retirement concerns the issuer alone.
	w = newWorld(t, IssuerKeys{Issuer: "corp", Set: corp}, IssuerKeys{Issuer: "pay", Set: pay})
	if r := send("retire", `{"reason": "planned"}`); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// Any issuer can list another one's public key. Who revokes it there learns whose key
// it was besides; that alone is no objection.
func TestRevocationNamesTheOtherIssuersThatItHits(t *testing.T) {
	set := func(keys ...devissuer.JWK) *keyset.Set {
		return observe(t, keyset.New(keyset.Params{}), at(-time.Hour), keys...)
	}
	spare, shared := keyOf("spare").JWK(), keyOf("shared")
	w := newWorld(t,
		IssuerKeys{Issuer: "corp", Set: set(shared.JWK(), spare)},
		IssuerKeys{Issuer: "victim", Set: set(shared.Renamed("theirs").JWK(), spare)},
		IssuerKeys{Issuer: "stranger", Set: set(spare)},
		IssuerKeys{Issuer: "warned", Set: apply(t, set(shared.JWK(), spare), at(-time.Minute), keyset.Order{Action: keyset.Revoke, Kid: "shared", Reason: "leak"})},
	)
	const hit = "It was a key of victim, too, and is revoked there with it."
	a := w.order(t, "corp/shared/revoke", `{"reason": "leak"}`)
	if a.Status != 200 || !cmp.Equal(a.OtherIssuers, []string{"victim"}) || !strings.Contains(a.Detail, hit) || len(a.Keys) != 1 {
		t.Errorf("%+v", a)
	}
	// A retirement is the issuer's own affair, and so is a key of which nobody else
	// has the material.
	for path, body := range map[string]string{"victim/theirs/retire": `{"reason": "planned"}`, "corp/never/revoke": `{"reason": "leak", "unseen": true}`} {
		if a := w.order(t, path, body); a.Status != 200 || a.OtherIssuers != nil || strings.Contains(a.Detail, ", too") {
			t.Errorf("%s: %+v", path, a)
		}
	}
}

// slow is a reader that has taken so many bytes and then no more.
type slow struct {
	*httptest.ResponseRecorder
	room, largest int
}

func (s *slow) Write(b []byte) (int, error) {
	s.largest = max(s.largest, len(b))
	if s.room -= len(b); s.room < 0 {
		return 0, fmt.Errorf("gone")
	}
	return s.ResponseRecorder.Write(b)
}

// The list is not made in memory: there may be ten thousand keys an issuer, and
// dozens of readers that take their time.
func TestListIsWrittenRowByRow(t *testing.T) {
	set := keyset.New(keyset.Params{})
	for i := range 1000 {
		set = apply(t, set, at(0), keyset.Order{Action: keyset.Retire, Kid: fmt.Sprint("k", i), Reason: "old"})
	}
	w := newWorld(t, IssuerKeys{Issuer: "corp", Set: set})
	s := &slow{ResponseRecorder: httptest.NewRecorder(), room: 10_000}
	w.api.ServeHTTP(s, request("GET", "/api/v1/keys", ""))
	if n := s.Body.Len(); n > 10_000 || n < 5_000 || s.largest > 1000 {
		t.Errorf("%d bytes, %d at once", n, s.largest)
	}
}

// What would let the tokens pass is told to machines, too; but not where that
// would leave the issuer without a key all the same.
func TestGraceThatWouldDo(t *testing.T) {
	for kids, want := range map[string]string{"old new": `"grace_would_do": "32m"`, "old": ""} {
		set := corp(t, strings.Fields(kids)...)
		k, _ := set.Set.Lookup("old")
		k.Allow(at(-time.Second).Life, at(30*time.Minute).Wall, at(-time.Minute).Wall)
		w := newWorld(t, set)
		r := httptest.NewRecorder()
		w.api.ServeHTTP(r, request("POST", "/api/v1/keys/corp/old/retire", `{"reason": "r", "grace": "0s"}`))
		if r.Code != 409 || strings.Contains(r.Body.String(), "grace_would_do") != (want != "") || !strings.Contains(r.Body.String(), want) {
			t.Errorf("%s: %d %s", kids, r.Code, r.Body)
		}
	}
}
