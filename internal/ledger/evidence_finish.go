package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// finish is the evidence once the last line was taken in. Errors name the line, in
// the order in which they were taken in.
func (r *recount) finish(readKey func([]byte) (keyset.Listed, error)) (*Evidence, error) {
	if r.broken {
		return nil, fmt.Errorf("it ends amid the beginning of a chain, before %s", eventLoss)
	}
	if !r.begun {
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	e := &Evidence{
		Format: evidenceFormat, Guard: r.guard, From: r.from, To: r.to,
		Head: string(r.kept.head[:]), HeadSeq: r.kept.seq, FirstSeq: r.first, Lines: r.kept.lines,
	}
	if e.To.IsZero() {
		e.To = r.latest
	}
	images, lost := r.replay.images(readKey)
	if len(lost) > 0 {
		return nil, lineError{lost[0].line, lost[0].err}
	}
	at := e.To
	if r.latest.Before(at) {
		at = r.latest
	}
	for _, iss := range slices.Sorted(maps.Keys(r.subjects)) {
		records := map[ident]*keyset.Key{}
		if m := images[iss]; m != nil {
			for _, e := range m.entries {
				records[e.id] = e.key
			}
		}
		subjects := slices.SortedFunc(maps.Values(r.subjects[iss]), compareSubjects)
		for _, s := range subjects {
			if !s.current && s.touched.Before(r.from) {
				continue // it was gone before the period
			}
			k := records[s.id]
			if s.left != nil {
				var err error
				if k, err = readBare(s.left.key); err != nil {
					return nil, lineError{s.left.line, fmt.Errorf("key: %w", err)}
				}
			}
			e.Keys = append(e.Keys, s.account(k, at))
		}
	}
	e.Gaps = r.holes(e.To)
	return e, nil
}

func compareSubjects(a, b *subject) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id.thumbprint, b.id.thumbprint), cmp.Compare(a.id.kid, b.id.kid))
}

// holes are the gaps of the period, the one at its end included.
func (r *recount) holes(to time.Time) []Gap {
	gaps := slices.DeleteFunc(slices.Clone(r.gaps), func(g Gap) bool {
		return g.Until.Before(r.from) || g.Since.After(to)
	})
	switch {
	case !r.stopped.IsZero() && to.After(r.stopped):
		gaps = append(gaps, Gap{Kind: GapDown, Since: r.stopped, Until: to})
	case r.stopped.IsZero() && to.After(r.latest):
		gaps = append(gaps, Gap{Kind: GapNone, Since: r.latest, Until: to})
	}
	return gaps
}

// lineError is what is wrong with a line, by its number among those that were
// taken in.
type lineError struct {
	number int
	err    error
}

func (e lineError) Error() string { return e.err.Error() }
func (e lineError) Unwrap() error { return e.err }

// ErrPeriod says that a ledger has nothing of the period.
var ErrPeriod = errors.New("nothing is on record")
