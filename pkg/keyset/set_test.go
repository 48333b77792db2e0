package keyset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUsableNeedsAFreshObservationAndAnActiveKey(t *testing.T) {
	s := begin(t, usual).publish("A")
	if !s.set.Usable(s.now) {
		t.Error("not usable with an active key")
	}
	s.at(1).retire("A", 60).want("A grace")
	if s.set.Usable(s.now) {
		t.Error("usable with a key in grace alone")
	}
}

// Settings change while a guard runs: what fits follows them, and the keys stay
// what they are.
func TestUsableNeedsAnActiveKeyThatFits(t *testing.T) {
	s := begin(t, fitting()).publish("X").want("X active")
	if s.set.Usable(s.now) || !s.set.Unfit(s.now) {
		t.Error("usable with a key that no token can be of")
	}
	s.take(s.set.WithParams(usual), nil)
	if s.want("X active"); !s.set.Usable(s.now) || s.set.Unfit(s.now) {
		t.Error("not usable under settings that it fits")
	}
	s.take(s.set.WithParams(fitting()), nil)
	if s.at(1).publish("X", "A"); !s.set.Usable(s.now) || s.set.Unfit(s.now) {
		t.Error("not usable with another key that fits")
	}
	if s.retire("A", 60).retire("X", 0).want("A grace, X retired"); s.set.Usable(s.now) || s.set.Unfit(s.now) {
		t.Error("no key is active")
	}
}

func TestFailureIsRememberedUntilTheNextObservation(t *testing.T) {
	s := begin(t, usual).publish("A")
	if s.set.Failing() {
		t.Error("failing after an observation")
	}
	s.take(s.set.WithFailure(), nil)
	if !s.set.Failing() {
		t.Error("not failing after a failure")
	}
	s.want("A active").at(5).publish("A")
	if s.set.Failing() {
		t.Error("still failing")
	}
	s.take(s.set.WithFailure(), nil)
	if s.at(6).observe(document("A"), 3); s.set.Failing() {
		t.Error("failing after an old copy")
	}
}

func TestOtherSettingsOnlyBringDeadlinesForward(t *testing.T) {
	gone := func() *story {
		s := begin(t, usual).publish("A=m", "A2=m", "B=b", "B2=b").at(5).publish("B=b").at(6).publish("B=b")
		return s.want("A grace, A2 grace, B active, B2 grace")
	}
	for _, tt := range []struct {
		name   string
		change func(*Params)
		until  int
	}{
		{"shorter grace", func(p *Params) { p.Grace = minutes(10) }, 15},
		{"longer grace", func(p *Params) { p.Grace = minutes(600) }, 35},
		{"shorter max_stale", func(p *Params) { p.MaxStale = minutes(2) }, 32},
		{"longer max_stale", func(p *Params) { p.MaxStale = minutes(600) }, 35},
		{"no max_stale", func(p *Params) { p.MaxStale = 0 }, 35},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := gone()
			p := usual
			tt.change(&p)
			s.take(s.set.WithParams(p), nil)
			if !cmp.Equal(s.set.Params(), p) {
				t.Error("the settings are not in force")
			}
			wantTime(t, "grace_until", s.key("A").GraceUntil, minute(tt.until))
			s.take(s.set.WithParams(usual), nil)
			wantTime(t, "grace_until after the way back", s.key("A").GraceUntil, minute(tt.until))
			s.at(tt.until - 1).want("A grace, A2 grace, B active, B2 grace")
			s.at(tt.until).want("A retired, A2 retired, B active, B2 retired")
		})
	}
}

func TestOtherSettingsMayConfirmAnAbsenceEarlier(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).publish("B")
	p := usual
	p.Interval = minutes(2)
	s.take(s.set.WithParams(p), nil)
	s.at(8).want("A active").at(9).want("A grace")
	s.take(s.set.WithParams(usual), nil)
	s.want("A grace")
}

func TestOtherSettingsDoNotTouchTombstones(t *testing.T) {
	s := retired(t, "A", "B")
	p := usual
	p.Grace = 0
	s.take(s.set.WithParams(p), nil)
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(31))
}

