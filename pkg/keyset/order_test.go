package keyset

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrderedRetirementIsFinalWithItsGrace(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).retire("A", 20).want("A grace, B active").final("A")
	k := s.key("A")
	wantTime(t, "grace start", k.GraceStart(s.now), minute(5))
	wantTime(t, "grace_until", k.GraceUntil, minute(25))
	if k.Reason != "planned" || k.Actor != "ops" {
		t.Errorf("reason %q, actor %q", k.Reason, k.Actor)
	}
	// Being listed changes nothing while it runs.
	s.at(10).publish("A", "B").want("A grace").told().skipped()
	s.at(24).publish("A", "B").want("A grace").told()
	s.at(25).publish("A", "B").want("A retired, B active").told(RetiredKeyReturned).skipped(skip("A", SkipRetired))
}

func TestRetirementWithoutGraceHoldsAtOnce(t *testing.T) {
	begin(t, usual).publish("A", "B").at(5).retire("A", 0).want("A retired, B active").final("A")
}

func TestRetirementIsFinalEvenForTheOnlyKey(t *testing.T) {
	s := begin(t, usual).publish("A").at(5).retire("A", 0).want("A retired").final("A")
	s.at(10).publish("A").want("A retired")
}

func TestRetirementCountsFromItsTime(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(-10), Grace: minutes(20), Reason: "planned"}
	s := begin(t, usual).publish("A", "B").at(5).order(order).want("A grace")
	wantTime(t, "grace start", s.key("A").GraceStart(s.now), minute(-10))
	s.at(10).want("A retired")

	order.At = minute(-30)
	begin(t, usual).publish("A").order(order).want("A retired")
}

func TestRetirementInTheFutureWaitsForItsTime(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(20), Grace: minutes(10)}
	s := begin(t, usual).publish("A", "B").at(5).order(order).want("A active")
	if start := s.key("A").GraceStart(s.now); !start.IsZero() {
		t.Errorf("grace starts at %v", start)
	}
	s.at(19).publish("A", "B").want("A active").told()
	s.at(20).publish("A", "B").want("A grace").told()
	s.at(30).publish("A", "B").want("A retired").told(RetiredKeyReturned)
}

func TestFlapBeforeAPlannedRetirementTakesNoneOfItsGrace(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(200), Grace: minutes(10)}
	s := begin(t, usual).publish("A", "B").order(order)
	s.at(5).publish("B").at(6).publish("A", "B").want("A active")
	for m := 10; m <= 200; m += 10 {
		s.at(m).publish("A", "B")
	}
	s.want("A grace")
	s.at(209).want("A grace").at(210).want("A retired")
}

func TestPlannedRetirementDoesNotPutOffTheIssuersWithdrawal(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(1000), Grace: minutes(10)}
	s := begin(t, usual).publish("A", "B").order(order)
	s.at(5).publish("B").want("A active")
	if _, ok := s.set.ConfirmAt(s.now); !ok {
		t.Error("nobody asks again")
	}
	s.at(6).publish("B").want("A grace")
	s.at(35).advance().want("A retired")
	s.at(40).publish("A", "B").want("A retired").told(RetiredKeyReturned)
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(35))
}

func TestOrderedGraceAndWithdrawalTheNearerDeadlineCounts(t *testing.T) {
	t.Run("the order's", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).publish("B").at(6).publish("B")
		s.at(10).retire("A", 10).want("A grace")
		s.at(20).want("A retired")
	})
	t.Run("the withdrawal's", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).publish("B").at(6).publish("B")
		s.at(10).retire("A", 600).want("A grace")
		s.at(35).want("A retired")
	})
	t.Run("the order's, though the withdrawal came later", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(1).retire("A", 20)
		s.at(5).publish("B").at(6).publish("B").want("A grace")
		s.at(20).want("A grace").at(21).want("A retired")
	})
	t.Run("the withdrawal's, which came later", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(1).retire("A", 600)
		s.at(5).publish("B").at(6).publish("B").want("A grace")
		s.at(35).want("A retired")
	})
	t.Run("the withdrawal's, though the key is listed again", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).publish("B").at(6).publish("B")
		s.at(10).retire("A", 600).at(15).publish("A", "B").want("A grace").told()
		wantTime(t, "grace start", s.key("A").GraceStart(s.now), minute(5))
		s.at(35).want("A retired")
	})
}

