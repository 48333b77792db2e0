package keyset

import (
	"testing"
	"time"
)

func TestSetIsStaleByEitherClock(t *testing.T) {
	for _, tt := range []struct {
		name       string
		wall, life int
		want       bool
	}{
		{"just old enough", 60, 60, false},
		{"too old", 61, 61, true},
		{"suspended machine: the monotonic clock stood still", 61, 1, true},
		{"the wall clock stepped back", -600, 61, true},
		{"the wall clock stepped back, and the set is young", -600, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).publish("A")
			now := Instant{Wall: minute(tt.wall), Life: minute(tt.life)}
			if got := s.set.Stale(now); got != tt.want {
				t.Errorf("Stale is %v", got)
			}
			if s.set.Usable(now) == tt.want {
				t.Error("Usable and Stale agree")
			}
		})
	}
}

func TestSetWithoutObservationIsNeitherStaleNorUsable(t *testing.T) {
	s := New(usual)
	if s.Stale(instant(1000)) || s.Usable(instant(1000)) {
		t.Error("stale or usable before the first observation")
	}
}

func TestInlineKeysAreNeverStale(t *testing.T) {
	p := usual
	p.MaxStale = 0
	s := begin(t, p).publish("A")
	if s.at(1_000_000); s.set.Stale(s.now) || !s.set.Usable(s.now) {
		t.Error("inline keys went stale")
	}
}

func TestAgeOfTheDocumentCountsForStaleness(t *testing.T) {
	s := begin(t, usual).at(30).observe(document("A"), 30)
	if s.at(60); s.set.Stale(s.now) {
		t.Error("stale too early")
	}
	if s.at(61); !s.set.Stale(s.now) {
		t.Error("not stale though the document is too old")
	}
}

func TestWallClockStepBackReopensNothing(t *testing.T) {
	doc := document("A", "B", "C")
	doc.Keys[1].Expires = minute(20)
	s := begin(t, usual).observe(doc, 0)
	s.at(5).publish("C").at(6).publish("C")
	s.at(40).advance().want("A retired, B retired, C active")
	for _, back := range []int{-20, -60, -24 * 60} {
		s.step(back).want("A retired, B retired, C active").advance().final("A", "B")
	}
	s.at(41).publish("C").want("A retired, B retired, C active")
	s.at(42).publish("A", "C").want("A retired, C active")
}

// The clock of an issuer's keys must not stop because somebody corrects ours.
func TestKeyInForceStaysSoWhenTheWallClockStepsBack(t *testing.T) {
	s := begin(t, usual).publish("A").want("A active")
	s.step(-60).want("A active")
	s.at(1).publish("A", "B").want("A active, B active")
}

// Lifecycle time begins at the last time in the ledger, which may be ahead.
func TestNewKeyIsActiveThoughLifecycleTimeIsAhead(t *testing.T) {
	begin(t, usual).step(-24 * 60).publish("A").want("A active")
}

func TestActivationDelayGoesByLifecycleTimeAlone(t *testing.T) {
	p := usual
	p.ActivationDelay = minutes(10)
	s := begin(t, p).step(-24 * 60).publish("A")
	if wait, ok := s.set.Next(s.now); wait != minutes(10) || !ok {
		t.Errorf("next in %v", wait)
	}
	s.at(9).want("A pending").at(10).want("A active")
	s = begin(t, p).publish("A").step(60)
	s.want("A pending").at(10).want("A active")
}

func TestNotBeforeWaitsForBothClocks(t *testing.T) {
	doc := document("A")
	doc.Keys[0].NotBefore = minute(30)
	s := begin(t, usual).observe(doc, 0)
	s.step(60).want("A pending")
	s.at(30).step(-1).want("A pending")
	s.step(0).want("A active")
}

func TestKeyThatWasInForceIsNotDroppedAfterAStepBack(t *testing.T) {
	doc := document("A", "B")
	doc.Keys[0].NotBefore = minute(10)
	s := begin(t, usual).observe(doc, 0)
	s.at(20).observe(doc, 0).want("A active, B active")
	s.step(-60).want("A pending")
	s.at(25).publish("B")
	s.at(30).publish("B")
	s.at(60).advance().final("A").want("A retired")
}

