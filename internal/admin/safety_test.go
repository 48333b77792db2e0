package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// What is missing for a yes is said, and since when it will be there.
func TestSafeToRetireGivesItsReasons(t *testing.T) {
	fresh := func(i *IssuerKeys) {
		i.Set = observe(t, i.Set, at(-time.Minute), keyOf("old").JWK(), keyOf("new").JWK())
	}
	const (
		listed    = "the issuer's keys were fetched at 2026-08-01T11:59:00Z, less than two intervals ago"
		followed  = "another active key of the issuer was used since its last use"
		alone     = "no other active key of a fitting algorithm was used since its last use: the issuer may still sign with this one"
		noToken   = "no token of it was accepted"
		afterHour = ": it takes 1h0m0s without use, the longest life of a token as configured or seen, an hour at least"
	)
	for _, tt := range []struct {
		name  string
		story func(i *IssuerKeys)
		ok    bool
		from  string
		want  [4]string // of fresh, successor, expired, quiet; a missing one begins with !
	}{
		{"drained", func(i *IssuerKeys) {
			fresh(i)
			use(i, "old", -2*time.Hour, -90*time.Minute)
			use(i, "new", -time.Minute, 5*time.Minute)
		}, true, "", [4]string{listed, followed, "the last token of it was accepted until 2026-08-01T10:31:00Z", "it was last used at 2026-08-01T10:00:00Z, which is longer ago than any token lives"}},
		{"never used", func(i *IssuerKeys) {
			fresh(i)
			use(i, "new", -time.Minute, 5*time.Minute)
		}, true, "", [4]string{listed, followed, noToken, "it was not used since 2026-08-01T09:00:00Z, which is longer ago than any token lives"}},
		{"in use, without a successor", func(i *IssuerKeys) {
			fresh(i)
			use(i, "old", -time.Second, 30*time.Minute)
		}, false, "2026-08-01T13:00:00Z", [4]string{listed, "!" + alone, "!a token of it is accepted until 2026-08-01T12:31:00Z", "!it was last used at 2026-08-01T11:59:59Z" + afterHour}},
		{"the guard began a moment ago", func(i *IssuerKeys) {
			fresh(i)
			i.Recording = at(-time.Minute).Life
			use(i, "old", -2*time.Hour, -90*time.Minute)
			use(i, "new", -time.Minute, 5*time.Minute)
		}, false, "2026-08-01T12:59:01Z", [4]string{listed, followed, "the last token of it was accepted until 2026-08-01T10:31:00Z",
			"!this guard has counted its uses without a gap only since 2026-08-01T11:59:00Z" + afterHour}},
		{"the issuer is silent", func(i *IssuerKeys) { use(i, "new", -time.Minute, 5*time.Minute) }, false, "",
			[4]string{"!the issuer's keys were last fetched at 2026-08-01T11:00:00Z: what it lists now is not known until a fetch that is less than 10m0s old", followed, noToken,
				"it was not used since 2026-08-01T09:00:00Z, which is longer ago than any token lives"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := corp(t, "old", "new")
			i.Recording = at(-3 * time.Hour).Life
			tt.story(&i)
			k, _ := i.Set.Lookup("old")
			want := &Safety{OK: tt.ok}
			for n, detail := range tt.want {
				text, missing := strings.CutPrefix(detail, "!")
				want.Reasons = append(want.Reasons, Condition{[]string{"fresh", "successor", "expired", "quiet"}[n], !missing, text})
			}
			if tt.from != "" {
				from, err := time.Parse(time.RFC3339, tt.from)
				if err != nil {
					t.Fatal(err)
				}
				want.From = &from
			}
			if diff := cmp.Diff(want, i.row("old", k.Key, k, at(0)).SafeToRetire); diff != "" {
				t.Error(diff)
			}
		})
	}
	i := IssuerKeys{Issuer: "corp", Set: keyset.New(settings)}
	if got := i.freshDetail(keyset.Safety{}); got != "the issuer's keys were never fetched" {
		t.Error(got)
	}
}

// use accepts a token of the key, by its times from noon on.
func use(i *IssuerKeys, kid string, when, expires time.Duration) {
	k, _ := i.Set.Lookup(kid)
	k.Allow(at(when).Life, noon.Add(expires), at(when).Wall)
}

// The last exp that a token may have, with the clock skew, lies beyond what RFC 3339
// can write; the list is written all the same.
func TestTimesBeyondTheLastYearAreShown(t *testing.T) {
	i := corp(t, "old")
	use(&i, "old", 0, time.Unix(253402300799, 0).Sub(noon))
	k, _ := i.Set.Lookup("old")
	k.Allow(noon, time.Unix(253402300799, 0), time.Time{})
	a := newWorld(t, i).do(t, request("GET", "/api/v1/keys/corp/old", ""))
	if a.Status != 200 {
		t.Errorf("%+v", a)
	}
	row := i.row("old", k.Key, k, at(0))
	if got := row.SafeToRetire.From; got == nil || !got.Equal(lastTime) {
		t.Errorf("%v", got)
	}
}