func TestRevocationHoldsAtOnceAndForEver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		given func(s *story)
	}{
		{"an active key", func(s *story) {}},
		{"a key in grace", func(s *story) { s.publish("B").at(6).publish("B").want("A grace") }},
		{"a key in an ordered grace", func(s *story) { s.retire("A", 60).want("A grace") }},
		{"a key to be retired", func(s *story) { s.order(Order{Action: Retire, Kid: "A", At: minute(500)}) }},
		{"a retired key", func(s *story) { s.retire("A", 0) }},
		{"a reinstated key", func(s *story) { s.retire("A", 0).publish("B").reinstate("A") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).publish("A", "B").at(5)
			tt.given(s)
			s.at(10).revoke("A").want("A revoked, B active").final("A")
			k := s.key("A")
			wantTime(t, "revoked_at", k.RevokedAt, minute(10))
			if k.RetiredAt.After(minute(10)) {
				t.Errorf("retired_at is %v", k.RetiredAt)
			}
			s.at(15).publish("A", "B").want("A revoked").step(-600).want("A revoked")
			if _, _, err := s.set.Apply(Order{Action: Reinstate, Kid: "A", Reason: "x"}, s.now); !errors.Is(err, ErrRevoked) {
				t.Errorf("reinstating it: %v", err)
			}
			s.retire("A", 60).want("A revoked")
		})
	}
}

func TestRevocationPlannedForLaterHoldsAtOnce(t *testing.T) {
	s := begin(t, usual).publish("A", "B").order(Order{Action: Revoke, Kid: "A", At: minute(60)}).want("A revoked")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(0))
	s.order(Order{Action: Revoke, Kid: "B", At: minute(-5)}).want("B revoked")
	wantTime(t, "retired_at", s.key("B").RetiredAt, minute(-5))
}

// RSA keys with one modulus have one private key, whatever their exponents.
func TestRevocationTakesAllKeysOfAModulus(t *testing.T) {
	s := begin(t, usual).publish("A=a/n", "B=b/n", "C=c/other", "D").at(5).revoke("A")
	s.want("A revoked, B revoked, C active, D active").final("A", "B")
	if got := s.key("B").alias("A"); got >= 0 {
		t.Error("the order's kid became a name of the other key")
	}
	s = begin(t, usual).publish("B=b/n", "C").at(5)
	s.order(Order{Action: Revoke, Thumbprint: "never seen", Modulus: "n"}).want("B revoked, C active")
}

func TestOneKidOfSeveralTakesTheWholeKey(t *testing.T) {
	s := begin(t, usual).publish("A=m", "B=m", "C").at(5).retire("A", 10).want("A grace, B grace, C active")
	s.at(15).want("A retired, B retired, C active")
	s.at(16).publish("B=m", "C").want("A retired, B retired, C active")
	begin(t, usual).publish("A=m", "B=m", "C").revoke("B").want("A revoked, B revoked, C active")
}

func TestKeyCanBeRetiredBeforeItIsSeen(t *testing.T) {
	t.Run("by kid", func(t *testing.T) {
		s := begin(t, usual).retire("A", 600).want("A retired").final("A")
		s.publish("A", "B").want("A retired, B active").told(RetiredKeyReturned)
		if k := s.key("A"); k.Thumbprint != listed("A").Thumbprint || k.Public == nil {
			t.Errorf("the record did not take on the material: %+v", k)
		}
		s.at(5).publish("X=A", "B").want("X retired").told(RetiredKeyReturned)
	})
	t.Run("by thumbprint", func(t *testing.T) {
		s := begin(t, usual).order(Order{Action: Retire, Thumbprint: listed("A").Thumbprint, Grace: minutes(600)})
		s.want("A unknown").publish("A", "B").want("A retired, B active").told(RetiredKeyReturned)
	})
	t.Run("by thumbprint, and it has a modulus", func(t *testing.T) {
		s := begin(t, usual).publish("B").order(Order{Action: Retire, Thumbprint: listed("A").Thumbprint})
		s.publish("A=A/n", "B").at(5).publish("X=other/n", "B").want("X retired, B active")
	})
	t.Run("by modulus", func(t *testing.T) {
		s := begin(t, usual).order(Order{Action: Retire, Thumbprint: "another exponent", Modulus: "n"})
		s.publish("A=a/n", "B").want("A retired, B active").told(RetiredKeyReturned)
	})
	t.Run("by both", func(t *testing.T) {
		order := Order{Action: Retire, Kid: "A", Thumbprint: listed("A").Thumbprint}
		begin(t, usual).order(order).want("A retired").publish("X=A", "B").want("A retired, X retired, B active")
		// The thumbprint is the key: other material under that kid is another key.
		begin(t, replacing()).publish("A=other", "B").order(order).want("A active, B active")
	})
	t.Run("in the future", func(t *testing.T) {
		s := begin(t, usual).order(Order{Action: Retire, Kid: "A", At: minute(20), Grace: minutes(60)})
		if s.want("A pending").publish(); s.set.Usable(s.now) {
			t.Error("the set is usable by a key that nobody has seen")
		}
		s.at(1).publish("A", "B").want("A active").told()
		s.at(20).want("A retired")
	})
}