func TestWithdrawalCountsWhileAWallClockAheadHasEndedTheKey(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(20), Grace: minutes(30)}
	s := begin(t, usual).publish("A", "B").order(order)
	s.at(5).step(120).publish("A", "B").want("A retired").told(RetiredKeyReturned)
	s.at(6).publish("B").at(7).publish("B").want("A retired").step(0).want("A grace")
	wantTime(t, "left_at", s.key("A").LeftAt, minute(6))
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(36))
	s.at(35).want("A grace").at(36).want("A retired")
	// Being listed is no withdrawal.
	s = begin(t, usual).publish("A", "B").order(order).step(120)
	s.at(5).publish("A", "B").at(6).publish("A", "B").step(0).want("A active")
}

func TestWallClockStepAheadClosesButMakesNothingFinal(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B").at(6).publish("B").want("A grace")
	s.at(10).step(365 * 24 * 60).want("A retired, B active").advance().final()
	s.step(0).want("A grace, B active").final()
	s.at(35).advance().final("A")
}

func TestDeadlinesAreFixedInLifecycleTime(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.step(-600)
	s.at(5).publish("B")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(35))
	s.at(6).publish("B")
	s.at(35).want("A retired").advance().final("A")
}

func TestOldCopyIsNoAbsence(t *testing.T) {
	s := begin(t, usual).publish("A")
	s.at(10).publish("A", "B")
	s.at(12).observe(document("A"), 5).want("A active, B active").told()
	if k := s.key("B"); !k.LeftAt.IsZero() {
		t.Errorf("B left at %v", k.LeftAt)
	}
	wantTime(t, "the newest observation", s.set.Observed().Life, minute(10))
}

func TestOldCopyBringsNoKeyBack(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(10).publish("B")
	s.at(12).publish("B").want("A grace")
	s.at(13).observe(document("A", "B", "C"), 5).want("A grace, B active, C unknown").told()
}

func TestWithdrawalIsAsOldAsTheDocument(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(10).observe(document("B"), 3)
	wantTime(t, "left_at", s.key("A").LeftAt, minute(7))
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(37))
}

// One body in a shared cache, fetched twice, is one observation.
func TestTheSameCopyTwiceConfirmsNothing(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(6).observe(document("B"), 1)
	s.at(9).observe(document("B"), 4).want("A active")
	s.at(10).observe(document("B"), 4).want("A grace")
}

func TestPrivateKeyInAnOldCopyIsPublicAllTheSame(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(10).observe(Document{Skipped: []Skipped{private("A")}}, 20).want("A revoked, B active").told(PrivateKeyPublished)
}

func TestGraceStartIsTheEarlierOfWithdrawalAndOrder(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B").at(6).publish("B")
	s.at(10).retire("A", 10).want("A grace")
	wantTime(t, "grace start", s.key("A").GraceStart(s.now), minute(5))
	s.retire("B", 10)
	wantTime(t, "grace start", s.key("B").GraceStart(s.now), minute(10))
}

// A wall clock that stepped ahead (a machine that booted with a wrong one) does
// not cut short what begins afterwards: one absence stays one, and a grace has
// its length. The way back of the clock does not lengthen it.
func TestGraceAfterAStepAheadHasItsLength(t *testing.T) {
	for _, back := range []bool{false, true} {
		s := begin(t, usual).publish("A", "B")
		s.drift = minutes(360)
		s.at(5).publish("A", "B").at(10).publish("B").want("A active, B active")
		if at, ok := s.set.ConfirmAt(s.now); !ok || !at.Equal(minute(11)) {
			t.Errorf("to be confirmed at %v, %v", at, ok)
		}
		s.at(11).publish("B").want("A grace")
		if back {
			s.drift = 0
		}
		s.at(39).want("A grace").at(40).want("A retired")
	}
}

// An order of now has its grace after a step, too; one of the configuration is
// written in times of the wall clock.
func TestOrderedGraceAfterAStepAheadHasItsLength(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.drift = minutes(360)
	s.at(5).publish("A", "B").retire("A", 10).want("A grace, B active")
	s.at(14).want("A grace").at(15).want("A retired")
	s = begin(t, usual).publish("A", "B")
	s.drift = minutes(360)
	s.at(5).publish("A", "B").order(Order{Action: Retire, Kid: "A", At: minute(365), Grace: minutes(10)}).want("A grace")
	s.at(14).want("A grace").at(15).want("A retired")
}

