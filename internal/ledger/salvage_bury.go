package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// maxBrief is how many keys one line names.
const maxBrief = 20

// grave is a key that salvage put out of service, or cannot tell of.
type grave struct {
	where      string // the line stands that says so
	issuer     string
	kid        string
	thumbprint string
}

func (g grave) String() string {
	words := []string{g.where + ":"}
	if g.issuer != "" {
		words = append(words, g.issuer)
	}
	if g.kid != "" {
		words = append(words, fmt.Sprintf("kid %.*q", maxGuess, g.kid))
	}
	if g.thumbprint != "" {
		words = append(words, fmt.Sprintf("thumbprint %q", g.thumbprint))
	}
	return strings.Join(words, " ")
}

// naming is the names of all of them.
func naming(graves []grave) string {
	words := make([]string, len(graves))
	for i, g := range graves {
		words[i] = g.String()
	}
	return strings.Join(words, ", ")
}

// shortly names the first of them.
func shortly(graves []grave) string {
	if n := len(graves) - maxBrief; n > 0 {
		return fmt.Sprintf("%s, and %d more", naming(graves[:maxBrief]), n)
	}
	return naming(graves)
}

// glean notes what can be told of a record that cannot be read as a whole: a member
// that is not known to this version must not bring a key back.
func (p *past) glean(s *slot, last time.Time) {
	var r struct {
		Final     bool      `json:"final"`
		RevokedAt time.Time `json:"revoked_at"`
		Kids      []struct {
			Kid string `json:"kid"`
		} `json:"kids"`
	}
	if json.Unmarshal(s.key, &r) != nil || !r.Final && r.RevokedAt.IsZero() {
		return
	}
	c := p.claim(s.id)
	if c.verdict == nothing {
		c.at = keyset.Instant{Wall: last, Life: last}
	}
	c.verdict, c.line = max(c.verdict, forEver), max(c.line, s.line)
	if !r.RevokedAt.IsZero() {
		c.verdict = revoked
	}
	if c.kid == "" && len(r.Kids) > 0 {
		c.kid = r.Kids[0].Kid
	}
}

// bury puts the keys of an issuer out of service of which the lines say so, and
// whose records do not.
func (r *replay) bury(p *past, m *image) {
	at := make(map[ident]int, len(m.entries))
	names := map[string]bool{}
	for i, e := range m.entries {
		at[e.id] = i
		for _, a := range e.key.Aliases {
			names[a.Kid] = true
		}
	}
	ids := slices.SortedFunc(maps.Keys(p.claims), func(a, b ident) int {
		return cmp.Or(cmp.Compare(p.claims[a].last(), p.claims[b].last()), cmp.Compare(a.thumbprint, b.thumbprint), cmp.Compare(a.kid, b.kid))
	})
	var burials []keyset.Burial
	for _, id := range ids {
		c := p.claims[id]
		i, known := at[id]
		if known && !c.contradicts(m.entries[i].key, p.slots[id].line) || !known && c.verdict == nothing && c.tried == 0 {
			continue
		}
		where := r.where(c.last())
		b := keyset.Burial{At: c.at, Order: keyset.Order{Action: keyset.Retire, Thumbprint: id.thumbprint, Kid: c.kid, Reason: c.reason, Actor: c.actor}}
		switch {
		case c.verdict == revoked:
			b.Order.Action = keyset.Revoke
		case c.verdict == nothing:
			b.At = c.triedAt
		}
		switch {
		case id.thumbprint == "":
			b.Order.Kid = id.kid
		case c.foreign && (known || names[c.kid]):
			b.Order.Kid = ""
		}
		if b.Order.Reason == "" {
			b.Order.Reason = where + " of a damaged ledger says so"
		}
		burials = append(burials, b)
		r.buried = append(r.buried, grave{where, m.name, b.Order.Kid, id.thumbprint})
	}
	if len(burials) == 0 {
		return
	}
	m.latest = m.latest.Bury(burials)
	for i, k := range m.latest.Keys() { // which keeps the order of those that were there
		if i < len(m.entries) {
			m.entries[i] = &entry{m.entries[i].id, k, m.entries[i].tally}
		} else {
			m.entries = append(m.entries, &entry{id: identOf(k), key: k})
		}
	}
}

// last is the last line of the claim.
func (c *claim) last() int { return max(c.line, c.tried) }

// contradicts tells whether the claim says that a key is out of service, and its
// newest record, which stands in the given line, says less.
func (c *claim) contradicts(k *keyset.Key, line int) bool {
	newer := c.line > line
	switch {
	case c.verdict == revoked:
		return k.RevokedAt.IsZero()
	case newer && c.verdict == forEver && !k.Final,
		newer && c.verdict == ended && k.State(c.at) < keyset.Retired,
		newer && c.verdict == withdrawn && k.State(c.at) < keyset.Grace:
		return true
	}
	// An attempt with a key in force was one with a name of it that is not.
	return c.tried > line && k.State(c.triedAt) < keyset.Retired && !slices.ContainsFunc(k.Aliases, func(a keyset.Alias) bool {
		return a.FirstSeen.IsZero() || !a.LeftAt.IsZero()
	})
}