func TestRetirementByKidDoesNotDependOnTheOrderOfTheDocument(t *testing.T) {
	for _, keys := range [][]string{{"A=m", "B=m", "C"}, {"B=m", "A=m", "C"}} {
		s := begin(t, usual).retire("A", 0).publish(keys...).want("A retired, B retired, C active")
		if n := len(s.set.Keys()); n != 2 {
			t.Errorf("%v: %d records", keys, n)
		}
	}
}

func TestKidThatWasRetiredUnseenIsNotTakenByAKnownKey(t *testing.T) {
	s := begin(t, usual).publish("B=m", "C").retire("A", 0)
	s.at(5).publish("A=m", "B=m", "C").want("A retired, B active, C active").told(KidReused)
}

func TestOrdersGivenAgainChangeNothing(t *testing.T) {
	orders := []Order{
		{Action: Retire, Kid: "A", Grace: minutes(20)},
		{Action: Retire, Kid: "B", At: minute(3), Grace: minutes(20)},
		{Action: Retire, Kid: "C", At: minute(300), Grace: minutes(20)},
		{Action: Revoke, Kid: "D", At: minute(3)},
		{Action: Retire, Kid: "unseen", Grace: minutes(20)},
		{Action: Revoke, Thumbprint: "unseen", Modulus: "n"},
		{Action: Retire, Kid: "E2", Thumbprint: listed("E").Thumbprint},
	}
	s := begin(t, usual).publish("A", "B", "C", "D", "E", "F").at(5)
	for _, o := range orders {
		s.order(o)
	}
	for m := 6; m < 100; m += 7 {
		s.at(m).advance()
		before := s.set
		s.events = nil
		for _, o := range orders {
			s.order(o)
		}
		if s.set != before || s.events != nil {
			t.Fatalf("minute %d: %v", m, s.events)
		}
	}
}

func TestOrderOnlyEverTightensAnother(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).retire("A", 60)
	s.at(10).retire("A", 600).want("A grace")
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(65))
	s.at(20).retire("A", 10)
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(30))
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(5))
	s.order(Order{Action: Retire, Kid: "A", At: minute(1), Grace: minutes(600)}).want("A grace")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(1))
	wantTime(t, "grace_until", s.key("A").GraceUntil, minute(30))
	s.order(Order{Action: Retire, Kid: "A", At: minute(2), Grace: minutes(10)}).want("A retired")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(1))
}

