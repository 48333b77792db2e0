package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Verdict is what the exports of all guards together tell of a key that at least
// one of them has put out of service.
type Verdict struct {
	Issuer     string    `json:"issuer"`
	Iss        string    `json:"iss"`
	Kid        string    `json:"kid"`
	Thumbprint string    `json:"thumbprint"`
	State      string    `json:"state"` // the strictest anywhere
	Since      time.Time `json:"out_of_service_since"`
	Guard      string    `json:"out_of_service_first_at"`
	Everywhere time.Time `json:"out_of_service_everywhere_since,omitzero"` // of the guards that know it; zero while it serves somewhere

	Latest       time.Time `json:"latest_acceptance,omitzero"`
	LatestGuard  string    `json:"latest_acceptance_at,omitzero"`
	After        bool      `json:"accepted_after_retirement"`              // later than Since, on whichever guard
	AfterSeconds float64   `json:"accepted_after_retirement_seconds"`      // how much later
	Own          []string  `json:"accepted_after_own_retirement,omitzero"` // guards that accepted it when it was out of service there
	InService    []string  `json:"in_service_at,omitzero"`                 // guards where it serves at the end, or will
	Short        []string  `json:"record_ends_before,omitzero"`            // guards whose record ends before Since
	Unknown      []string  `json:"unknown_to,omitzero"`                    // guards that never had it
	Attempts     Attempts  `json:"attempts_after_retirement"`              // in the export of each guard that reaches furthest
}

// Merge makes the verdicts from the exports of many guards. It fails if two of one
// guard contradict each other: these are then two ledgers. Exports of which there
// are several of one guard must have been checked with their hashes.
func Merge(all []*Checked) ([]Verdict, error) {
	if err := consistent(all); err != nil {
		return nil, err
	}
	m := merging{latest: latestOf(all), of: map[keyName]*merged{}}
	for _, c := range all {
		for i := range c.Keys {
			m.ended(c, &c.Keys[i])
		}
	}
	for _, c := range all {
		for i := range c.Keys {
			m.used(c, &c.Keys[i])
		}
	}
	var verdicts []Verdict
	for _, v := range m.of {
		m.finish(v)
		verdicts = append(verdicts, v.Verdict)
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Iss, b.Iss), a.Since.Compare(b.Since), cmp.Compare(a.Thumbprint, b.Thumbprint), cmp.Compare(a.Kid, b.Kid))
	})
	return verdicts, nil
}

// merging is the verdicts in the making.
type merging struct {
	latest map[string]*Checked // of each guard, the export that reaches furthest
	of     map[keyName]*merged
}

// merged is a verdict with the guards that know the key.
type merged struct {
	Verdict
	known map[string]bool
}

// keyName is what a key is known by on all guards.
type keyName struct{ iss, thumbprint, kid string }

func (a *Account) keyName() keyName {
	if a.Thumbprint != "" {
		return keyName{iss: a.Iss, thumbprint: a.Thumbprint}
	}
	return keyName{iss: a.Iss, kid: a.Kid}
}

// ended takes in where a key is out of service.
func (m *merging) ended(c *Checked, a *Account) {
	if a.Ended == nil {
		return
	}
	v := m.of[a.keyName()]
	if v == nil {
		v = &merged{Verdict{Issuer: a.Issuer, Iss: a.Iss, Kid: a.Kid, Thumbprint: a.Thumbprint}, map[string]bool{}}
		m.of[a.keyName()] = v
	}
	if v.Since.IsZero() || a.Ended.Since.Before(v.Since) {
		v.Since, v.Guard = a.Ended.Since, c.Guard
	}
	if v.State != keyset.Revoked.String() && a.State != "" {
		v.State = a.State
	}
	if a.Ended.Accepted && !slices.Contains(v.Own, c.Guard) {
		v.Own = append(v.Own, c.Guard)
	}
}

// used takes in what a guard tells of a key that is out of service somewhere.
func (m *merging) used(c *Checked, a *Account) {
	v := m.of[a.keyName()]
	if v == nil {
		return
	}
	v.known[c.Guard] = true
	if a.LatestAcceptance.After(v.Latest) {
		v.Latest, v.LatestGuard = a.LatestAcceptance, c.Guard
	}
	if m.latest[c.Guard] != c {
		return // a later export of the guard tells
	}
	v.Attempts.Valid += a.Attempts.Valid
	v.Attempts.Invalid += a.Attempts.Invalid
	v.Attempts.Unchecked += a.Attempts.Unchecked
	switch {
	case a.Ended != nil:
		v.Everywhere = later(v.Everywhere, a.Ended.Since)
	case !a.Forgotten:
		v.InService = append(v.InService, c.Guard)
	}
}

// finish says who is behind, and whether the latest acceptance is too late.
func (m *merging) finish(v *merged) {
	for guard, c := range m.latest {
		if c.reach().Before(v.Since) {
			v.Short = append(v.Short, guard)
		}
		if !v.known[guard] {
			v.Unknown = append(v.Unknown, guard)
		}
	}
	for _, list := range [...][]string{v.Own, v.InService, v.Short, v.Unknown} {
		slices.Sort(list)
	}
	if len(v.InService) > 0 {
		v.Everywhere = time.Time{}
	}
	if v.Latest.After(v.Since.Add(inFlight)) {
		v.After, v.AfterSeconds = true, v.Latest.Sub(v.Since).Seconds()
	}
}

// reach is up to when something is on record.
func (e *Evidence) reach() time.Time {
	if n := len(e.Gaps); n > 0 && e.Gaps[n-1].Kind == GapNone && e.Gaps[n-1].Until.Equal(e.To) {
		return e.Gaps[n-1].Since
	}
	return e.To
}

// latestOf is the export of each guard that reaches furthest.
func latestOf(all []*Checked) map[string]*Checked {
	of := map[string]*Checked{}
	for _, c := range all {
		if old := of[c.Guard]; old == nil || c.To.After(old.To) {
			of[c.Guard] = c
		}
	}
	return of
}

// consistent tells whether exports of one guard are of one ledger.
func consistent(all []*Checked) error {
	for i, a := range all {
		for _, b := range all[:i] {
			if a.Guard != b.Guard {
				continue
			}
			if a.chains == nil || b.chains == nil {
				return fmt.Errorf("guard %q: two exports need CheckConfig.Hashes", a.Guard)
			}
			if seq, ok := a.agrees(b); !ok {
				return fmt.Errorf("guard %q: two exports have different lines with seq %d: one of them is forged, or two guards bear one name (give each its own guard: in its configuration)", a.Guard, seq)
			}
		}
	}
	return nil
}

// agrees tells whether both have the same lines where they meet. In an unbroken
// chain one line that is the same makes all before it the same. After a loss that
// was accepted numbers may be used again: then one of several chains must agree.
func (c *Checked) agrees(d *Checked) (seq uint64, ok bool) {
	for _, s := range c.chains {
		met, same := uint64(0), false
		for _, t := range d.chains {
			last := min(s.first+uint64(len(s.hashes)), t.first+uint64(len(t.hashes))) - 1
			if last < s.first || last < t.first {
				continue
			}
			if met = last; s.hashes[last-s.first] == t.hashes[last-t.first] {
				same = true
			}
		}
		if met > 0 && !same {
			return met, false
		}
	}
	return 0, true
}
