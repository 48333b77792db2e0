package ledger

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// recount makes the figures of a period from the lines of a ledger, one after the
// other. It is what an export is made with, and what one is checked with.
type recount struct {
	chain
	from, to time.Time // to: zero for all
	guard    string
	first    uint64 // seq of the first line
	lines    int
	kept     kept // up to the last line of the period
	broken   bool // the last line began a new chain, and must be told why

	replay   *replay
	subjects map[string]map[ident]*subject // by iss
	baseline int                           // records of the first snapshot that are yet to come
	begun    bool                          // the period has, and the states at its start are known
	latest   time.Time                     // latest lifecycle time of the lines that count
	last     time.Time                     // of all lines

	gaps    []Gap
	running bool      // a guard was writing
	alive   time.Time // when it last did
	stopped time.Time // when it said that it would stop; zero: it did not
}

// kept is the place of a line.
type kept struct {
	chain
	lines int
}

func newRecount(from, to time.Time) *recount {
	return &recount{from: from.UTC(), to: to.UTC(), replay: newReplay(), subjects: map[string]map[ident]*subject{}}
}

// mention is the members of a line of which a replay has no need.
type mention struct {
	Guard   string    `json:"guard"`
	Format  uint64    `json:"format"`
	Version string    `json:"version"`
	Records int       `json:"records"`
	Damage  string    `json:"damage"`
	Aside   string    `json:"aside"`
	Cut     uint64    `json:"cut_bytes"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Errors  uint64    `json:"errors"`
	LeftOut uint64    `json:"events_left_out"`
	To      string    `json:"to"`
	Action  string    `json:"action"`
	Anomaly string    `json:"anomaly"`
	Detail  string    `json:"detail"`
	Reason  string    `json:"reason"`
	Actor   string    `json:"actor"`
	Forced  bool      `json:"forced"`
}

// check parses the next line and finds its place in the chain. Nothing changes if
// that fails.
func (r *recount) check(text []byte) (line, error) {
	l, err := parse(text)
	if err != nil {
		return l, err
	}
	opens, fresh := string(l.event) == eventOpened, string(l.prev) == string(begin[:])
	switch {
	case l.seq == 0 || l.seq > maxSeq:
		return l, errForm
	case r.broken && string(l.event) != eventLoss:
		return l, fmt.Errorf("a new chain begins before it, without the line %s that says why", eventLoss)
	case r.seq != 0 && l.seq == r.seq+1 && string(l.prev) == string(r.head[:]):
		return l, nil
	case !opens && r.seq == 0:
		return l, fmt.Errorf("the first line must be %s, with the snapshot before the period", eventOpened)
	case opens && r.seq == 0, opens && fresh, opens && l.seq > r.seq+1:
		return l, nil
	}
	return l, errChain
}

// within tells whether the line counts: what was written later is no part of it.
func (r *recount) within(l *line) bool { return r.to.IsZero() || !l.life.After(r.to) }

// take takes in a line that was checked.
func (r *recount) take(l *line) error {
	r.lines++
	missing := uint64(0)
	switch fresh := string(l.prev) == string(begin[:]); {
	case r.seq == 0:
		r.first = l.seq
		if r.from.IsZero() {
			r.from = l.life
		}
		if l.life.After(r.from) {
			r.gaps = append(r.gaps, Gap{Kind: GapNone, Since: r.from, Until: l.life})
		}
		r.broken = fresh && l.seq > 1
		r.running = !fresh
	case string(l.event) == eventOpened && fresh:
		r.broken = true
	case string(l.event) == eventOpened && l.seq > r.seq+1:
		missing = l.seq - r.seq - 1
	default:
		r.broken = false
	}
	r.seq = l.seq
	copy(r.head[:], l.hash)
	r.last = later(r.last, l.life)
	if !r.within(l) {
		return nil
	}
	r.kept = kept{r.chain, r.lines}
	r.latest = later(r.latest, l.life)
	if missing > 0 {
		r.gaps = append(r.gaps, Gap{Kind: GapMissing, Since: r.alive, Until: l.life, Seq: l.seq, Lines: missing})
		r.running, r.alive, r.stopped = true, l.life, time.Time{}
	}
	if !r.begun && r.baseline == 0 && r.lines > 1 && !l.life.Before(r.from) && string(l.event) != eventLoss {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if err := r.tell(l); err != nil {
		return err
	}
	if r.running {
		r.alive = later(r.alive, l.life)
	}
	return nil
}

// tell takes in what the line says.
func (r *recount) tell(l *line) error {
	var m mention
	switch event := string(l.event); event {
	case eventOpened, eventLoss, eventStarted, eventStopped, eventGap,
		string(keyset.EventState), string(keyset.EventOrdered), string(keyset.EventAnomaly):
		if err := json.Unmarshal(l.text, &m); err != nil {
			return err
		}
	}
	if m.Guard != "" {
		r.guard = m.Guard
	}
	switch string(l.event) {
	case eventOpened:
		if m.Format == 0 || m.Records < 0 {
			return errForm
		}
		if m.Format > format {
			return fmt.Errorf("%w (format %d, by version %q; this one knows format %d): use that version", errNewer, m.Format, m.Version, format)
		}
		if r.lines == 1 {
			r.baseline = m.Records
		}
		return nil
	case eventLoss:
		return r.lose(l, &m)
	case eventStarted:
		r.start(l, &m)
	case eventStopped:
		r.running, r.stopped, r.alive = false, l.life, later(r.alive, l.life)
	case eventGap:
		r.gaps = append(r.gaps, Gap{Kind: GapFailing, Since: m.Since, Until: m.Until, Seq: l.seq, Errors: m.Errors, Events: m.LeftOut})
	}
	if m.Anomaly == wordStepped {
		r.gaps = append(r.gaps, Gap{Kind: GapClock, Since: l.life, Until: l.life, Seq: l.seq, Drift: m.Detail})
	}
	if l.iss == nil {
		return nil
	}
	return r.account(l, &m)
}

// start notes that a guard began to write, and since when none did.
func (r *recount) start(l *line, m *mention) {
	if since := later(r.alive, r.stopped); !since.IsZero() {
		r.gaps = append(r.gaps, Gap{Kind: GapDown, Since: since, Until: l.life, Seq: l.seq, Killed: r.stopped.IsZero()})
	}
	if m.Cut > 0 {
		r.gaps = append(r.gaps, Gap{Kind: GapTorn, Since: later(r.alive, r.stopped), Until: l.life, Seq: l.seq, Bytes: m.Cut})
	}
	r.running, r.stopped = true, time.Time{}
}

// lose notes that a new chain begins with what could be saved of the one before.
func (r *recount) lose(l *line, m *mention) error {
	r.gaps = append(r.gaps, Gap{Kind: GapLoss, Since: r.alive, Until: l.life, Seq: l.seq, Damage: m.Damage, Aside: m.Aside})
	r.running = false
	for iss, p := range r.replay.past {
		for id, s := range p.slots {
			r.subject(iss, id).leave(s, l.life)
		}
	}
	r.replay = newReplay()
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