func TestOrderWithoutANameIsRefused(t *testing.T) {
	for _, a := range []Action{Retire, Revoke, Reinstate} {
		if set, _, err := New(usual).Apply(Order{Action: a}, instant(0)); !errors.Is(err, ErrUnknownKey) || len(set.Keys()) > 0 {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestOrderNamesTheKeyByItsThumbprintFirst(t *testing.T) {
	s := begin(t, usual).publish("A", "B").order(Order{Action: Retire, Kid: "B", Thumbprint: listed("A").Thumbprint})
	s.want("A retired, B active") // B stays the name of the key that is listed under it
	s = begin(t, usual).publish("A", "B").order(Order{Action: Retire, Kid: "X", Thumbprint: listed("A").Thumbprint})
	s.want("A retired, B active, X retired")
	s = begin(t, usual).publish("A", "B").order(Order{Action: Retire, Kid: "X", Thumbprint: listed("A").Thumbprint, Grace: minutes(60)})
	s.at(5).publish("A", "B").at(10).publish("A", "B").want("A grace, B active, X retired") // no token came by that name
	if got := s.key("X").Kid(); got != "A" {
		t.Errorf("the key is called %s, which the issuer never did", got)
	}
}

func TestReinstatedKeyThatIsListedIsActiveAtOnce(t *testing.T) {
	t.Run("its grace had passed", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).retire("A", 0)
		s.at(10).publish("A", "B").want("A retired")
		s.reinstate("A").want("A active").final()
		k := s.key("A")
		if !k.RetiredAt.IsZero() || k.Departure != (Departure{}) || k.Reason != "a mistake" {
			t.Errorf("%+v", k)
		}
		s.told(RetiredKeyReturned).at(15).publish("A", "B").want("A active").told()
	})
	t.Run("its grace was running", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).retire("A", 60).reinstate("A").want("A active").final()
		s.at(100).publish("A", "B").want("A active").told().at(105).publish("B")
		wantTime(t, "grace_until of a later withdrawal", s.key("A").GraceUntil, minute(135))
	})
	t.Run("its retirement lay ahead", func(t *testing.T) {
		s := begin(t, usual).publish("A", "B").at(5).order(Order{Action: Retire, Kid: "A", At: minute(60)})
		s.reinstate("A").want("A active").final().at(100).publish("A", "B").want("A active")
	})
	t.Run("the issuer withdrew it and took it back", func(t *testing.T) {
		s := retired(t, "A", "B").at(50).publish("A", "live").told(RetiredKeyReturned)
		s.reinstate("A").want("A active").final("B").told()
		s.at(55).publish("A", "live").want("A active").told()
	})
}

func TestReinstatedKeyThatIsListedHasItsName(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).retire("A", 0).at(10).publish("A", "B").reinstate("A")
	s.at(60).want("A active")
}

func TestReinstatedKeyWaitsUntilItIsListed(t *testing.T) {
	s := retired(t, "A", "B").at(50).reinstate("A").want("A retired, live active").final("B")
	for m := 55; m < 300; m += 5 {
		s.at(m).publish("live").want("A retired").final("B")
	}
	s.at(300).publish("A", "live").want("A active").told()
	// From then on it lives like any other.
	s.at(305).publish("live").want("A active").at(306).publish("live").want("A grace")
	wantTime(t, "left_at", s.key("A").LeftAt, minute(305))
	s.at(335).advance().want("A retired").final("A", "B")
}

func TestReinstatedKeyCanBeRetiredAgain(t *testing.T) {
	s := retired(t, "A", "B").at(50).reinstate("A").retire("A", 60).want("A retired").final("A", "B")
	if s.key("A").Reinstated {
		t.Error("it still waits")
	}
	s.at(55).publish("A", "live").want("A retired")
}

func TestWithdrawalHoldsThoughAPlannedRetirementIsUndone(t *testing.T) {
	s := begin(t, usual).publish("A", "B").order(Order{Action: Retire, Kid: "A", At: minute(600)})
	s.at(5).publish("B").at(6).publish("B").want("A grace")
	s.reinstate("A").want("A grace").at(35).advance().want("A retired").final("A")
}

func TestReinstatementOfAKeyNeverSeenForgetsIt(t *testing.T) {
	s := begin(t, usual).publish("B").retire("A", 0).want("A retired").reinstate("A").want("A unknown, B active").final()
	s.at(5).publish("A", "B").want("A active, B active").told()
}

func TestReinstatementUndoesOnlyEarlierRetirements(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).retire("A", 0)
	before := s.set
	s.at(10).order(Order{Action: Reinstate, Kid: "A", At: minute(5)})
	if s.set != before {
		t.Error("a retirement at that time was undone")
	}
	s.order(Order{Action: Reinstate, Kid: "A", At: minute(6)}).want("A active")
}

func TestReinstatementNeedsAKnownKeyAndChangesNothingElse(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	if _, _, err := s.set.Apply(Order{Action: Reinstate, Kid: "X"}, s.now); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an unknown key: %v", err)
	}
	before := s.set
	if s.reinstate("A"); s.set != before {
		t.Error("an active key was reinstated")
	}
}

