package ledger

import (
	"regexp"
	"slices"
)

const (
	// maxGuess bounds a name from a line whose hash does not hold: a kid of a
	// healthy issuer is far shorter.
	maxGuess = 256
	// maxUnread bounds how many such names are kept: each is held against all records,
	// and an operator reads far fewer. The lines of the rest are counted.
	maxUnread = 1000
)

// unread is a line that cannot be read, and the key that it seems to be about. That
// is for people alone: nothing in such a line can be trusted.
type unread struct {
	where string
	after uint64 // a line of a greater seq is newer
	name
}

// name is what a key is called in such a line.
type name struct {
	iss string
	id  ident // with its kid, where the line has both
}

// subjects are the members of a line that say what it is about, which follow one another.
// Those of its record are not among them: there, they come first in their object.
var subjects = regexp.MustCompile(`,"(event|issuer|iss|kid|thumbprint)":("(?:[^"\\]|\\.)*"?)`)

// guess notes which keys a text seems to be about that cannot be read. It may be the
// head of one line and the tail of another.
func (r *salvaged) guess(text []byte, where string, after uint64) {
	u, event := unread{where: where, after: after}, ""
	for m := subjects.FindSubmatchIndex(text); m != nil; m = subjects.FindSubmatchIndex(text) {
		if m[0] > 0 {
			r.note(u, event)
			u.name, event = name{}, ""
		}
		value := string(unquoted(text[m[4]:min(m[5], m[4]+maxGuess)]))
		switch string(text[m[2]:m[3]]) {
		case "event":
			event = value
		case "iss":
			u.iss = value
		case "kid":
			u.id.kid = value
		case "thumbprint":
			u.id.thumbprint = value
		}
		text = text[m[5]:]
	}
	r.note(u, event)
}

// note keeps a name, and the newest line that has it.
func (r *salvaged) note(u unread, event string) {
	if event == eventUsage {
		u.after = 0 // it tells nothing that any record would not
	}
	i, known := r.names[u.name]
	switch {
	case u.id == (ident{}):
	case known && r.unread[i].after < u.after:
		r.unread[i] = u
	case known:
	case len(r.unread) < maxUnread:
		r.names[u.name] = len(r.unread)
		r.unread = append(r.unread, u)
	default:
		r.unnamed++
	}
}

// doubts are the keys of which nothing can be told: what a line said is lost, no
// later record tells, and nothing says that the key is out of service for ever.
func (r *salvaged) doubts(images map[string]*image, lost []lostRecord) []grave {
	all := r.unread
	for _, l := range lost {
		if l.id != (ident{}) {
			all = append(all, unread{r.where(l.line), r.pieces[l.line-1].seq, name{l.iss, l.id}})
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
