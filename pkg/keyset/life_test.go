package keyset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListedKeyIsActiveAtOnce(t *testing.T) {
	s := begin(t, usual).want("A unknown").publish("A").want("A active, B unknown")
	s.happened(EventFirstSeen)
	k := s.key("A")
	wantTime(t, "first_seen", k.FirstSeen, minute(0))
	s.at(5).publish("A").happened()
	wantTime(t, "first_seen", s.key("A").FirstSeen, minute(0))
	wantTime(t, "last_seen", s.key("A").LastSeen, minute(5))
	wantTime(t, "last_seen in the old snapshot", k.LastSeen, minute(0))
}

func TestKeyIsPendingUntilItsNotBefore(t *testing.T) {
	doc := document("A", "B")
	doc.Keys[1].NotBefore = minute(7)
	s := begin(t, usual).observe(doc, 0).want("A active, B pending")
	s.at(6).want("B pending")
	s.at(7).want("B active")
}

func TestIssuerMayMoveNotBefore(t *testing.T) {
	doc := document("A")
	s := begin(t, usual).observe(doc, 0).want("A active")
	doc.Keys[0].NotBefore = minute(10)
	s.at(5).observe(doc, 0).want("A pending")
	doc.Keys[0].NotBefore = minute(5)
	s.at(6).observe(doc, 0).want("A active")
}

func TestKeyIsPendingForTheActivationDelay(t *testing.T) {
	p := usual
	p.ActivationDelay = minutes(20)
	s := begin(t, p).publish("A").want("A pending")
	s.at(5).publish("A")
	s.at(19).want("A pending")
	s.at(20).want("A active")
}

func TestLongerActivationDelayStopsNoKeyThatIsInForce(t *testing.T) {
	s := begin(t, usual).publish("A").want("A active")
	p := usual
	p.ActivationDelay = minutes(60)
	s.at(5).take(s.set.WithParams(p), nil)
	s.publish("A", "B").want("A active, B pending")
	p.ActivationDelay = minutes(10)
	s.at(6).take(s.set.WithParams(p), nil)
	s.publish("A", "B")
	s.at(14).want("B pending")
	s.at(15).want("B active") // a shorter one brings it forward
}

func TestActivationThatWasTakenOnIsNotPutOff(t *testing.T) {
	short, long := usual, usual
	short.ActivationDelay, long.ActivationDelay = minutes(10), minutes(30)
	s := begin(t, short).publish("A")
	s.take(s.set.WithParams(long), nil)
	s.at(5).publish("A").at(9).want("A pending").at(10).want("A active")
	// Once it is in force, settings are nothing to it.
	s.take(s.set.WithParams(usual), nil)
	s.events = nil
	s.publish("A").happened()
	wantTime(t, "the end of the delay", s.key("A").Activates, minute(10))
}

func TestPendingKeyThatIsWithdrawnWasNeverInForce(t *testing.T) {
	doc := document("A", "B")
	doc.Keys[1].NotBefore = minute(60)
	s := begin(t, usual).observe(doc, 0).happened(EventFirstSeen, EventFirstSeen)
	s.at(5).publish("A").want("A active, B unknown").happened(EventDropped)
	if _, ok := s.set.ByThumbprint(listed("B").Thumbprint); ok {
		t.Error("the record is still found by its thumbprint")
	}
	s.told()
	s.at(10).publish("A", "B").want("A active, B active").happened(EventFirstSeen)
}

func TestPendingKeyThatWasOrderedOutIsKept(t *testing.T) {
	doc := document("A", "B")
	doc.Keys[1].NotBefore = minute(60)
	s := begin(t, usual).observe(doc, 0).retire("B", 30).want("B pending")
	s.at(5).publish("A").at(10).publish("A").want("B pending").final("B")
	s.at(40).publish("A", "X=B").want("A active, B retired")
}

func TestTombstoneWithoutADeadlineIsRetired(t *testing.T) {
	k := Key{Public: listed("A").Public, Final: true, RetiredAt: minute(1)}
	if got := k.State(instant(2)); got != Retired {
		t.Errorf("it is %s", got)
	}
}

func TestOneAbsenceWithdrawsNothing(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B").want("A active, B active").happened(EventFirstSeen, EventFirstSeen, EventLeft)
	k := s.key("A")
	wantTime(t, "left_at", k.LeftAt, minute(5))
	if start := k.GraceStart(s.now); !start.IsZero() {
		t.Errorf("grace starts at %v, before the absence counts", start)
	}
	at, ok := s.set.ConfirmAt(s.now)
	if !ok {
		t.Fatal("nobody asks again")
	}
	wantTime(t, "the time to ask again", at, minute(6))
	// Present then: a flapping edge of a CDN.
	s.at(6).publish("A", "B").want("A active, B active").happened(EventReturned)
	s.told()
	if k := s.key("A"); k.Departure != (Departure{}) {
		t.Errorf("something is left of the departure: %+v", k.Departure)
	}
	if _, ok := s.set.ConfirmAt(s.now); ok {
		t.Error("an absence is still to be confirmed")
	}
}

