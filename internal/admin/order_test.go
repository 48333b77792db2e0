package admin

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const because = `{"reason": "rotation 7"}`

// The life of an order that nothing speaks against.
func TestRetireRevokeReinstate(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))

	a := w.order(t, "corp/old/retire", because)
	if a.Status != 200 || !a.Changed || !a.InForce || !a.Durable || a.Detail != "Tokens issued before the key was put out of service are accepted until 13:00:00Z." {
		t.Errorf("%+v", a)
	}
	if len(a.Keys) != 1 || a.Keys[0].State != "grace" || !a.Keys[0].Final || a.Keys[0].Reason != "rotation 7" || a.Keys[0].Actor != "uid:1000" {
		t.Errorf("%+v", a.Keys)
	}
	want := keyset.Order{Action: keyset.Retire, Again: true, Kid: "old", Grace: time.Hour, Reason: "rotation 7", Actor: "uid:1000"}
	if diff := cmp.Diff([]keyset.Order{want}, w.orders); diff != "" {
		t.Error(diff)
	}

	a = w.order(t, "corp/old/retire", because)
	if a.Status != 200 || a.Changed || !a.InForce || !a.Durable || a.Detail != "Nothing changed: it was so before. Tokens issued before the key was put out of service are accepted until 13:00:00Z." {
		t.Errorf("%+v", a)
	}
	a = w.order(t, "corp/old/retire", `{"reason": "sooner", "grace": "0s"}`)
	if a.Status != 200 || !a.Changed || a.Detail != "The key is out of service, since 12:00:00Z." || w.state(t, "old") != keyset.Retired {
		t.Errorf("%+v", a)
	}
	a = w.order(t, "corp/old/reinstate", `{"reason": "too early"}`)
	if a.Status != 200 || !a.Changed || a.Detail != "The key is in service again: active." || w.state(t, "old") != keyset.Active {
		t.Errorf("%+v", a)
	}
	a = w.order(t, "corp/old/revoke", `{"reason": "stolen"}`)
	if a.Status != 200 || !a.Changed || a.Detail != "The key is revoked, since 12:00:00Z." || w.state(t, "old") != keyset.Revoked {
		t.Errorf("%+v", a)
	}
	if seen := w.seen(); len(seen) > 0 {
		t.Errorf("recorded as refused: %+v", seen)
	}
}

// withdrawn is corp after it dropped the key "old" and put it out of service by
// itself; present stays.
func withdrawn(t *testing.T) IssuerKeys {
	i := corp(t, "old", "new")
	i.Set = observe(t, keyset.New(settings), at(-4*time.Hour), keyOf("old").JWK(), keyOf("new").JWK())
	i.Set = observe(t, i.Set, at(-2*time.Hour), keyOf("new").JWK())
	i.Set = observe(t, i.Set, at(-time.Minute), keyOf("new").JWK())
	return i
}

// used has a key accept a token a few seconds ago that expires later.
func used(t *testing.T, i IssuerKeys, kid string, expires time.Duration) {
	t.Helper()
	ref, ok := i.Set.Lookup(kid)
	if !ok {
		t.Fatal(kid)
	}
	ref.Allow(noon.Add(-3*time.Second), noon.Add(expires), noon.Add(-time.Minute))
}

