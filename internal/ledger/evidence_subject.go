package ledger

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// subject is one key whose account is being made.
type subject struct {
	iss, name, kid string
	id             ident
	order          int    // the line that brought it
	start          string // its state when the period began
	touched        time.Time

	current bool  // it has a record
	left    *slot // its last record, once it has none any more

	tally    keyset.Tally // as the guard counts
	last     time.Time    // latest acceptance ever
	expiry   time.Time    // of the tokens accepted ever
	out      time.Time    // since when it is told as retired or revoked; zero: it is not
	ended    time.Time    // since when it is, by its record
	endedFor int          // the line of that record

	history   []Passage
	orders    []Ordered
	anomalies []Abnormal

	allowed, denied uint64
	after           uint64 // allowed, after it was out of service
	attempts        Attempts
	firstBy, used   time.Time
}

// hold notes that there is a record. Without counts, one that is new counts from
// zero.
func (s *subject) hold(counts bool) {
	if !s.current && !counts {
		s.tally = keyset.Tally{}
	}
	s.current, s.left = true, nil
}

// leave notes that the record is gone.
func (s *subject) leave(last *slot, at time.Time) {
	s.current, s.left, s.touched = false, last, at
}

// event takes in what happened to the key.
func (s *subject) event(l *line, m *mention, counts bool) {
	switch string(l.event) {
	case string(keyset.EventState):
		switch {
		case m.To != keyset.Retired.String() && m.To != keyset.Revoked.String():
			s.out = time.Time{}
		case s.out.IsZero():
			s.out = l.life
		}
		if counts {
			p := Passage{State: m.To, At: l.life, Actor: m.Actor, Reason: m.Reason, Seq: l.seq}
			if d := l.time.Sub(l.life).Abs(); d >= time.Second {
				p.Wall = l.time
			}
			s.history = append(s.history, p)
		}
	case string(keyset.EventOrdered):
		if counts {
			s.orders = append(s.orders, Ordered{Action: m.Action, At: l.life, Actor: m.Actor, Reason: m.Reason, Forced: m.Forced, Seq: l.seq})
		}
	case string(keyset.EventAnomaly):
		if counts {
			s.anomalies = append(s.anomalies, Abnormal{Anomaly: m.Anomaly, Kid: string(unquoted(l.kid)), At: l.life, Seq: l.seq})
		}
	}
}

// count takes in usage: what was counted more, or with a record, in all. Then the
// difference was counted since the last usage line.
func (s *subject) count(t keyset.Tally, total, counts bool, record *slot) error {
	more := t
	if total {
		more.Allowed, more.Denied = grown(t.Allowed, s.tally.Allowed), grown(t.Denied, s.tally.Denied)
		for i := range t.Attempts {
			more.Attempts[i] = grown(t.Attempts[i], s.tally.Attempts[i])
		}
		s.tally = t
	} else {
		s.tally.Allowed += t.Allowed
		s.tally.Denied += t.Denied
		for i := range t.Attempts {
			s.tally.Attempts[i] += t.Attempts[i]
		}
	}
	s.last, s.expiry = later(s.last, t.LastUsed), later(s.expiry, t.LatestExpiry)
	if !counts {
		return nil
	}
	s.allowed += more.Allowed
	s.denied += more.Denied
	s.attempts.add(more)
	if more.Allowed == 0 {
		return nil
	}
	if s.firstBy.IsZero() {
		s.firstBy = t.LastUsed
	}
	s.used = later(s.used, t.LastUsed)
	if s.out.IsZero() {
		return nil
	}
	since, err := s.since(record)
	if err == nil && t.LastUsed.After(since.Add(inFlight)) {
		s.after += more.Allowed
	}
	return err
}

// since is when the key that is out of service went: a deadline may have passed
// some time before anybody told.
func (s *subject) since(record *slot) (time.Time, error) {
	if record == nil {
		return s.out, nil
	}
	if s.endedFor != record.line {
		k, err := readBare(record.key)
		if err != nil {
			return s.out, fmt.Errorf("key: %w", err)
		}
		s.ended, s.endedFor = k.Ended(keyset.Instant{Wall: s.out, Life: s.out}), record.line
	}
	return sooner(s.ended, s.out), nil
}