// A kid can name several records; one that is revoked stops the order for all.
func TestReinstatementIsAllOrNothing(t *testing.T) {
	s := begin(t, replacing()).publish("A=1", "B").at(5).publish("A=2", "B").retire("A", 0).want("A retired")
	s.order(Order{Action: Revoke, Thumbprint: listed("A=2").Thumbprint})
	before := s.set
	set, events, err := s.set.Apply(Order{Action: Reinstate, Kid: "A"}, s.now)
	if !errors.Is(err, ErrRevoked) || set != before || events != nil {
		t.Errorf("%v, %v", events, err)
	}
}

func TestKeyWithTheModulusOfARevokedOneCannotBeReinstated(t *testing.T) {
	s := begin(t, usual).retire("A", 0).order(Order{Action: Revoke, Thumbprint: "other exponent", Modulus: "n"})
	s.at(5).publish("A=a/n", "B").want("A revoked")
	if _, _, err := s.set.Apply(Order{Action: Reinstate, Kid: "A"}, s.now); !errors.Is(err, ErrRevoked) {
		t.Errorf("reinstating it: %v", err)
	}
}

func TestRevocationByKidFindsTheModulusWhenTheKeyIsSeen(t *testing.T) {
	s := begin(t, usual).publish("B=b/n", "C").revoke("A").want("A revoked, B active, C active")
	s.events = nil
	s.at(5).publish("A=a/n", "B=b/n", "C").want("A revoked, B revoked, C active").happened(EventDistrusted)
}

func TestNewNameOfARetiringModulusIsNotUsable(t *testing.T) {
	s := begin(t, usual).publish("A=a/n", "B").retire("A", 60).want("A grace")
	s.at(5).publish("A=a/n", "X=x/n", "B").want("A grace, X retired, B active")
}

func TestNameOfAReinstatedKeyIsNotThatOfAnother(t *testing.T) {
	s := begin(t, usual).publish("A=a/n", "B").retire("A", 0)
	s.at(5).publish("X=x/n", "A=a/n", "B").want("X retired")
	s.reinstate("A").want("A active, X unknown, B active")
}

func TestDistrustRefusesTheMaterialUnderAnyName(t *testing.T) {
	distrust := func(s *story, key string) *story {
		l := listed(key)
		set, events := s.set.Distrust(l.Thumbprint, l.Modulus, "revoked elsewhere", s.now)
		s.take(set, events)
		return s
	}
	t.Run("a known key", func(t *testing.T) {
		s := distrust(begin(t, usual).publish("A", "B").at(5), "A").want("A revoked, B active").final("A")
		wantTime(t, "revoked_at", s.key("A").RevokedAt, minute(5))
		if got := s.key("A").Reason; got != "revoked elsewhere" {
			t.Errorf("reason %q", got)
		}
		before := s.set
		if distrust(s, "A"); s.set != before {
			t.Error("saying it twice makes a difference")
		}
	})
	t.Run("by modulus", func(t *testing.T) {
		s := distrust(begin(t, usual).publish("A=a/n", "B", "C=c/m").at(5), "x=other/n")
		s.want("A revoked, B active, C active")
	})
	t.Run("a key that is not there", func(t *testing.T) {
		s := begin(t, usual).publish("B")
		before := s.set
		if distrust(s, "A"); s.set != before {
			t.Error("distrust of what is not there left a trace")
		}
		distrust(s.at(5).publish("A", "B"), "A").want("A revoked, B active") // as whoever applies a document does
	})
	t.Run("a modulus that comes to light later", func(t *testing.T) {
		l := listed("x=other/n")
		s := begin(t, usual).publish("B").order(Order{Action: Revoke, Thumbprint: l.Thumbprint})
		distrust(s, "x=other/n")
		s.at(5).publish("A=a/n", "B").want("A revoked, B active").told(RetiredKeyReturned)
	})
	t.Run("a retired key", func(t *testing.T) {
		s := distrust(retired(t, "A", "B"), "A").want("A revoked, B retired")
		wantTime(t, "retired_at", s.key("A").RetiredAt, minute(31))
	})
	t.Run("an order that names only a kid has no material", func(t *testing.T) {
		s := begin(t, usual).publish("B").retire("A", 0)
		set, events := s.set.Distrust("", "", "revoked elsewhere", s.now)
		if set != s.set || events != nil {
			t.Error("distrust of nothing changed something")
		}
		s.at(5).publish("C=c/n")
		set, _ = s.set.Distrust("", "n", "revoked elsewhere", s.now)
		if s.take(set, nil); len(set.Keys()) != 3 {
			t.Error("a record without a name")
		}
		s.want("A retired, C revoked")
	})
}

