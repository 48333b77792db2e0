package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// view is what guard and model must agree upon about a record: facts that the
// admin API shows and that a restart must bring back.
type view struct {
	id        string // thumbprint, or "kid:" and the kid of one that is known by that alone
	kids      string // sorted
	state     state
	final     bool
	listed    bool
	firstSeen moment
	lastSeen  moment
	left      string // of the key and of each kid: left_at, and whether it is confirmed
	until     moment
	activates moment // 0: no delay, or one that is over at first sight
	notBefore moment
	expires   moment
}

func (v view) String() string {
	at := func(m moment) string {
		if m == 0 {
			return "-"
		}
		return epoch.Add(m).Format("15:04:05.000")
	}
	final := ""
	if v.final {
		final = "!"
	}
	return fmt.Sprintf("%s(%s) %s%s first %s last %s activates %s nbf %s exp %s until %s left [%s]", label(v.id), v.kids, v.state, final,
		at(v.firstSeen), at(v.lastSeen), at(v.activates), at(v.notBefore), at(v.expires), at(v.until), v.left)
}

// label is the name of a key in stories.
func label(thumb string) string {
	for _, k := range materials() {
		if k.thumb == thumb {
			return k.label
		}
	}
	return thumb
}

// waiting is the view of a key that was reinstated, until the issuer lists it.
func (v view) waiting() view {
	v.left, v.until = "reinstated", 0
	return v
}

// settled leaves out of a view what no longer matters once a key is out of
// service for ever: nobody decides by it.
func (v view) settled() view {
	if v.final && (v.state == retired || v.state == revoked) {
		return view{id: v.id, kids: v.kids, state: v.state, final: true}
	}
	return v
}

func leaving(kid string, left moment, confirmed bool) string {
	s := fmt.Sprintf("%s:%d", kid, left)
	if confirmed {
		s += "+"
	}
	return s
}

func (r *record) view(now instant) view {
	v := view{
		id: r.thumb, state: r.state(now), final: r.final, listed: r.seen,
		firstSeen: r.firstSeen, lastSeen: r.lastSeen, until: sooner(r.until, r.orderUntil).life,
		notBefore: r.listing.notBefore, expires: r.listing.expires,
	}
	if r.activates > r.firstSeen {
		v.activates = r.activates
	}
	left := []string{leaving("", r.left, r.confirmed)}
	var names []string
	for _, n := range r.names {
		names = append(names, n.kid)
		left = append(left, leaving(n.kid, n.left, n.confirmed))
	}
	if v.id == "" {
		v.id = "kid:" + names[0]
	}
	if v = v.complete(names, left); r.reinstated && !r.final {
		return v.waiting()
	}
	return v
}

func (v view) complete(names, left []string) view {
	slices.Sort(names)
	slices.Sort(left)
	v.kids, v.left = strings.Join(names, ","), strings.Join(left, " ")
	return v.settled()
}

// views are those of all records, sorted.
func (m *issuer) views(now instant) []view {
	var all []view
	for _, r := range m.records {
		all = append(all, r.view(now))
	}
	return sorted(all)
}

func viewOf(k *keyset.Key, now keyset.Instant) view {
	v := view{
		id: k.Thumbprint, state: state(k.State(now).String()), final: k.Final, listed: k.Seen(),
		firstSeen: momentOf(k.FirstSeen), lastSeen: momentOf(k.LastSeen), until: momentOf(k.GraceUntil),
		notBefore: momentOf(k.NotBefore), expires: momentOf(k.Expires),
	}
	if k.Activates.After(k.FirstSeen) {
		v.activates = momentOf(k.Activates)
	}
	left := []string{leaving("", momentOf(k.LeftAt), k.Confirmed)}
	var names []string
	for _, a := range k.Aliases {
		names = append(names, a.Kid)
		left = append(left, leaving(a.Kid, momentOf(a.LeftAt), a.Confirmed))
	}
	if v.id == "" {
		v.id = "kid:" + names[0]
	}
	if v = v.complete(names, left); k.Reinstated && !k.Final {
		return v.waiting()
	}
	return v
}

func sorted(all []view) []view {
	slices.SortFunc(all, func(a, b view) int { return cmp.Compare(a.id, b.id) })
	return all
}