// What an order meets, and what is said about it. A refused order changes nothing,
// and is recorded.
func TestOrdersThatAreRefused(t *testing.T) {
	first, second := devissuer.NewKey("twice", "EdDSA"), devissuer.NewKey("twice", "EdDSA")
	oldPrint, newPrint := keyOf("old").Thumbprint(), keyOf("new").Thumbprint()
	for _, tt := range []struct {
		name       string
		path, body string
		setup      func(*world)
		status     int
		reason     Reason
		want       []string // parts of the detail
		force      bool     // would do
	}{
		{name: "a kid that nobody knows", path: "odl/retire", body: because, status: 404, reason: UnknownKey,
			want: []string{`corp has no key of the kid "odl"; there are: "old", "new"; check the spelling, or send "unseen": true`}},
		{name: "force does not stand for unseen", path: "odl/retire", body: `{"reason": "x", "force": true}`, status: 404, reason: UnknownKey},
		{name: "a thumbprint that nobody knows", path: "-/revoke", body: `{"reason": "x", "thumbprint": "` + strange + `"}`, status: 404, reason: UnknownKey,
			want: []string{"no key of the thumbprint " + strange, `"unseen": true`}},
		{name: "both, and nobody knows them", path: "odl/revoke", body: `{"reason": "x", "thumbprint": "` + strange + `"}`, status: 404, reason: UnknownKey,
			want: []string{strange + ` with the kid "odl"`}},
		{name: "kid and thumbprint of two keys", path: "old/revoke", body: `{"reason": "x", "thumbprint": "` + newPrint + `"}`, status: 409, reason: MismatchedKey,
			want: []string{`the kid "old" and the thumbprint ` + newPrint + " name different keys of corp: that kid's is " + oldPrint}},
		{name: "kid of a key, and a thumbprint of none", path: "old/revoke", body: `{"reason": "x", "unseen": true, "thumbprint": "` + strange + `"}`, status: 409, reason: MismatchedKey},
		{name: "a kid of two keys", path: "twice/retire", body: because, status: 409, reason: AmbiguousKey,
			setup: func(w *world) {
				s := observe(t, keyset.New(keyset.Params{ReplaceReused: true}), at(-2*time.Hour), first.JWK())
				w.sets[0].Set = observe(t, s, at(-time.Hour), second.JWK())
			},
			want: []string{`the kid "twice" has named several keys of corp`, first.Thumbprint(), second.Thumbprint()}},
		{name: "retire the last key", path: "new/retire", body: because, status: 409, reason: LastKey, force: true,
			setup: func(w *world) { w.sets[0] = withdrawn(t) },
			want:  []string{"it is the last usable key of corp: without it, no token is accepted until the issuer lists another one; force does it all the same"}},
		{name: "retire the last key that fits", path: "old/retire", body: because, status: 409, reason: LastKey, force: true,
			setup: func(w *world) { w.sets[0].Set = w.sets[0].Set.WithParams(fitsOnly("old")) },
			want:  []string{"it is the last usable key of corp: its other active keys fit none of the issuer's algorithms, and without it, no token is accepted until the issuer lists one that does; force does"}},
		{name: "revoke the last key", path: "new/revoke", body: because, status: 409, reason: LastKey, force: true,
			setup: func(w *world) { w.sets[0] = withdrawn(t) }},
		{name: "cut off tokens in use", path: "old/retire", body: `{"reason": "x", "grace": "1h53m"}`, status: 409, reason: KeyInUse, force: true,
			setup: func(w *world) { used(t, w.sets[0], "old", 2*time.Hour+4*time.Minute) },
			want:  []string{"in use 3 s ago; tokens until 14:05:00Z, 12 min after its grace ends; a grace of 2h6m covers them; force"}},
		{name: "cut off tokens in use of a key that left", path: "old/retire", body: `{"reason": "x", "grace": "9h"}`, status: 409, reason: KeyInUse, force: true,
			setup: func(w *world) {
				w.sets[0].Set = observe(t, w.sets[0].Set, at(-10*time.Minute), keyOf("new").JWK())
				used(t, w.sets[0], "old", 20*time.Hour)
			},
			want: []string{"tokens until 2026-08-02T08:01:00Z, 20 h after its grace ends. The key was withdrawn or retired before, and an order can shorten its grace, but not lengthen it; force"}},
		{name: "both", path: "new/retire", body: because, status: 409, reason: LastKey, force: true,
			setup: func(w *world) { w.sets[0] = withdrawn(t); used(t, w.sets[0], "new", 2*time.Hour) },
			want:  []string{"last usable key", "; in use 3 s ago"}},
		{name: "reinstate a revoked key", path: "old/reinstate", body: `{"reason": "x", "force": true}`, status: 409, reason: KeyRevoked,
			setup: func(w *world) {
				w.sets[0].Set = apply(t, w.sets[0].Set, at(-time.Minute), keyset.Order{Action: keyset.Revoke, Kid: "old"})
			},
			want: []string{"a revoked key cannot be reinstated"}},
		{name: "reinstate an active key", path: "old/reinstate", body: because, status: 409, reason: KeyInService, want: []string{"the key is not out of service: it is active"}},
		{name: "reinstate a key whose own exp has passed", path: "old/reinstate", body: because, status: 409, reason: KeyInService,
			setup: func(w *world) {
				jwk := keyOf("old").JWK()
				jwk["exp"] = noon.Add(-time.Minute).Unix()
				w.sets[0].Set = observe(t, keyset.New(settings), at(-time.Hour), jwk)
			},
			want: []string{"nothing put the key out of service for ever"}},
		{name: "reinstate a key that nobody knows", path: "odl/reinstate", body: `{"reason": "x", "unseen": true}`, status: 404, reason: UnknownKey, want: []string{"cannot be reinstated"}},
		{name: "reinstate a key by a name that is not its own", path: "odl/reinstate", body: `{"reason": "x", "thumbprint": "` + oldPrint + `"}`, status: 404, reason: UnknownKey,
			setup: func(w *world) { w.sets[0] = withdrawn(t) }},
		{name: "reinstate what the configuration retires", path: "old/reinstate", body: because, status: 409, reason: KeyPinned,
			setup: func(w *world) { w.sets[0] = withdrawn(t); w.pinned["old"] = "/etc/jwtguard.yaml:17" },
			want:  []string{"/etc/jwtguard.yaml:17 retires the key: remove that line first, or write one into keys.reinstated"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			if tt.setup != nil {
				tt.setup(w)
			}
			before := w.set("corp")
			a := w.order(t, "corp/"+tt.path, tt.body)
			if a.Status != tt.status || a.Force != tt.force || a.Title == "" || a.Changed || a.InForce {
				t.Errorf("%+v", a)
			}
			for _, part := range tt.want {
				if !strings.Contains(a.Detail, part) {
					t.Errorf("%s\nlacks %s", a.Detail, part)
				}
			}
			if len(w.orders) > 0 || w.set("corp") != before {
				t.Errorf("ordered: %+v", w.orders)
			}
			want := []Refusal{{From: "uid:1000", Method: "POST", Path: "/api/v1/keys/corp/" + tt.path, Status: tt.status, Reason: tt.reason, Detail: a.Detail}}
			if diff := cmp.Diff(want, w.seen()); diff != "" {
				t.Error(diff)
			}
			if !tt.force {
				return
			}
			// With force it is done, and that is part of the order.
			body := strings.TrimSuffix(tt.body, "}") + `, "force": true}`
			if a := w.order(t, "corp/"+tt.path, body); a.Status != 200 || len(w.orders) != 1 || !w.orders[0].Forced {
				t.Errorf("with force: %+v: %+v", a, w.orders)
			}
		})
	}
}

