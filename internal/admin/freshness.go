package admin

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Freshness is how well an issuer's keys are known.
type Freshness struct {
	Issuer   string     `json:"issuer"`
	Usable   bool       `json:"usable"`             // tokens of it can be accepted now
	State    State      `json:"state,omitempty"`    // why it is not usable
	Failing  bool       `json:"failing"`            // the last fetch failed
	Observed *time.Time `json:"observed,omitempty"` // when its keys were last fetched
	StaleAt  *time.Time `json:"stale_at,omitempty"` // when they will be too old to decide by, if nothing new comes
	Interval string     `json:"interval"`           // between two fetches, such as 5m0s
}

func (i *IssuerKeys) freshness(now keyset.Instant) Freshness {
	p, observed := i.Set.Params(), i.Set.Observed()
	f := Freshness{
		Issuer: i.Issuer, State: Unusable(i.Set, now), Failing: i.Set.Failing(),
		Observed: present(observed.Wall), Interval: p.Interval.String(),
	}
	if p.MaxStale > 0 && f.Observed != nil {
		f.StaleAt = present(observed.Wall.Add(p.MaxStale))
	}
	f.Usable = f.State == ""
	return f
}

// same tells whether two are equal.
func (f Freshness) same(o Freshness) bool {
	a, b := f.Observed, o.Observed
	f.Observed, f.StaleAt, o.Observed, o.StaleAt = nil, nil, nil, nil
	return f == o && (a == b || a != nil && b != nil && a.Equal(*b))
}