// On a machine that was suspended, lifecycle time lies behind the wall clock, in
// which the configuration's reinstatement is written. A retirement after it stays.
func TestReinstatementUndoesNoLaterRetirementAfterASuspension(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.drift = minutes(360)
	s.at(5).publish("A", "B").at(10).publish("B").at(11).publish("B").at(45).publish("B").want("A retired").final("A")
	for _, tt := range []struct {
		at   int // by the wall clock; the retirement was at 6:40
		want string
	}{{100, "A retired, B active"}, {399, "A retired, B active"}} {
		s.order(Order{Action: Reinstate, Kid: "A", At: minute(tt.at)}).want(tt.want).final("A")
	}
}

func TestReinstatementIsComparedWithTheLaterTimeOfAnOrder(t *testing.T) {
	before := func(s *story, n int) *story {
		return s.order(Order{Action: Reinstate, Kid: "A", At: s.now.Wall.Add(-minutes(n))})
	}
	// Lifecycle time is a day ahead, and so is retired_at.
	s := begin(t, usual).step(-24*60).publish("A", "B").at(5).retire("A", 0).at(10).publish("A", "B")
	// Had the wall clock stepped back, a line of long ago would be later than that.
	before(s, 5).want("A retired")
	before(s, 0).want("A retired")
	s.order(Order{Action: Reinstate, Kid: "A"}).want("A active")
	wantTime(t, "the time of the order", s.key("A").OrderedWall, time.Time{})
	// The newest order counts, though retired_at is that of an older one.
	s = begin(t, usual).publish("A", "B").at(5)
	s.order(Order{Action: Retire, Kid: "A", At: minute(1), Grace: minutes(60)}).at(10).retire("A", 0)
	before(s.at(20), 15).want("A retired")
	before(s, 9).want("A active")
}

// The clock is a day behind when a key is retired once more: a line of the
// configuration that undid the first retirement does not undo the second.
func TestReinstatementUndoesNoRetirementOfASteppedBackClock(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).retire("A", 0).want("A retired, B active")
	line := Order{Action: Reinstate, Kid: "A", At: minute(10)}
	s.at(11).order(line).want("A active, B active")
	s.at(60).step(-24*60).retire("A", 0).at(61).order(line).want("A retired, B active")
}

// A retirement that is ordered again, by a person, is a later one.
func TestRetirementOrderedAgainOutlastsAReinstatement(t *testing.T) {
	again := Order{Action: Retire, Kid: "A", Again: true}
	for name, s := range map[string]*story{
		"ordered before":  begin(t, usual).publish("A", "B").at(5).retire("A", 0),
		"ended by itself": begin(t, usual).publish("A", "B").at(5).publish("B").at(10).publish("B").at(50).publish("B").final("A"),
	} {
		t.Run(name, func(t *testing.T) {
			s.events = nil
			s.at(60).order(again)
			if len(s.events) != 0 {
				t.Errorf("told: %v", s.events)
			}
			line := Order{Action: Reinstate, Kid: "A", At: minute(55)}
			s.at(61).order(line).final("A")
			line.At = minute(61)
			s.at(61).order(line)
			if s.key("A").Final {
				t.Error("a later line does not undo it")
			}
		})
	}
}

// A line whose time lies ahead would undo whatever is retired until then.
func TestReinstatementThatLiesAheadWaits(t *testing.T) {
	line := Order{Action: Reinstate, Kid: "A", At: minute(100)}
	s := begin(t, usual).publish("A", "B").order(line).at(60).retire("A", 0)
	s.at(61).order(line).want("A retired, B active")
	s.at(100).publish("A", "B").order(line).want("A active, B active")
}

// After a restart under a clock before the last time on record nobody knows how
// long the guard was down: nothing that may have ended goes on.
func TestDoubtEndsWhatMayHaveEnded(t *testing.T) {
	s := begin(t, usual).publish("A", "B", "C", "D=m", "E=m").at(5).publish("B", "C", "D=m").retire("C", 30).at(6).publish("B", "C", "D=m").
		want("A grace, B active, C grace, D active, E grace")
	s.set = s.set.Doubt(s.now)
	if !s.set.Stale(s.now) || s.set.Usable(s.now) {
		t.Error("the keys are used before they were fetched")
	}
	s.want("A retired, B active, C retired, D active, E retired")
	s.at(7).publish("A", "B", "C", "D=m", "E=m").want("A active, B active, C retired, D active, E active")
	if s.set.Stale(s.now) {
		t.Error("stale after an observation")
	}
}
