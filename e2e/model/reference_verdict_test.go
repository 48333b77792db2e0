package model

import "time"

// passport is a token as the model sees it.
type passport struct {
	key      *material // signed it
	kid      string
	iat, exp int64 // seconds since the Unix epoch
	forged   bool  // the signature is not that of key
}

// verdict is what the model expects of a decision: the reason, or one of several
// where section 4 leaves the choice. The first is the one that fits best.
type verdict []string

// judge applies section 4, steps 7 to 11, of which the clocks' epoch is unix.
func (m *issuer) judge(p passport, skew time.Duration, now instant) verdict {
	r := m.names[p.kid]
	s := none
	if r != nil {
		s = r.stateAs(p.kid, now)
		if !r.seen && s == pending {
			s = none // ordered for later, and not listed yet
		}
	}
	if m.dead[p.kid] { // listed is a key out of service: the guard may go by that
		return append(m.refuse(p, s, skew, now), "key_retired", "key_revoked")
	}
	return m.refuse(p, s, skew, now)
}

// refuse is the rest of it, for a key in the state s under that name.
func (m *issuer) refuse(p passport, s state, skew time.Duration, now instant) verdict {
	r := m.names[p.kid]
	switch {
	case s == revoked:
		return verdict{"key_revoked"}
	case s == retired:
		return verdict{"key_retired"}
	case m.observed.life == 0:
		return verdict{"keys_unavailable"}
	case m.stale(now):
		return verdict{"keys_stale"}
	case s == none && m.failing:
		return verdict{"keys_unavailable"}
	case s == none:
		return verdict{"kid_unknown"}
	case s == pending:
		return verdict{"key_pending"}
	case r.listing.key.alg != p.key.alg:
		return verdict{"alg_mismatch"}
	case p.forged || r.thumb != p.key.thumb:
		return verdict{"signature_invalid"}
	}
	iat, exp := seconds(p.iat), seconds(p.exp)
	switch {
	case now.wall >= exp+skew:
		return verdict{"token_expired"}
	case iat > now.wall+skew:
		return verdict{"issued_in_future"}
	// iat is the wall clock's. Where lifecycle time is ahead of it, the start of the
	// grace has an earlier name there.
	case s == grace && iat > r.graceStart(p.kid, now)-max(0, now.life-now.wall)+skew:
		return verdict{"issued_after_withdrawal"}
	}
	return verdict{"ok"}
}

// stale tells whether the last observation is older than max_stale on either clock.
func (m *issuer) stale(now instant) bool {
	return m.doubtful || now.life-m.observed.life > m.params.maxStale || now.wall-m.observed.wall > m.params.maxStale
}
