package admin

import (
	"fmt"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Safety tells whether anybody would notice the end of a key, as far as this guard
// knows: [keyset.Set.Safety] in words. Nothing in it depends on the time of day but
// for what holds, so that it can be compared.
type Safety struct {
	OK      bool        `json:"ok"`             // all conditions hold
	Reasons []Condition `json:"reasons"`        // every condition, met or not
	From    *time.Time  `json:"from,omitempty"` // while expired or quiet is missing: when both will hold if the key is not used again
}

// Condition is one of the conditions of letting a key go.
type Condition struct {
	Condition string `json:"condition"` // fresh, successor, expired or quiet
	OK        bool   `json:"ok"`
	Detail    string `json:"detail"`
}

// safety is the calculation behind jwtguard_key_safe_to_retire.
func (i *IssuerKeys) safety(k *keyset.Key, now keyset.Instant) keyset.Safety {
	return i.Set.Safety(k, i.Skew, i.MaxLifetime, i.Recording, now)
}

// safeToRetire is what the API shows of it; nil for a key that is not in service.
func (i *IssuerKeys) safeToRetire(k *keyset.Key, now keyset.Instant) *Safety {
	if !k.State(now).Usable() {
		return nil
	}
	s := i.safety(k, now)
	out := &Safety{OK: s.OK(), Reasons: []Condition{
		{"fresh", s.Fresh, i.freshDetail(s)},
		{"successor", s.Succeeded, successorDetail(s)},
		{"expired", s.Expired, i.expiredDetail(k, s)},
		{"quiet", s.Quiet, i.quietDetail(k, s)},
	}}
	if !s.Expired || !s.Quiet {
		out.From = present(s.From.Truncate(time.Second).Add(time.Second)) // rounded up: then it is so
	}
	return out
}

func (i *IssuerKeys) freshDetail(s keyset.Safety) string {
	observed, most := i.Set.Observed(), 2*i.Set.Params().Interval
	switch {
	case observed.IsZero():
		return "the issuer's keys were never fetched"
	case s.Fresh:
		return fmt.Sprintf("the issuer's keys were fetched at %s, less than two intervals ago", stamp(observed.Wall))
	}
	return fmt.Sprintf("the issuer's keys were last fetched at %s: what it lists now is not known until a fetch that is less than %s old", stamp(observed.Wall), most)
}

func successorDetail(s keyset.Safety) string {
	if s.Succeeded {
		return "another active key of the issuer was used since its last use"
	}
	return "no other active key of a fitting algorithm was used since its last use: the issuer may still sign with this one"
}

func (i *IssuerKeys) expiredDetail(k *keyset.Key, s keyset.Safety) string {
	expiry := k.LatestExpiry()
	switch {
	case expiry.IsZero():
		return "no token of it was accepted"
	case s.Expired:
		return fmt.Sprintf("the last token of it was accepted until %s", stamp(expiry.Add(i.Skew)))
	}
	return fmt.Sprintf("a token of it is accepted until %s", stamp(expiry.Add(i.Skew)))
}

func (i *IssuerKeys) quietDetail(k *keyset.Key, s keyset.Safety) string {
	since := "it was last used at " + stamp(k.LastUsed())
	if !k.LastUsed().After(i.Recording) {
		since = "this guard has counted its uses without a gap only since " + stamp(i.Recording)
		if s.Quiet {
			since = "it was not used since " + stamp(i.Recording)
		}
	}
	if s.Quiet {
		return since + ", which is longer ago than any token lives"
	}
	return fmt.Sprintf("%s: it takes %s without use, the longest life of a token as configured or seen, an hour at least", since, s.Window)
}

// stamp is a time for people, to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
