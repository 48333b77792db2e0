package ledger

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// encoder appends the members of an object. What has no value is left out, so
// that a reader finds only what is known.
type encoder struct{ b []byte }

func (e *encoder) name(name string) {
	if n := len(e.b); n > 0 && e.b[n-1] != '{' && e.b[n-1] != '[' {
		e.b = append(e.b, ',')
	}
	e.b = append(append(append(e.b, '"'), name...), `":`...)
}

// text writes a string; what is not UTF-8 in it becomes U+FFFD.
func (e *encoder) text(name, s string) {
	if s != "" {
		e.name(name)
		e.b, _ = jsontext.AppendQuote(e.b, s)
	}
}

func (e *encoder) number(name string, n uint64) {
	if n != 0 {
		e.name(name)
		e.b = strconv.AppendUint(e.b, n, 10)
	}
}

func (e *encoder) flag(name string, f bool) {
	if f {
		e.name(name)
		e.b = append(e.b, "true"...)
	}
}

func (e *encoder) span(name string, d time.Duration) {
	if d != 0 {
		e.text(name, d.String())
	}
}

// The years that RFC 3339 can write.
var (
	firstTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// time writes a time, if there is one.
func (e *encoder) time(name string, t time.Time) {
	if !t.IsZero() {
		e.stamp(name, t)
	}
}

// stamp writes a time. A deadline beyond the last year comes nearer by that.
func (e *encoder) stamp(name string, t time.Time) {
	if t = t.UTC(); t.After(lastTime) {
		t = lastTime
	} else if t.Before(firstTime) {
		t = firstTime
	}
	e.name(name)
	e.b = append(t.AppendFormat(append(e.b, '"'), time.RFC3339Nano), '"')
}

func (e *encoder) object(name string, members func()) {
	e.name(name)
	e.b = append(e.b, '{')
	members()
	e.b = append(e.b, '}')
}

// key writes a record. Without seen it leaves out when key and aliases were seen
// last, which may follow from the observation.
func (e *encoder) key(k *keyset.Key, seen bool) {
	e.text("thumbprint", k.Thumbprint)
	e.text("modulus", k.Modulus)
	e.text("alg", k.Alg)
	if isObject(k.JWK) { // else the record is as of a key that was never seen
		e.name("jwk")
		e.b = append(e.b, k.JWK...)
	}
	if len(k.Aliases) > 0 {
		e.name("kids")
		e.b = append(e.b, '[')
		for i, a := range k.Aliases {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			e.b = append(e.b, '{')
			e.text("kid", a.Kid)
			e.sightings(a.FirstSeen, a.LastSeen, seen)
			e.departure(a.Departure)
			e.b = append(e.b, '}')
		}
		e.b = append(e.b, ']')
	}
	e.sightings(k.FirstSeen, k.LastSeen, seen)
	e.time("activates", k.Activates)
	e.time("not_before", k.NotBefore)
	e.time("expires", k.Expires)
	e.departure(k.Departure)
	e.time("retired_at", k.RetiredAt)
	e.time("ordered_wall", k.OrderedWall)
	e.time("ordered_until", k.OrderedUntil)
	e.time("revoked_at", k.RevokedAt)
	e.flag("final", k.Final)
	e.flag("reinstated", k.Reinstated)
	e.text("reason", k.Reason)
	e.text("actor", k.Actor)
	e.time("returned_at", k.ReturnedAt)
	if k.Reverted != (keyset.Departure{}) {
		e.object("reverted", func() { e.departure(k.Reverted) })
	}
	e.text("told", k.Told.String())
}

// isObject tells whether b can stand in a line as it is.
func isObject(b []byte) bool {
	return len(b) > 0 && b[0] == '{' && bytes.IndexByte(b, '\n') < 0 && jsontext.Value(b).IsValid()
}

func (e *encoder) sightings(first, last time.Time, seen bool) {
	e.time("first_seen", first)
	if seen {
		e.time("last_seen", last)
	}
}

func (e *encoder) departure(d keyset.Departure) {
	e.time("left_at", d.LeftAt)
	e.time("grace_from", d.GraceFrom)
	e.time("grace_until", d.GraceUntil)
	e.flag("confirmed", d.Confirmed)
	e.span("drift", d.Drift)
}

func (e *encoder) tally(t keyset.Tally) {
	e.number("allowed", t.Allowed)
	e.number("denied", t.Denied)
	if t.Attempts != (keyset.Tally{}).Attempts {
		e.object("attempts", func() {
			for _, s := range [...]keyset.Signature{keyset.Valid, keyset.Invalid, keyset.Unchecked} {
				e.number(s.String(), t.Attempts[s])
			}
		})
	}
	e.time("last_used", t.LastUsed)
	e.time("latest_token_expiry", t.LatestExpiry)
	e.time("latest_token_issued", t.LatestIssued)
	e.span("longest_lifetime", t.LongestLifetime)
}

// scroll is lines in the making, each linked to the one before.
type scroll struct {
	encoder
	chain
}

// line appends a line.
func (s *scroll) line(at keyset.Instant, event string, members func()) {
	start := len(s.b)
	s.seq++
	s.b = append(s.b, '{')
	s.number("seq", s.seq)
	s.stamp("time", at.Wall)
	s.stamp("life", at.Life)
	s.text("prev", string(s.head[:]))
	s.text("event", event)
	if members != nil {
		members()
	}
	s.head = digest(s.b[start:])
	s.b = append(append(append(s.b, hashMark...), s.head[:]...), "\"}\n"...)
}