// The facts of an objection are members, too, for programs.
func TestObjectionsNameTheirFacts(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	used(t, w.sets[0], "old", 2*time.Hour)
	a := w.order(t, "corp/old/retire", because)
	if a.LastUsed == nil || !a.LastUsed.Equal(noon.Add(-3*time.Second)) || a.UsedUntil == nil || !a.UsedUntil.Equal(noon.Add(2*time.Hour+time.Minute)) {
		t.Errorf("%+v", a)
	}
}

// Force that overrides nothing leaves no mark.
func TestNeedlessForceIsNotRecorded(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	if a := w.order(t, "corp/old/retire", `{"reason": "x", "force": true}`); a.Status != 200 || w.orders[0].Forced {
		t.Errorf("%+v: %+v", a, w.orders)
	}
}

// A retirement that covers the tokens in use needs no force, and one that was given
// before is not objected to when it is given again.
func TestTokensThatGraceCovers(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	used(t, w.sets[0], "old", 59*time.Minute)
	if a := w.order(t, "corp/old/retire", because); a.Status != 200 {
		t.Errorf("%+v", a)
	}
	used(t, w.sets[0], "old", 20*time.Hour)
	if a := w.order(t, "corp/old/retire", because); a.Status != 200 || a.Changed {
		t.Errorf("again: %+v", a)
	}
}

// A fleet is told ahead of time of a key that this guard never saw.
func TestKeysThatWereNeverSeen(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	oldPrint, another := keyOf("old").Thumbprint(), strings.Repeat("B", 42)+"A"
	for _, tt := range []struct{ path, body, detail string }{
		{"ahead/retire", `{"reason": "x", "unseen": true}`, "The key is out of service, since 12:00:00Z."},
		{"-/revoke", `{"reason": "x", "unseen": true, "thumbprint": "` + strange + `"}`, "The key is revoked, since 12:00:00Z."},
		// What was told of the kid alone may be of that very key.
		{"ahead/retire", `{"reason": "x", "unseen": true, "thumbprint": "` + another + `"}`, "The key is out of service, since 12:00:00Z."},
		{"-/reinstate", `{"reason": "x", "thumbprint": "` + another + `"}`, "There is no record of the key any more: it is trusted when the issuer lists it."},
		{"ahead/reinstate", because, "There is no record of the key any more: it is trusted when the issuer lists it."},
		// A known key by a new name needs no "unseen".
		{"renamed/retire", `{"reason": "x", "thumbprint": "` + oldPrint + `"}`,
			`Tokens issued before the key was put out of service are accepted until 13:00:00Z. It has other names, for which the same holds: "old".`},
	} {
		a := w.order(t, "corp/"+tt.path, tt.body)
		if a.Status != 200 || !a.Changed || a.Detail != tt.detail {
			t.Errorf("%s: %+v", tt.path, a)
		}
		if tt.path == "ahead/reinstate" && len(a.Keys) > 0 {
			t.Errorf("keys: %+v", a.Keys)
		}
	}
}