func TestSecondAbsenceStartsGraceSinceTheFirst(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("B").want("A grace, B active")
	k := s.key("A")
	wantTime(t, "grace start", k.GraceStart(s.now), minute(5))
	wantTime(t, "grace_until", k.GraceUntil, minute(35))
	if _, ok := s.set.ConfirmAt(s.now); ok {
		t.Error("a confirmed absence is asked about again")
	}
	s.at(34).want("A grace")
	s.at(35).want("A retired, B active")
}

// Two answers in quick succession may come from the same stale edge.
func TestSecondAbsenceCountsOnlyAfterRemovalConfirm(t *testing.T) {
	p := usual
	p.RemovalConfirm = minutes(3)
	s := begin(t, p).publish("A", "B")
	s.at(5).publish("B")
	s.at(7).publish("B").want("A active")
	if _, ok := s.set.ConfirmAt(s.now); !ok {
		t.Error("nobody asks again")
	}
	s.at(8).publish("B").want("A grace")
}

func TestTwoIntervalsWithoutAnObservationConfirmAnAbsence(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(14).want("A active")
	s.at(15).want("A grace")
	wantTime(t, "grace start", s.key("A").GraceStart(s.now), minute(5))
	s.at(35).want("A retired").advance().final()
}

func TestGraceEndsAtTheLatestAfterLastSightMaxStaleAndGrace(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	// An outage of 50 minutes: the grace starts when the withdrawal is found.
	s.at(50).publish("B")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(80))
	// An outage of 70 minutes: max_stale and grace since the last sight.
	s = begin(t, usual).publish("A", "B")
	s.at(70).publish("B").want("A grace")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(90))
	// An outage of a day: no grace, and no wait for a second observation.
	s = begin(t, usual).publish("A", "B")
	s.at(24 * 60).publish("B").want("A retired, B active")
}

func TestInlineKeysHaveNoCap(t *testing.T) {
	p := usual
	p.MaxStale = 0
	s := begin(t, p).publish("A", "B")
	s.at(24 * 60).publish("B")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(24*60+30))
}

func TestNormalRotationIsFinalTheMomentGraceEnds(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(10).publish("B").final()
	s.at(34).advance().final()
	s.at(35).advance().final("A").want("A retired, B active")
	s.happened(EventFirstSeen, EventFirstSeen, EventLeft, EventConfirmed, EventFinal)
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(35))
}

func TestAbsenceThatNothingConfirmedIsNeverFinal(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(50).advance().want("A retired").final()
	s.at(51).publish("B").final("A")
}

func TestRetiredAtIsNotBeforeTheKeyWasRefused(t *testing.T) {
	p := usual
	p.Grace = 0
	s := begin(t, p).publish("A", "B")
	s.at(5).publish("B").want("A active") // the absence is not confirmed yet
	s.at(7).publish("B").want("A retired").final("A")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(7))

	s = begin(t, p).publish("A", "B")
	s.at(5).publish("B")
	s.at(15).want("A retired")
	s.at(20).publish("B").final("A")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(15))
}

func TestEmptyDocumentMakesNothingFinalUntilRealKeysAreBack(t *testing.T) {
	s := begin(t, usual).publish("A", "B").told()
	s.at(5).publish().want("A active, B active").told(MassRemoval)
	s.at(10).publish().want("A grace, B grace").told()
	s.at(35).publish().want("A retired, B retired").final()
	if s.set.Usable(s.now) {
		t.Error("the set is usable without an active key")
	}
	s.at(40).publish("B").want("A retired, B active").final("A").told(RemovalReverted)
}

func TestEmptyDocumentByMistakeIsUndoneByTheNextOne(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish()
	s.at(10).publish()
	s.at(60).publish("A", "B").want("A active, B active").final()
}

// The other key is active still, but the last document lacks it as well.
func TestRetirementIsNotFinalBesideKeysThatAreNotListed(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).publish("B").at(10).publish("B")
	s.at(36).publish().want("A retired, B active").final()
	s.at(37).publish("B").final("A")
}

// A pending key cannot replace the one that goes.
func TestRetirementIsNotFinalBesidePendingKeysAlone(t *testing.T) {
	doc := document("B")
	doc.Keys[0].NotBefore = minute(50)
	s := begin(t, usual).publish("A")
	s.at(5).observe(doc, 0)
	s.at(10).observe(doc, 0)
	s.at(40).observe(doc, 0).want("A retired, B pending").final()
	s.at(50).advance().want("A retired, B active").final("A")
}

