package ledger

import (
	"bytes"
	"slices"
)

const (
	// maxGuess bounds a name from a line whose hash does not hold: a kid of a
	// healthy issuer is far shorter.
	maxGuess = 256
	// maxUnread bounds how many such lines are kept: each is held against all records,
	// and an operator reads far fewer. The rest is counted.
	maxUnread = 1000
)

// unread is a line that cannot be read, and the key that it seems to be about. That
// is for people alone: nothing in such a line can be trusted.
type unread struct {
	where string
	after uint64 // a line of a greater seq is newer
	iss   string
	id    ident // with its kid, where the line has both
}

// guess notes which key a line seems to be about that cannot be read.
func (r *salvaged) guess(text []byte, where string, after uint64) {
	head, _, _ := bytes.Cut(text, []byte(`,"key":{`))
	u := unread{where, after, member(head, "iss"), ident{kid: member(head, "kid"), thumbprint: member(head, "thumbprint")}}
	switch {
	case u.id == (ident{}), member(head, "event") == eventUsage:
	case len(r.unread) < maxUnread:
		r.unread = append(r.unread, u)
	default:
		r.unnamed++
	}
}

// member is a string of the line, as far as it can be made out.
func member(text []byte, name string) string {
	_, value, ok := bytes.Cut(text, []byte(`"`+name+`":`))
	if !ok {
		return ""
	}
	value = value[:valueEnd(value)]
	return string(unquoted(value[:min(len(value), maxGuess)]))
}

// doubts are the keys of which nothing can be told: what a line said is lost, no
// later record tells, and nothing says that the key is out of service for ever.
func (r *salvaged) doubts(images map[string]*image, lost []lostRecord) []grave {
	all := r.unread
	for _, l := range lost {
		if l.id != (ident{}) {
			all = append(all, unread{r.where(l.line), r.pieces[l.line-1].seq, l.iss, l.id})
		}
	}
	var doubts []grave
	for _, u := range all {
		g := grave{where: u.where, kid: u.id.kid, thumbprint: u.id.thumbprint}
		if p := r.past[u.iss]; p != nil {
			g.issuer = p.name
			if r.tells(p, images[u.iss], u) {
				continue
			}
		}
		doubts = append(doubts, g)
	}
	return doubts
}

// tells whether it is known how the key stands that a line names.
func (r *salvaged) tells(p *past, m *image, u unread) bool {
	id := u.id
	if id.thumbprint != "" {
		id.kid = ""
	}
	return m != nil && slices.ContainsFunc(m.entries, func(e *entry) bool {
		s := p.slots[id]
		return e.id == id && (e.key.Final || s != nil && r.pieces[s.line-1].seq > u.after)
	})
}