// Retiring one name of a key retires the key, and the answer says what went along.
func TestOtherNamesGoAlong(t *testing.T) {
	i := corp(t, "old", "new")
	alias := keyOf("old").JWK()
	alias["kid"] = "old-2"
	i.Set = observe(t, i.Set, at(-time.Minute), keyOf("old").JWK(), alias, keyOf("new").JWK())
	w := newWorld(t, i)
	a := w.order(t, "corp/old/retire", because)
	if a.Status != 200 || !strings.HasSuffix(a.Detail, ` It has other names, for which the same holds: "old-2".`) || w.state(t, "old-2") != keyset.Grace {
		t.Errorf("%+v", a)
	}
	if len(a.Keys) != 1 || a.Keys[0].Kid != "old" {
		t.Errorf("%+v", a.Keys)
	}
}

// A key that shares the RSA modulus is revoked with it, and shown.
func TestRevocationShowsWhatItTook(t *testing.T) {
	key := devissuer.SharedKey("rsa", "RS256")
	twin := key.JWK()
	twin["kid"], twin["e"] = "twin", "Aw" // 3
	i := corp(t, "new")
	i.Set = observe(t, i.Set, at(-time.Minute), keyOf("new").JWK(), key.JWK(), twin)
	w := newWorld(t, i)
	a := w.order(t, "corp/rsa/revoke", because)
	if a.Status != 200 || len(a.Keys) != 2 || a.Keys[1].Kid != "twin" || a.Keys[1].State != "revoked" || !strings.Contains(a.Detail, "It took 1 more with it") {
		t.Errorf("%+v", a)
	}
}

// A key that is reinstated while the issuer does not list it waits for that.
func TestReinstatementOfWhatIsNotListed(t *testing.T) {
	w := newWorld(t, withdrawn(t))
	a := w.order(t, "corp/old/reinstate", because)
	if a.Status != 200 || a.Detail != "The key is no longer refused for ever, and is in service when the issuer lists it again." {
		t.Errorf("%+v", a)
	}
}

// A key that is not in force yet is put out of service before it ever was.
func TestRetirementOfAPendingKey(t *testing.T) {
	jwk := keyOf("pending").JWK()
	jwk["nbf"] = noon.Add(30 * time.Minute).Unix()
	i := corp(t, "new")
	i.Set = observe(t, i.Set, at(-time.Minute), keyOf("new").JWK(), jwk)
	w := newWorld(t, i)
	if a := w.order(t, "corp/pending/retire", because); a.Status != 200 || a.Detail != "The key is pending, and out of service from 13:00:00Z on." {
		t.Errorf("%+v", a)
	}
}

// Beyond the records that an issuer may have, nothing unseen is written down.
func TestRecordsAreBounded(t *testing.T) {
	records := make([]*keyset.Key, keyset.MaxRecords)
	for n := range records {
		records[n] = &keyset.Key{Aliases: []keyset.Alias{{Kid: fmt.Sprint("k", n)}}, Final: true, RetiredAt: noon}
	}
	w := newWorld(t, IssuerKeys{Issuer: "corp", Set: keyset.Restore(at(0), records)})
	a := w.order(t, "corp/one-more/retire", `{"reason": "x", "unseen": true}`)
	if a.Status != 409 || a.Detail != "corp has 10000 records, and may have no more: a key that was never seen is refused as it is" {
		t.Errorf("%+v", a)
	}
	if a := w.order(t, "corp/missing/retire", because); a.Status != 404 || !strings.Contains(a.Detail, `"k9" and 9990 more`) {
		t.Errorf("%+v", a)
	}
}

// Of two that would take the two last keys at once, one is refused: what an order
// meets is what it is judged by.
func TestTwoOrdersCannotTakeTheLastKeysTogether(t *testing.T) {
	for range 20 {
		w := newWorld(t, corp(t, "old", "new"))
		var all sync.WaitGroup
		codes := make([]int, 2)
		for n, kid := range []string{"old", "new"} {
			all.Go(func() {
				rec := httptest.NewRecorder()
				w.api.ServeHTTP(rec, request("POST", "/api/v1/keys/corp/"+kid+"/revoke", because))
				codes[n] = rec.Code
			})
		}
		all.Wait()
		if slices.Sort(codes); !slices.Equal(codes, []int{200, 409}) {
			t.Fatalf("answers %v", codes)
		}
	}
}
