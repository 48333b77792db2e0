package keyset

import (
	"crypto"
	"time"
)

// Key is the record of one key: the timestamps of its life, from which
// [Key.State] derives where it stands. A Key in a published [Set] never
// changes; only the Usage that it points to does. Times are lifecycle times.
//
// A record without Public was put out of service before this guard ever saw it.
// If it was named by kid alone, it takes on the material that is first listed
// under that kid.
type Key struct {
	Thumbprint string           // RFC 7638 with SHA-256, base64url
	Modulus    string           // SHA-256 of the RSA modulus, base64url; empty for other key types
	Alg        string           // the JWK's alg; empty: any of the issuer's that fits the key's type
	Public     crypto.PublicKey // nil while never seen
	JWK        []byte           // public members, canonical; nil while never seen
	Aliases    []Alias          // in the order of first sight

	FirstSeen time.Time // zero: never seen
	LastSeen  time.Time // the last observation that listed it, whether it helped or not
	Activates time.Time // end of the activation delay; zero: none
	NotBefore time.Time // JWK nbf
	Expires   time.Time // JWK exp
	Departure           // from the issuer's documents

	RetiredAt    time.Time // when it was, or will be, put out of service for ever
	OrderedWall  time.Time // when that was ordered last, by the wall clock; zero if it ended by itself
	OrderedUntil time.Time // end of the ordered grace; GraceUntil may be nearer, by a withdrawal
	RevokedAt    time.Time
	Final        bool   // out of service for ever: this record is a tombstone
	Reinstated   bool   // its retirement was undone, and it waits for the issuer to list it
	Reason       string // the operator's, or the rule that ended it
	Actor        string // who ordered it; empty for the rules of the lifecycle

	// The withdrawal before the last return. It holds again if the key leaves
	// again within two intervals of ReturnedAt.
	ReturnedAt time.Time
	Reverted   Departure

	Told State // the state that the last EventState told
	*Usage
}

// Alias is one kid of a key. An alias that has left behaves like a key in grace,
// and works again when it is listed again: the material is trusted or refused
// by its own record.
type Alias struct {
	Kid       string
	FirstSeen time.Time
	LastSeen  time.Time
	Departure
}

// Departure is a withdrawal by the issuer. Its zero value is none.
type Departure struct {
	LeftAt     time.Time // the first observation that lacked it
	GraceFrom  time.Time // when the withdrawal counts even if nothing confirms it
	GraceUntil time.Time // end of the recipient-usage period (NIST SP 800-57); of a key also the end of an ordered grace
	Confirmed  bool      // a second observation lacked it

	// Drift is how far the wall clock was ahead of lifecycle time when it began, if
	// it was.
	// A clock that had stepped ahead before would else cut every grace short.
	Drift time.Duration
}

// withdrawn tells whether the absence counts.
func (d Departure) withdrawn(now Instant) bool {
	return !d.LeftAt.IsZero() && (d.Confirmed || now.without(d.Drift).passed(d.GraceFrom))
}

// state is what the departure alone makes of something that was active.
func (d Departure) state(now Instant) State {
	switch {
	case !d.withdrawn(now):
		return Active
	case now.without(d.Drift).passed(d.GraceUntil):
		return Retired
	}
	return Grace
}

// bringForward applies other settings to a departure that has begun.
func (d *Departure) bringForward(p Params, seen time.Time) {
	from, until := p.withdrawal(d.LeftAt, seen)
	d.GraceFrom, d.GraceUntil = earlier(d.GraceFrom, from), earlier(d.GraceUntil, until)
}

// State derives where the key stands. It depends on the record and the instant
// alone. Precedence: revoked, retired, pending, grace, active.
func (k *Key) State(now Instant) State {
	switch {
	case !k.RevokedAt.IsZero():
		return Revoked
	case now.passed(k.Expires):
		return Retired
	}
	state := k.Departure.state(now)
	if k.ordered(now) {
		state = Grace
		if k.GraceUntil.IsZero() || now.without(k.Drift).passed(k.GraceUntil) {
			state = Retired
		}
	}
	// A key that will be put out of service and was never listed is not in force.
	if state != Retired && (!k.Seen() || now.Life.Before(k.Activates) || !now.reached(k.NotBefore)) {
		return Pending
	}
	return state
}

// Begins is before when a pending key is not to be used.
func (k *Key) Begins() time.Time { return later(k.NotBefore, k.Activates) }

// ordered tells whether the key was put out of service for ever, and the time
// for that has come.
func (k *Key) ordered(now Instant) bool { return k.Final && now.passed(k.RetiredAt) }

// retiredWall is when the key was put out of service, by the wall clock.
func (k *Key) retiredWall() time.Time {
	if !k.OrderedWall.IsZero() {
		return k.OrderedWall
	}
	return k.RetiredAt.Add(k.Drift)
}

// GraceStart is the instant after which the issuer no longer signs with the key;
// zero if it is not known to have stopped. Tokens issued later are forged, or
// come from an issuer that does not know its own keys.
func (k *Key) GraceStart(now Instant) time.Time {
	var start time.Time
	if k.withdrawn(now) {
		start = k.LeftAt
	}
	if k.ordered(now) {
		start = earlier(start, k.RetiredAt)
	}
	return start
}

// Seen tells whether the key was ever listed to this guard.
func (k *Key) Seen() bool { return k.Public != nil }

// Kid is the name by which the key is called first: the newest alias that is
// still listed, else the newest; empty for a key known by its thumbprint alone.
func (k *Key) Kid() string {
	kid := ""
	listed := false
	for _, a := range k.Aliases {
		if l := a.listed(); l || !listed {
			kid, listed = a.Kid, listed || l
		}
	}
	return kid
}

// alias is the index of a kid among the key's aliases, or -1.
func (k *Key) alias(kid string) int {
	for i := range k.Aliases {
		if k.Aliases[i].Kid == kid {
			return i
		}
	}
	return -1
}

// Ref is a key by one of its names: what a token's kid leads to.
type Ref struct {
	*Key
	Name  string // the kid
	alias int    // -1: the key is out of service, and the document lists it under a name it never had
}

// State is the key's state, unless this name of it was withdrawn before the key.
func (r Ref) State(now Instant) State {
	state := r.Key.State(now)
	switch {
	case r.alias < 0:
		return max(state, Retired) // it may lead to another key of the same modulus
	case !state.Usable():
		return state
	case r.Aliases[r.alias].FirstSeen.IsZero():
		return Retired // the name stands in an order alone, which must not give the key a name to be used by
	}
	return max(state, r.Aliases[r.alias].state(now))
}

// GraceStart is the key's, or that of this name of it if that came first.
func (r Ref) GraceStart(now Instant) time.Time {
	start := r.Key.GraceStart(now)
	if r.alias >= 0 && r.Aliases[r.alias].withdrawn(now) {
		start = earlier(start, r.Aliases[r.alias].LeftAt)
	}
	return start
}