// account is what is told of the key. Its record is k; at is the end of the period.
func (s *subject) account(k *keyset.Key, at time.Time) Account {
	a := Account{
		Issuer: s.name, Iss: s.iss, Kid: s.kid, Thumbprint: s.id.thumbprint,
		StateAtStart: s.start, Forgotten: !s.current,
		History: s.history, Orders: s.orders, Anomalies: s.anomalies,
		Allowed: s.allowed, Denied: s.denied, Attempts: s.attempts,
		Before: Split{s.allowed - s.after, s.denied - s.attempts.Sum()}, After: Split{s.after, s.attempts.Sum()},
		FirstUsedBy: s.firstBy, LastUsed: s.used, LatestAcceptance: s.last, LatestExpiry: s.expiry,
	}
	if k == nil {
		return a
	}
	now := keyset.Instant{Wall: at, Life: at}
	a.Kid, a.Alg, a.Material = cmp.Or(k.Kid(), s.kid), k.Alg, material(k.JWK)
	if len(k.Aliases) > 1 {
		for _, alias := range k.Aliases {
			a.Kids = append(a.Kids, alias.Kid)
		}
	}
	a.FirstSeen, a.LeftAt, a.GraceUntil = k.FirstSeen, k.LeftAt, k.GraceUntil
	state := k.State(now)
	if s.current {
		a.State, a.NIST = state.String(), state.NIST()
	}
	switch action := ordered(k); state {
	case keyset.Retired, keyset.Revoked:
		a.Ended = &Ended{Since: sooner(k.Ended(now), s.out), Action: string(action), Actor: k.Actor, Reason: k.Reason, Final: k.Final}
		a.Ended.Accepted = s.last.After(a.Ended.Since.Add(inFlight))
	}
	a.Window = s.window(k, now)
	return a
}

// ordered is the order that put the key out of service, or will.
func ordered(k *keyset.Key) keyset.Action {
	switch {
	case !k.RevokedAt.IsZero() && k.Actor != "":
		return keyset.Revoke
	case k.RevokedAt.IsZero() && k.Final && !k.OrderedUntil.IsZero():
		return keyset.Retire
	}
	return ""
}

// window measures the trust window, from whatever came first.
func (s *subject) window(k *keyset.Key, now keyset.Instant) *Window {
	w := Window{Open: k.State(now).Usable()}
	begin := func(cause string, at time.Time) {
		if !at.IsZero() && !at.After(now.Life) && (w.Since.IsZero() || at.Before(w.Since)) {
			w.Cause, w.Since = cause, at
		}
	}
	begin("withdrawn", k.LeftAt)
	begin(string(keyset.Revoke), k.RevokedAt)
	if ordered(k) == keyset.Retire {
		begin(string(keyset.Retire), k.RetiredAt)
	}
	if w.Since.IsZero() || !k.Seen() {
		return nil
	}
	if s.last.After(w.Since) {
		w.Last, w.Seconds = s.last, s.last.Sub(w.Since).Seconds()
	}
	return &w
}

// material is type and size of a public key, for an inventory.
func material(jwk []byte) string {
	var m struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		N   string `json:"n"`
	}
	if len(jwk) == 0 || json.Unmarshal(jwk, &m) != nil || m.Kty == "" {
		return ""
	}
	if m.Crv != "" {
		return m.Kty + " " + m.Crv
	}
	n, err := base64.RawURLEncoding.DecodeString(m.N)
	if err != nil || len(n) == 0 {
		return m.Kty
	}
	return fmt.Sprintf("%s %d", m.Kty, 8*len(n))
}

// grown is how much a total has grown. One that shrank lost lines, and counts for
// nothing: what it held was counted before.
func grown(n, before uint64) uint64 {
	if n < before {
		return 0
	}
	return n - before
}

// sooner is the earlier of two times; a zero time is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
