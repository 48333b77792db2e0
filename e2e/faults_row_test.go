package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A fault is one row of the table: what breaks, and what shows of it.
type fault struct {
	name  string
	begin func(*patient) // brings it about
	end   func(*patient) // takes the cause away, and starts what somebody has to start

	users   []int  // what a good token may get meanwhile; noAnswer: nobody listens
	settled int    // and gets in the end
	reason  string // for which the guard says that it does; empty: it is not asked
	ready   string // what /readyz says meanwhile
	told    []sign // what the operator sees meanwhile
	well    []sign // by which the operator sees that it is over

	lasts     time.Duration  // at least; [leastFault] if that is more
	meanwhile func(*patient) // what else holds while it lasts; may be nil
}

// leastFault is long enough for a few dozen requests.
const leastFault = 2 * time.Second

// noAnswer is the status of a request that got none.
const noAnswer = 0

// A faultRow is what was seen of a fault.
type faultRow struct {
	name          string
	users         string
	told, ready   string
	refused       int // of the tokens that have to be
	served, again time.Duration
	failed        bool // good tokens at all
}

// suffer goes through a fault, from good health to good health.
func (p *patient) suffer(f fault) faultRow {
	p.t.Helper()
	p.note()
	began := time.Now()
	p.wasWell(began)
	f.begin(p)
	p.until(fmt.Sprintf("good tokens get %d", f.settled), func() bool { return p.last(began, 3, f.settled) })
	p.see("told", f.told)
	if f.reason != "" {
		p.await("while it lasts", p.key.Token(p.usual()), f.settled, f.reason)
		p.judgeAll()
	}
	if f.meanwhile != nil {
		f.meanwhile(p)
	}
	ready := p.readiness()
	if ready != f.ready {
		p.t.Errorf("/readyz says %s, want %s", ready, f.ready)
	}
	p.until("it lasts", func() bool { return time.Since(began) >= max(f.lasts, leastFault) && p.last(began, 2, f.settled) })

	p.note()
	ended := time.Now()
	f.end(p)
	p.see("well again", f.well)
	again := time.Since(ended)
	p.until("good tokens pass", func() bool { return p.last(ended, 5, http.StatusOK) })

	row := faultRow{
		name: f.name, users: p.statuses(began, ended), told: signNames(f.told), ready: ready,
		refused: len(p.between(began, time.Time{}, bad)), again: again,
	}
	for _, s := range p.between(began, time.Time{}, good) {
		if s.status != http.StatusOK {
			row.failed = true
			row.served = max(row.served, s.ended.Sub(ended))
		}
		if s.status != http.StatusOK && !slices.Contains(f.users, s.status) {
			p.t.Errorf("%v after it began, a good token got %d", s.began.Sub(began).Round(time.Millisecond), s.status)
		}
	}
	if row.refused == 0 {
		p.t.Error("no token was sent that has to be refused")
	}
	for _, s := range p.between(began, time.Time{}, bad) {
		if s.passed {
			p.t.Errorf("%v after it began, the token %q passed", s.began.Sub(began).Round(time.Millisecond), probes[s.probe].name)
		}
	}
	return row
}

// wasWell wants all good tokens between the fault before and this one to have passed.
func (p *patient) wasWell(until time.Time) {
	p.t.Helper()
	for _, s := range p.between(p.wellSince, until, good) {
		if s.ended.Before(until) && s.status != http.StatusOK {
			p.t.Errorf("%v before it began, a good token got %d", until.Sub(s.began).Round(time.Millisecond), s.status)
		}
	}
}

// judgeAll wants all bad tokens to be refused for their own reason: those of keys out
// of service whatever else is wrong, and the others unless the guard cannot tell.
func (p *patient) judgeAll() {
	p.t.Helper()
	for _, probe := range probes[1:] {
		a := p.judge(probe.token(p))
		final := probe.reason == "key_retired" || probe.reason == "key_revoked"
		if a.Status == http.StatusOK || final && (a.Status != http.StatusUnauthorized || value(a.Reason) != probe.reason) {
			p.t.Errorf("%s, want %s: %s", probe.name, probe.reason, a.Line)
		}
	}
}

// statuses says what good tokens got in a span of time, the most frequent first.
func (p *patient) statuses(from, to time.Time) string {
	counts, total := map[int]int{}, 0
	for _, s := range p.between(from, to, good) {
		counts[s.status]++
		total++
	}
	var all []int
	for status := range counts {
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b int) int { return counts[b] - counts[a] })
	text := ""
	for _, status := range all {
		name := fmt.Sprint(status)
		if status == noAnswer {
			name = "no connection"
		}
		if text != "" {
			text += ", "
		}
		if text += name; len(all) > 1 {
			text += fmt.Sprintf(" (%d of %d)", counts[status], total)
		}
	}
	return text
}
