package admin

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Key is one key as the API shows it; what has no value is absent. Times are RFC
// 3339 in UTC.
type Key struct {
	Issuer            string     `json:"issuer"`
	Kid               string     `json:"kid,omitempty"`
	Thumbprint        string     `json:"thumbprint,omitempty"`
	Alg               string     `json:"alg,omitempty"`
	State             string     `json:"state"`
	Since             *time.Time `json:"since,omitempty"` // when the state began
	FirstSeen         *time.Time `json:"first_seen,omitempty"`
	LastSeen          *time.Time `json:"last_seen,omitempty"`
	LeftAt            *time.Time `json:"left_at,omitempty"`
	RetiresAt         *time.Time `json:"retires_at,omitempty"`
	RetiredAt         *time.Time `json:"retired_at,omitempty"`
	Final             bool       `json:"final"`
	Reason            string     `json:"reason,omitempty"`
	Actor             string     `json:"actor,omitempty"`
	LastUsed          *time.Time `json:"last_used,omitempty"`
	LatestTokenExpiry *time.Time `json:"latest_token_expiry,omitempty"`
	Allowed           uint64     `json:"allowed"`
	Denied            uint64     `json:"denied"`
}

// life is that of a key, or of one of its names.
type life interface {
	State(keyset.Instant) keyset.State
	GraceStart(keyset.Instant) time.Time
}

func newKey(issuer, kid string, k *keyset.Key, l life, now keyset.Instant) Key {
	state := l.State(now)
	out := Key{
		Issuer: issuer, Kid: kid, Thumbprint: k.Thumbprint, Alg: k.Alg, State: state.String(),
		FirstSeen: present(k.FirstSeen), LastSeen: present(k.LastSeen), LeftAt: present(k.LeftAt),
		Final: k.Final, Reason: k.Reason, Actor: k.Actor,
		LastUsed: present(k.LastUsed()), LatestTokenExpiry: present(k.LatestExpiry()),
		Allowed: k.Allowed(), Denied: k.Denied(),
	}
	switch state {
	case keyset.Revoked:
		out.RetiredAt = present(k.RevokedAt)
		out.Since = out.RetiredAt
	case keyset.Retired:
		out.RetiredAt = present(retiredAt(k))
		out.Since = out.RetiredAt
	case keyset.Grace:
		out.RetiresAt = present(k.GraceUntil)
		out.Since = present(l.GraceStart(now))
	default:
		out.RetiresAt = present(k.GraceUntil)
		out.Since = present(k.FirstSeen)
		if begins := k.Begins(); state == keyset.Active && k.FirstSeen.Before(begins) {
			out.Since = present(begins)
		}
	}
	return out
}

// retiredAt is since when a retired key has been refused: the end of its grace,
// ordered or not, or its own exp if that came first.
func retiredAt(k *keyset.Key) time.Time {
	at := k.RetiredAt
	if at.Before(k.GraceUntil) {
		at = k.GraceUntil
	}
	if at.IsZero() || !k.Expires.IsZero() && k.Expires.Before(at) {
		at = k.Expires
	}
	return at
}

func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