func TestEffectiveOrders(t *testing.T) {
	at := func(a Action, kid, thumbprint string, n int) Order {
		o := Order{Action: a, Kid: kid, Thumbprint: thumbprint}
		if n > 0 {
			o.At = minute(n)
		}
		return o
	}
	for _, tt := range []struct {
		name     string
		in, want []Order
	}{
		{"a retirement alone", []Order{at(Retire, "A", "", 5)}, []Order{at(Retire, "A", "", 5)}},
		{
			"a later reinstatement undoes it",
			[]Order{at(Reinstate, "A", "", 6), at(Retire, "A", "", 5)},
			[]Order{at(Reinstate, "A", "", 6)},
		},
		{
			"an earlier one does not",
			[]Order{at(Reinstate, "A", "", 4), at(Retire, "A", "", 5)},
			[]Order{at(Retire, "A", "", 5), at(Reinstate, "A", "", 4)},
		},
		{
			"nor one of the same instant",
			[]Order{at(Retire, "A", "", 5), at(Reinstate, "A", "", 5)},
			[]Order{at(Retire, "A", "", 5), at(Reinstate, "A", "", 5)},
		},
		{
			"a retirement without a time stands",
			[]Order{at(Retire, "A", "", 0), at(Reinstate, "A", "", 6)},
			[]Order{at(Retire, "A", "", 0), at(Reinstate, "A", "", 6)},
		},
		{
			"a revocation stands",
			[]Order{at(Revoke, "A", "", 5), at(Reinstate, "A", "", 6)},
			[]Order{at(Revoke, "A", "", 5), at(Reinstate, "A", "", 6)},
		},
		{
			"by thumbprint",
			[]Order{at(Retire, "A", "T", 5), at(Retire, "A", "U", 5), at(Reinstate, "A", "T", 6)},
			[]Order{at(Retire, "A", "U", 5), at(Reinstate, "A", "T", 6)},
		},
		{
			"of another kid",
			[]Order{at(Reinstate, "B", "", 6), at(Retire, "A", "", 5)},
			[]Order{at(Retire, "A", "", 5), at(Reinstate, "B", "", 6)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Effective(tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConfigurationReadAgainDoesNotRetireAndReinstateInTurn(t *testing.T) {
	orders := []Order{
		{Action: Reinstate, Kid: "A", At: minute(-5), Reason: "r"},
		{Action: Retire, Kid: "A", At: minute(-10), Grace: time.Hour},
	}
	s := begin(t, usual).publish("A", "B")
	s.events = nil
	for m := range 5 {
		s.at(m)
		for _, o := range Effective(orders) {
			s.order(o)
		}
		s.want("A active").happened()
	}
}

// The material of a kid that was revoked unseen is refused under all its names,
// whichever was known first.
func TestRevokedUnseenKidOfKnownMaterial(t *testing.T) {
	begin(t, usual).publish("B=m", "C").at(5).revoke("A").at(10).publish("B=m", "A=m", "C").
		want("A revoked, B revoked, C active")
}

// A configuration is one step: its reinstatements come last, what cannot be done
// stops nothing, and thousands of lines are cheap.
func TestOrdersOfAConfiguration(t *testing.T) {
	s := begin(t, usual).publish("A", "B", "C").at(5)
	orders := []Order{
		{Action: Reinstate, Kid: "B", At: minute(4)}, {Action: Reinstate, Kid: "nobody", At: minute(4)},
		{Action: Retire, Kid: "A"}, {Action: Retire, Kid: "B", At: minute(3)}, {Action: Revoke, Kid: "C"}, {Action: Reinstate, Kid: "C", At: minute(4)},
	}
	set, events := s.set.ApplyAll(orders, s.now)
	s.set, s.events = set, events
	s.want("A retired, B active, C revoked")
	if again, events := set.ApplyAll(orders, s.now); again != set || events != nil {
		t.Errorf("applied again: %v", events)
	}
}
