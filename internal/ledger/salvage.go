package ledger

import (
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// A record stands in the first line of what happened to a key; the lines after it
// only say what happened. If that first line is lost, these are all that tells that
// the key is out of service, and they count. A key that a line says was withdrawn or
// out of service is out of service for ever, unless a record that is as new as the
// line says more, or a later line says that this was undone. Fail closed: an operator
// can reinstate a key, but nobody notices that one was forgotten.

// verdict is what a line says of a key; a greater one is stricter.
type verdict int

const (
	nothing   verdict = iota
	withdrawn         // in grace, nobody knows until when
	ended             // retired, perhaps not for ever
	forEver           // final
	revoked
)

// claim is what the lines say of one key, beside its records.
type claim struct {
	verdict
	line          int // the last one that says it
	at            keyset.Instant
	kid           string
	foreign       bool // the kid is that of a document, and may be another key's
	reason, actor string
	undone        bool // a reinstatement was the last order
	tried         int  // the line that tells of attempts with it, while it was out of service
	triedAt       keyset.Instant
	back          bool // it came back into service since its last usage line
}

// said is the members of a line that say how a key stands.
type said struct {
	Kid        string         `json:"kid"`
	Thumbprint string         `json:"thumbprint"`
	From       string         `json:"from"`
	To         string         `json:"to"`
	Action     keyset.Action  `json:"action"`
	Anomaly    keyset.Anomaly `json:"anomaly"`
	Reason     string         `json:"reason"`
	Actor      string         `json:"actor"`
	Usage      usage          `json:"usage"`
	Key        struct {
		RevokedAt time.Time `json:"revoked_at"`
	} `json:"key"`
}

// verdict is what the line says, if it is that a key is not in force.
func (s *said) verdict(event keyset.EventType) verdict {
	switch {
	case s.Action == keyset.Revoke, !s.Key.RevokedAt.IsZero(), s.To == keyset.Revoked.String(), event == keyset.EventDistrusted, s.Anomaly == keyset.PrivateKeyPublished:
		return revoked
	case s.Action == keyset.Retire, event == keyset.EventFinal, s.Anomaly == keyset.RetiredKeyReturned:
		return forEver
	case s.To == keyset.Retired.String():
		return ended
	case s.To == keyset.Grace.String():
		return withdrawn
	}
	return nothing
}

// hear notes what a line says of a key beside its record. It tells whether that is
// all there is to do: a record that is gone is kept until it is known why.
func (p *past) hear(l *line, number int) (done bool) {
	var s said
	if json.Unmarshal(l.text, &s) != nil {
		return false
	}
	id := ident{thumbprint: s.Thumbprint}
	if s.Thumbprint == "" {
		id.kid = s.Kid
	}
	if id == (ident{}) {
		return false
	}
	c, event, at := p.claim(id), keyset.EventType(l.event), keyset.Instant{Wall: l.time, Life: l.life}
	slot := p.slots[id]
	if slot != nil && slot.line > c.line && c.verdict < revoked {
		c.verdict = nothing // the record is newer
	}
	switch v := s.verdict(event); {
	case v > nothing:
		if v > c.verdict {
			c.verdict, c.at, c.kid, c.reason, c.actor = v, at, s.Kid, s.Reason, s.Actor
			c.foreign = event == keyset.EventAnomaly
		}
		c.line, c.undone = number, false
	case s.Action == keyset.Reinstate:
		c.undo(forEver)
		c.undone = true
	case s.To != "":
		c.undo(ended)
	}
	if s.From == keyset.Retired.String() || event == keyset.EventReturned || event == keyset.EventAliasBack {
		c.back, c.tried = true, 0
	}
	switch string(event) {
	case eventUsage:
		if s.Usage.tally().Attempts != (keyset.Tally{}).Attempts && !c.back {
			c.tried, c.triedAt = number, at
			if c.kid == "" {
				c.kid = s.Kid
			}
		}
		c.back = false
	case eventForgotten, string(keyset.EventDropped):
		if !c.undone && slot != nil {
			slot.gone, slot.goneAt = number, at
			return true
		}
	}
	return false
}

// claim is that of a key, made when it is first needed.
func (p *past) claim(id ident) *claim {
	c, ok := p.claims[id]
	if !ok {
		c = &claim{}
		p.claims[id] = c
	}
	return c
}

// undo takes back what was said, if it is no stricter than the bound. A revocation
// is never undone.
func (c *claim) undo(bound verdict) {
	if c.verdict <= bound {
		c.verdict = nothing
	}
	c.back, c.tried = true, 0
}

// rename moves what was said of a key by its kid to its thumbprint.
func (p *past) rename(was, id ident) {
	old, ok := p.claims[was]
	if !ok {
		return
	}
	delete(p.claims, was)
	if c, ok := p.claims[id]; !ok || c.verdict < old.verdict {
		p.claims[id] = old
	}
}
