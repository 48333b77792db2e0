package ledger

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// ident is what a record is known by: its thumbprint, or, while its material is
// not known, its first kid.
type ident struct{ thumbprint, kid string }

func identOf(k *keyset.Key) ident {
	if k.Thumbprint == "" && len(k.Aliases) > 0 {
		return ident{kid: k.Aliases[0].Kid}
	}
	return ident{thumbprint: k.Thumbprint}
}

// record is the form of [keyset.Key] in the file. A zero value and an absent one
// are the same.
type record struct {
	Thumbprint string         `json:"thumbprint"`
	Modulus    string         `json:"modulus"`
	Alg        string         `json:"alg"`
	JWK        jsontext.Value `json:"jwk"`
	Kids       []alias        `json:"kids"`
	FirstSeen  time.Time      `json:"first_seen"`
	LastSeen   time.Time      `json:"last_seen"`
	Activates  time.Time      `json:"activates"`
	NotBefore  time.Time      `json:"not_before"`
	Expires    time.Time      `json:"expires"`
	departure
	RetiredAt    time.Time `json:"retired_at"`
	OrderedWall  time.Time `json:"ordered_wall"`
	OrderedUntil time.Time `json:"ordered_until"`
	RevokedAt    time.Time `json:"revoked_at"`
	Final        bool      `json:"final"`
	Reinstated   bool      `json:"reinstated"`
	Reason       string    `json:"reason"`
	Actor        string    `json:"actor"`
	ReturnedAt   time.Time `json:"returned_at"`
	Reverted     departure `json:"reverted"`
	Told         state     `json:"told"`
}

type alias struct {
	Kid       string    `json:"kid"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	departure
}

type departure struct {
	LeftAt     time.Time `json:"left_at"`
	GraceFrom  time.Time `json:"grace_from"`
	GraceUntil time.Time `json:"grace_until"`
	Confirmed  bool      `json:"confirmed"`
	Drift      span      `json:"drift"`
}

func (d departure) departure() keyset.Departure {
	return keyset.Departure{LeftAt: d.LeftAt, GraceFrom: d.GraceFrom, GraceUntil: d.GraceUntil, Confirmed: d.Confirmed, Drift: time.Duration(d.Drift)}
}

// span is a duration with its unit, as in "1h0m0s".
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

// state is a key's state by its word.
type state keyset.State

func (s *state) UnmarshalText(text []byte) error {
	for v := keyset.Pending; v <= keyset.Revoked; v++ {
		if v.String() == string(text) {
			*s = state(v)
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a key", text)
}

// read decodes one object of the file. What is not known to this version may be a
// restriction, and is an error.
func read(text []byte, into any) error {
	return json.Unmarshal(text, into, json.RejectUnknownMembers(true))
}

// readRecord gives the record back, with its material if it has any.
func readRecord(text []byte, readKey func([]byte) (keyset.Listed, error)) (*keyset.Key, error) {
	var r record
	if err := read(text, &r); err != nil {
		return nil, err
	}
	k := &keyset.Key{
		Thumbprint: r.Thumbprint, Modulus: r.Modulus, Alg: r.Alg,
		FirstSeen: r.FirstSeen, LastSeen: r.LastSeen, Activates: r.Activates, NotBefore: r.NotBefore, Expires: r.Expires,
		Departure: r.departure.departure(),
		RetiredAt: r.RetiredAt, OrderedWall: r.OrderedWall, OrderedUntil: r.OrderedUntil, RevokedAt: r.RevokedAt,
		Final: r.Final, Reinstated: r.Reinstated, Reason: r.Reason, Actor: r.Actor,
		ReturnedAt: r.ReturnedAt, Reverted: r.Reverted.departure(), Told: keyset.State(r.Told),
	}
	for _, a := range r.Kids {
		k.Aliases = append(k.Aliases, keyset.Alias{Kid: a.Kid, FirstSeen: a.FirstSeen, LastSeen: a.LastSeen, Departure: a.departure.departure()})
	}
	if len(r.JWK) == 0 {
		return k, nil
	}
	m, err := readKey(r.JWK)
	if err != nil {
		return k, fmt.Errorf("jwk: %w", err)
	}
	if m.Thumbprint != k.Thumbprint || m.Modulus != k.Modulus {
		return k, fmt.Errorf("jwk: its thumbprint is %s, and the record's %s", m.Thumbprint, k.Thumbprint)
	}
	k.Public, k.JWK = m.Public, m.JWK
	return k, nil
}

// observe is the record once an observation at the given time is noted: what is
// listed was seen then. It is k itself if that changes nothing.
func observe(k *keyset.Key, at time.Time) *keyset.Key {
	n := k
	for i, a := range k.Aliases {
		if a.FirstSeen.IsZero() || !a.LeftAt.IsZero() || a.LastSeen.Equal(at) && k.LastSeen.Equal(at) {
			continue
		}
		if n == k {
			c := *k
			c.Aliases = append([]keyset.Alias(nil), k.Aliases...)
			n = &c
		}
		n.Aliases[i].LastSeen, n.LastSeen = at, at
	}
	return n
}

// observation is the form of a [keyset.Instant] in an observed line.
type observation struct {
	Wall time.Time `json:"wall"`
	Life time.Time `json:"life"`
}

// usage is the form of a [keyset.Tally].
type usage struct {
	Allowed  uint64 `json:"allowed"`
	Denied   uint64 `json:"denied"`
	Attempts struct {
		Valid     uint64 `json:"valid"`
		Invalid   uint64 `json:"invalid"`
		Unchecked uint64 `json:"unchecked"`
	} `json:"attempts"`
	LastUsed        time.Time `json:"last_used"`
	LatestExpiry    time.Time `json:"latest_token_expiry"`
	LatestIssued    time.Time `json:"latest_token_issued"`
	LongestLifetime span      `json:"longest_lifetime"`
}

func (u usage) tally() keyset.Tally {
	t := keyset.Tally{
		Allowed: u.Allowed, Denied: u.Denied, LastUsed: u.LastUsed,
		LatestExpiry: u.LatestExpiry, LatestIssued: u.LatestIssued, LongestLifetime: time.Duration(u.LongestLifetime),
	}
	t.Attempts[keyset.Valid], t.Attempts[keyset.Invalid], t.Attempts[keyset.Unchecked] = u.Attempts.Valid, u.Attempts.Invalid, u.Attempts.Unchecked
	return t
}