func TestNextIsTheNextDeadlineOnEitherClock(t *testing.T) {
	next := func(s *story, want int) {
		t.Helper()
		switch wait, ok := s.set.Next(s.now); {
		case want == 0 && ok:
			t.Errorf("next in %v, want none", wait)
		case want > 0 && wait != minutes(want):
			t.Errorf("next in %v, want %d minutes", wait, want)
		}
	}
	doc := document("A", "B")
	doc.Keys[0].NotBefore, doc.Keys[1].Expires = minute(20), minute(100)
	s := begin(t, usual)
	next(s, 0)
	s.observe(doc, 0)
	next(s, 20)
	s.at(20)
	next(s, 80)
	s.step(70)
	next(s, 10)
	s.step(0).publish("A")
	next(s, 10) // B's absence counts
	s.at(30)
	next(s, 20) // B's grace ends
	s.at(50)
	next(s, 50)
	s.order(Order{Action: Retire, Kid: "A", At: minute(60), Grace: minutes(1)})
	next(s, 10)
	s.at(60)
	next(s, 1)
	s.at(1000)
	next(s, 0)
}

func TestEveryStateChangesAtADeadlineThatNextTells(t *testing.T) {
	doc := document("A", "B", "C", "D")
	doc.Keys[0].NotBefore, doc.Keys[1].Expires = minute(25), minute(42)
	s := begin(t, usual).observe(doc, 0)
	s.order(Order{Action: Retire, Kid: "C", At: minute(12), Grace: minutes(9)})
	s.at(2).observe(Document{Keys: doc.Keys[:3]}, 0)
	due := instant(2)
	states := func(now Instant) (all []State) {
		for _, k := range s.set.Keys() {
			all = append(all, k.State(now))
		}
		return all
	}
	for m := 2; m < 120; m++ {
		if m > 2 && due.Life.After(minute(m)) {
			if diff := cmp.Diff(states(instant(m-1)), states(instant(m))); diff != "" {
				t.Errorf("minute %d: a state changed, and Next did not tell:\n%s", m, diff)
			}
			continue
		}
		wait, ok := s.set.Next(instant(m))
		if !ok {
			break
		}
		due = instant(m)
		due.Life = due.Life.Add(wait)
	}
}

func TestConfirmAtIsTheEarliestOpenAbsence(t *testing.T) {
	s := begin(t, usual).publish("A", "B", "C")
	if _, ok := s.set.ConfirmAt(s.now); ok {
		t.Error("something to confirm, and nothing is absent")
	}
	s.at(5).publish("B", "C").at(6).observe(document("C"), 0)
	at, ok := s.set.ConfirmAt(s.now)
	if !ok {
		t.Fatal("nothing to confirm")
	}
	wantTime(t, "the time to ask", at, minute(7)) // A is confirmed, B is not
	s.revoke("B")
	if _, ok := s.set.ConfirmAt(s.now); ok {
		t.Error("the absence of a revoked key is asked about")
	}
}

func TestUsageIsSharedByAllSnapshots(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	old := s.key("A")
	s.at(5).publish("A", "B").at(6).retire("A", 0)
	old.Allow(minute(7), minute(60), time.Time{})
	if got := s.key("A").Allowed(); got != 1 {
		t.Errorf("%d tokens counted", got)
	}
	if got := s.key("B").Allowed(); got != 0 {
		t.Errorf("%d tokens counted for another key", got)
	}
}

func TestUsage(t *testing.T) {
	var u Usage
	if !u.LastUsed().IsZero() || !u.LatestExpiry().IsZero() || !u.LatestIssued().IsZero() || u.LongestLifetime() != 0 {
		t.Error("a key that was never used shows use")
	}
	u.Deny()
	if !u.LastUsed().IsZero() || u.Denied() != 1 || u.Allowed() != 0 {
		t.Error("a refused token was counted as use")
	}
	u.Allow(minute(10), minute(60), minute(5))
	u.Allow(minute(9), minute(70), minute(20))
	u.Allow(minute(8), minute(50), minute(1))
	u.Allow(minute(7), minute(40), time.Time{}) // without iat
	if u.Allowed() != 4 {
		t.Errorf("allowed %d", u.Allowed())
	}
	wantTime(t, "last use", u.LastUsed(), minute(10))
	wantTime(t, "latest exp", u.LatestExpiry(), minute(70))
	wantTime(t, "latest iat", u.LatestIssued(), minute(20))
	if got := u.LongestLifetime(); got != minutes(55) {
		t.Errorf("longest lifetime %v", got)
	}
}

func TestStateWords(t *testing.T) {
	for _, tt := range []struct {
		state      State
		word, nist string
		usable     bool
	}{
		{0, "", "", false},
		{Pending, "pending", "pre-activation", false},
		{Active, "active", "active", true},
		{Grace, "grace", "deactivated", true},
		{Retired, "retired", "destroyed", false},
		{Revoked, "revoked", "compromised", false},
	} {
		if tt.state.String() != tt.word || tt.state.NIST() != tt.nist || tt.state.Usable() != tt.usable {
			t.Errorf("%d is %s, %s, usable %v", tt.state, tt.state, tt.state.NIST(), tt.state.Usable())
		}
	}
}