func TestKeyThatComesBackBeforeItIsFinalIsActiveAgain(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("B").want("A grace").told()
	s.at(8).publish("A", "B").want("A active").told(RemovalReverted)
	if start := s.key("A").GraceStart(s.now); !start.IsZero() {
		t.Errorf("grace of an active key starts at %v", start)
	}
}

func TestKeyThatLeavesAgainWithinTwoIntervalsHasNoSecondGrace(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("B")
	s.at(20).publish("A", "B").want("A active")
	s.at(30).publish("B").want("A grace")
	k := s.key("A")
	wantTime(t, "left_at", k.LeftAt, minute(5))
	wantTime(t, "grace_until", k.GraceUntil, minute(35))
	// And so on: the first deadline holds through any number of returns.
	s.at(31).publish("A", "B").want("A active")
	s.at(33).publish("B").want("A grace")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(35))
	s.at(35).want("A retired")
}

func TestKeyThatLeavesAgainLaterHasItsOwnGrace(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("B")
	s.at(20).publish("A", "B")
	s.at(31).publish("B").want("A active")
	k := s.key("A")
	wantTime(t, "left_at", k.LeftAt, minute(31))
	wantTime(t, "grace_until", k.GraceUntil, minute(61))
}

func TestFlapThatNeverCountedBringsNoDeadlineForward(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("A", "B")
	s.at(7).publish("B")
	wantTime(t, "left_at", s.key("A").LeftAt, minute(7))
}

func TestExpiredKeyIsRetiredButNotForEver(t *testing.T) {
	doc := document("A", "B")
	doc.Keys[0].Expires = minute(10)
	s := begin(t, usual).observe(doc, 0).want("A active")
	s.at(9).want("A active")
	s.at(10).advance().want("A retired, B active").final()
	s.at(15).observe(doc, 0).want("A retired").final().told()
	doc.Keys[0].Expires = minute(60) // the issuer extends it
	s.at(20).observe(doc, 0).want("A active")
	doc.Keys[0].Expires = time.Time{}
	s.at(70).observe(doc, 0).want("A active")
}

func TestKeyMayBeExpiredAtFirstSight(t *testing.T) {
	doc := document("A")
	doc.Keys[0].Expires = minute(-10)
	begin(t, usual).observe(doc, 0).want("A retired").final()
}

func TestRetiredComesBeforePendingAndPendingBeforeGrace(t *testing.T) {
	doc := document("A", "B", "C")
	doc.Keys[0].NotBefore, doc.Keys[0].Expires = minute(20), minute(10)
	s := begin(t, usual).observe(doc, 0).want("A pending")
	s.at(10).want("A retired")

	doc.Keys[1].NotBefore = minute(60)
	s.at(11).observe(doc, 0).retire("B", 20).want("B pending")
	s.at(31).want("B retired")
	s.at(32).revoke("B").want("B revoked")
}

func TestEachChangeOfStateIsToldOnce(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.at(5).publish("B")
	s.at(6).publish("B")
	s.at(7).publish("B")
	s.at(40).advance().advance()
	s.at(41).revoke("A")
	var got []State
	for _, e := range s.events {
		if e.Type == EventState && e.Kid == "A" {
			got = append(got, e.From, e.To)
			wantTime(t, "the time of the event", e.Time(), e.At.Life)
		}
	}
	want := []State{0, Active, Active, Grace, Grace, Retired, Retired, Revoked}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAdvanceWithoutChangeGivesTheSameSet(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	before := s.set
	if s.at(5).advance(); s.set != before {
		t.Error("a new set without a change")
	}
}

func TestMassRemoval(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after []string
		want          []Anomaly
	}{
		{"one of two", []string{"A", "B"}, []string{"B"}, nil},
		{"two of three", []string{"A", "B", "C"}, []string{"C"}, []Anomaly{MassRemoval}},
		{"one of three", []string{"A", "B", "C"}, []string{"A", "B"}, nil},
		{"all of two, replaced", []string{"A", "B"}, []string{"C", "D"}, []Anomaly{MassRemoval}},
		{"the only one, replaced", []string{"A"}, []string{"B"}, nil},
		{"the only one, nothing instead", []string{"A"}, nil, []Anomaly{MassRemoval}},
		{"nothing after nothing", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).publish(tt.before...)
			s.at(5).publish(tt.after...).told(tt.want...)
			s.at(10).publish(tt.after...).told()
		})
	}
}

func TestMassRemovalCountsKeysThatGoAtOnce(t *testing.T) {
	s := begin(t, usual).publish("A", "B", "C")
	s.at(5).publish("B", "C")
	s.at(10).publish("B", "C")
	s.at(15).publish("C").told() // one of two
}
