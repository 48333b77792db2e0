package jwkscache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// owner is the one goroutine that changes a cache. Everything in it belongs to
// that goroutine alone, but for the fetch under way, which shares nothing with
// it and comes back through a channel.
type owner struct {
	*Cache
	*schedule
	ctx      context.Context
	source   fetcher
	slots    chan struct{}   // a fetch takes a place in it
	epoch    int             // counts the sources: a landing of an earlier one is void
	document keyset.Document // of the last observation, for "not modified"
	landed   chan landing    // holds one: the fetch under way
	airborne bool
	abandon  context.CancelFunc // of the fetch under way

	held   keyset.Instant // of the last observation, if part of it waits to be kept
	retry  time.Time      // when to try that again
	asking *outcome       // of the next fetch; nil: nobody waits for it
	aboard *outcome       // of the one under way
}

// errReconfigured ends a fetch whose answer nobody needs any more.
var errReconfigured = errors.New("the configuration changed meanwhile, and names another source")

// landing is a fetch that has come back.
type landing struct {
	epoch  int // a changed configuration has another source by now
	cause  Cause
	start  keyset.Instant
	took   time.Duration
	answer answer
	doc    keyset.Document
	err    *FetchError
}

// run lives until ctx ends. It waits for the fetch under way.
func (c *Cache) run(ctx context.Context, source fetcher) {
	o := &owner{Cache: c, ctx: ctx, landed: make(chan landing, 1), abandon: func() {}}
	o.ask(source)
	o.schedule = newSchedule(c.Config().Params, remote(source), time.Now())
	if set := c.Set(); !set.Observed().IsZero() {
		o.publish(set, nil)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var slots chan<- struct{} // nil but while a fetch is due
	for {
		select {
		case <-ctx.Done():
			if o.airborne {
				<-o.landed
			}
			o.flight.land(false)
			return
		case l := <-o.landed:
			o.land(l)
		case slots <- struct{}{}:
			o.launch()
		case <-c.wake:
		case <-timer.C:
		}
		if slots = nil; ctx.Err() != nil {
			continue // whoever waits for an order is told that it was not carried out
		}
		for _, f := range c.take() {
			f(o)
		}
		idle, due := o.step()
		if due {
			slots = o.slots
		}
		timer.Reset(idle)
	}
}

// ask makes source the one to be asked from now on. Files and what stands in the
// configuration need not wait for servers that hang.
func (o *owner) ask(source fetcher) {
	o.source, o.slots = source, o.group.slots
	o.epoch++
	if !remote(source) {
		o.slots = make(chan struct{}, 1)
	}
}

// step does what is due, and tells how long nothing more will be, and whether a
// fetch is.
func (o *owner) step() (idle time.Duration, due bool) {
	now := o.group.clock.Now()
	if set, events := o.Set().Advance(now); set != o.Set() {
		o.publish(set, events)
	}
	if !o.held.IsZero() && !time.Now().Before(o.retry) {
		o.observe(o.held)
	}
	if at, ok := o.Set().ConfirmAt(now); ok {
		o.want(CauseConfirm, time.Now().Add(at.Sub(now.Life)))
	}
	idle = time.Hour // whatever comes sooner wakes us
	if f, ok := o.source.(interface{ changed() bool }); ok {
		idle = fileTick
		if f.changed() {
			o.patience = time.Time{} // what failed was the file as it was
			o.want(CauseFile, time.Now())
		}
	}
	if next, ok := o.Set().Next(now); ok {
		idle = min(idle, next)
	}
	if !o.held.IsZero() {
		idle = min(idle, time.Until(o.retry))
	}
	if !o.airborne {
		at, _ := o.due()
		wait := time.Until(at)
		if due = wait <= 0; !due {
			idle = min(idle, wait)
		}
	}
	return max(idle, time.Millisecond), due
}

// launch starts the fetch that is due; its place in the slots is taken already.
// Its goroutine ends by putting a landing into the channel, which always has
// room: there is one fetch at a time.
func (o *owner) launch() {
	_, cause := o.due()
	fresh := o.begin(time.Now())
	o.airborne = true
	o.aboard, o.asking = o.asking, nil
	ctx, cancel := context.WithCancel(o.ctx)
	o.abandon = cancel
	source, slots, clock := o.source, o.slots, o.group.clock
	l := landing{epoch: o.epoch, cause: cause, start: clock.Now()}
	go func() {
		defer cancel()
		l.answer, l.doc, l.err = fetchDocument(ctx, source, fresh)
		l.took = clock.Now().Life.Sub(l.start.Life)
		<-slots
		o.landed <- l
	}()
}

// fetchDocument asks the source and reads what it says. A panic in the reader is
// the fault of this one document, not of the guard.
func fetchDocument(ctx context.Context, source fetcher, fresh bool) (a answer, doc keyset.Document, failure *FetchError) {
	defer func() {
		if p := recover(); p != nil {
			failure = a.malformed(fmt.Errorf("the reader broke: %v", p))
		}
	}()
	a, err := source.fetch(ctx, fresh)
	if err != nil && !errors.As(err, &failure) {
		failure = failedFetch(ResultNetwork, a.from, err, "%s", err)
	}
	if failure != nil {
		return a, doc, failure
	}
	if a.NotModified {
		return a, doc, nil
	}
	if doc, err = jose.ReadKeys(a.Body); err != nil {
		return a, doc, a.malformed(err)
	}
	return a, doc, nil
}

// land takes in what a fetch brought.
func (o *owner) land(l landing) {
	o.airborne = false
	o.abandon()
	if l.epoch != o.epoch { // it was asked under another configuration
		o.flight.land(false)
		o.aboard.tell(Fetch{Err: errReconfigured})
		o.aboard = nil
		return
	}
	at := keyset.Instant{Wall: l.start.Wall.Add(-l.answer.Age), Life: l.start.Life.Add(-l.answer.Age)}
	if maxStale := o.Config().Params.MaxStale; l.err == nil && maxStale > 0 && l.answer.Age > maxStale {
		l.err = failedFetch(ResultMalformed, l.answer.from, nil, "the answer is %s old by its Age header, and max_stale is %s: it tells nothing about now", l.answer.Age, maxStale)
	}
	report := Fetch{Issuer: o.Config().Name, Cause: l.cause, Start: l.start.Wall, Took: l.took, Result: ResultOK}
	status := o.Status()
	if l.err != nil {
		report.Result, report.Err = l.err.Result, l.err
		status.LastResult, status.LastError = l.err.Result, l.err.Error()
		o.failed(time.Now(), l.err.RetryAfter)
		o.status.Store(&status)
		o.publish(o.Set().WithFailure(), nil)
	} else {
		o.source.accepted()
		if l.answer.NotModified {
			report.Result = ResultNotModified
		} else {
			o.document = l.doc
		}
		status.LastResult, status.LastError, status.LastSuccess = report.Result, "", l.start.Wall
		o.succeeded(time.Now(), l.answer)
		o.status.Store(&status)
		o.observe(at)
		report.Keys, report.Skipped = len(o.document.Keys), o.document.Skipped
		if set := o.Set(); set.Observed() == at { // else an old copy, which nobody looked at
			report.Skipped = set.Skipped()
			report.Keys -= len(report.Skipped) - len(o.document.Skipped)
		}
	}
	o.flight.land(l.err == nil && o.held.IsZero())
	due, _ := o.due()
	report.Next = time.Until(due)
	o.group.report(report)
	o.aboard.tell(report)
	o.aboard = nil
}

// searchKid asks for the fetch that a flight waits for. Nobody is held up for one
// that cannot begin in time.
func (o *owner) searchKid() {
	now, cfg := time.Now(), o.Config()
	o.search(now, cfg.Cooldown)
	if at, _ := o.due(); !o.airborne && at.Sub(now) > cfg.Wait {
		o.flight.land(false)
	}
}

// publish makes a set the current one and then has it kept: for what takes trust
// away, or leaves it as it is.
func (o *owner) publish(set *keyset.Set, events []keyset.Event) (durable func(context.Context) error) {
	o.enforce(set, events)
	return o.group.journal.Record(o.change(set, events))
}

func (o *owner) change(set *keyset.Set, events []keyset.Event) keyset.Change {
	cfg := o.Config()
	return keyset.Change{Issuer: cfg.Issuer, Name: cfg.Name, Set: set, Events: events}
}

// enforce makes a set the current one. A key that was revoked is distrusted under
// every issuer.
func (o *owner) enforce(set *keyset.Set, events []keyset.Event) {
	o.set.Store(set)
	o.group.carry(o.Cache, events)
	if s := o.Status(); !s.Usable && set.Usable(o.group.clock.Now()) {
		s.Usable = true
		o.status.Store(&s)
	}
}

// reconfigure puts another configuration into force. Deadlines that stand may
// only come nearer, and what was ordered stays ordered.
func (o *owner) reconfigure(cfg *Config, source fetcher) {
	o.cfg.Store(cfg)
	now := time.Now()
	if source != nil {
		o.abandon()
		o.ask(source)
		o.document, o.held = keyset.Document{}, keyset.Instant{}
		// The budget is the issuer's; the back-off was the other server's.
		started, searched := o.started, o.searched
		o.schedule = newSchedule(cfg.Params, remote(source), now)
		o.started, o.searched = started, searched
		o.want(CauseConfig, now)
	} else {
		o.pace(cfg.Params.Interval, now)
	}
	set := o.Set().WithParams(cfg.Params)
	set, events := set.ApplyAll(cfg.Orders, o.group.clock.Now())
	o.publish(set, events) // the configuration itself keeps what it orders
}
