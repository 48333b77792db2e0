package admin

import (
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// Key is one key as the API shows it; what has no value is absent. Times are RFC
// 3339 in UTC.
type Key struct {
	Issuer            string     `json:"issuer"`
	Kid               string     `json:"kid,omitempty"`
	Thumbprint        string     `json:"thumbprint,omitempty"`
	Alg               string     `json:"alg,omitempty"`
	Algorithms        []string   `json:"algorithms,omitzero"` // that tokens of a key in service may have; absent: its alg alone
	State             string     `json:"state"`
	Since             *time.Time `json:"since,omitempty"` // when the state began
	FirstSeen         *time.Time `json:"first_seen,omitempty"`
	ActiveFrom        *time.Time `json:"active_from,omitempty"` // when it came, or comes, into force, if that is later than first_seen
	LastSeen          *time.Time `json:"last_seen,omitempty"`
	LeftAt            *time.Time `json:"left_at,omitempty"`
	GraceFrom         *time.Time `json:"grace_from,omitempty"` // tokens issued later are refused
	RetiresAt         *time.Time `json:"retires_at,omitempty"`
	RetiredAt         *time.Time `json:"retired_at,omitempty"`
	Final             bool       `json:"final"`
	Reason            string     `json:"reason,omitempty"`
	Actor             string     `json:"actor,omitempty"`
	LastUsed          *time.Time `json:"last_used,omitempty"`
	LatestTokenExpiry *time.Time `json:"latest_token_expiry,omitempty"`
	Allowed           uint64     `json:"allowed"`
	Denied            uint64     `json:"denied"`
	SafeToRetire      *Safety    `json:"safe_to_retire,omitempty"` // of a key in service
}

// life is that of a key, or of one of its names.
type life interface {
	State(keyset.Instant) keyset.State
	GraceStart(keyset.Instant) time.Time
}

// row shows a key of the issuer, by a name of which l is the life.
func (i *IssuerKeys) row(kid string, k *keyset.Key, l life, now keyset.Instant) Key {
	state := l.State(now)
	out := Key{
		Issuer: i.Issuer, Kid: kid, Thumbprint: k.Thumbprint, Alg: k.Alg, State: state.String(),
		FirstSeen: present(k.FirstSeen), LastSeen: present(k.LastSeen), LeftAt: present(k.LeftAt),
		Final: k.Final, Reason: k.Reason, Actor: k.Actor,
		LastUsed: present(k.LastUsed()), LatestTokenExpiry: present(k.LatestExpiry()),
		Allowed: k.Allowed(), Denied: k.Denied(), SafeToRetire: i.safeToRetire(k, now),
	}
	if begins := k.Begins(); k.FirstSeen.Before(begins) {
		out.ActiveFrom = present(begins)
	}
	if state < keyset.Retired {
		out.Algorithms = i.algorithms(k)
	}
	switch state {
	case keyset.Revoked:
		out.RetiredAt = present(k.RevokedAt)
		out.Since = out.RetiredAt
	case keyset.Retired:
		out.RetiredAt = present(k.Retires())
		out.Since = out.RetiredAt
	case keyset.Grace:
		out.RetiresAt = present(k.GraceUntil)
		out.Since = present(l.GraceStart(now))
	default:
		out.RetiresAt = present(k.GraceUntil)
		out.Since = present(k.FirstSeen)
		if state == keyset.Active && out.ActiveFrom != nil {
			out.Since = out.ActiveFrom
		}
	}
	if from := present(l.GraceStart(now)); from != nil && (out.RetiredAt == nil || from.Before(*out.RetiredAt)) {
		// Else there was none. An iat is a time of the wall clock, by which the same
		// moment has an earlier name if lifecycle time is ahead of it.
		out.GraceFrom = present(from.Add(-max(0, now.Life.Sub(now.Wall))))
	}
	return out
}

// algorithms are those that tokens of the key may have; nil if they are what its alg
// says, or not known.
func (i *IssuerKeys) algorithms(k *keyset.Key) []string {
	if !k.Seen() || len(i.Algorithms) == 0 {
		return nil
	}
	all := verify.AlgorithmsOf(k, i.Algorithms)
	if slices.Equal(all, []string{k.Alg}) {
		return nil
	}
	return all
}

// lastTime is the last one that RFC 3339 can write: an exp near to it, with the
// clock skew, lies beyond.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	if t = t.UTC(); t.After(lastTime) {
		t = lastTime
	}
	return &t
}
