package keyset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// widens compares whether what happened since the last call widens trust.
func (s *story) widens(want bool) *story {
	s.t.Helper()
	if got := Widens(s.events); got != want {
		s.t.Fatalf("minute %v: Widens is %v of %+v", s.now.Life.Sub(midnight).Minutes(), got, s.events)
	}
	s.events = nil
	return s
}

func TestWideningEventsAreThoseByWhichATokenMayPass(t *testing.T) {
	for _, tt := range []struct {
		name   string
		params Params
		first  func(s *story)
		then   func(s *story)
		want   bool
	}{
		{"a new key", usual, func(s *story) {}, func(s *story) { s.publish("A", "B", "C") }, true},
		{"a new name", usual, func(s *story) {}, func(s *story) { s.publish("A", "X=A", "B") }, true},
		{"the same document again", usual, func(s *story) {}, func(s *story) { s.publish("A", "B") }, false},
		{"a withdrawal", usual, func(s *story) {}, func(s *story) { s.publish("B") }, false},
		{"a confirmed withdrawal", usual, func(s *story) { s.publish("B").at(6) }, func(s *story) { s.publish("B") }, false},
		{"a return", usual, func(s *story) { s.publish("B").at(6) }, func(s *story) { s.publish("A", "B") }, true},
		{"a name that is back", usual, func(s *story) { s.publish("A", "X=A", "B").publish("A", "B").at(6).publish("A", "B") }, func(s *story) { s.publish("A", "X=A", "B") }, true},
		{"a name that is gone", usual, func(s *story) { s.publish("A", "X=A", "B").at(6) }, func(s *story) { s.publish("A", "B").at(8).publish("A", "B") }, false},
		{"another alg", usual, func(s *story) {}, func(s *story) { s.observe(signing("A", "RS256"), 0) }, true},
		{"a later exp", usual, func(s *story) { s.observe(timed("A", 0, 5), 0) }, func(s *story) { s.observe(timed("A", 0, 50), 0) }, true},
		{"retirement", usual, func(s *story) {}, func(s *story) { s.retire("A", 10) }, false},
		{"revocation", usual, func(s *story) {}, func(s *story) { s.revoke("A") }, false},
		{"reinstatement", usual, func(s *story) { s.retire("A", 10) }, func(s *story) { s.reinstate("A") }, true},
		{"the end of a grace", usual, func(s *story) { s.retire("A", 10).at(15) }, func(s *story) { s.advance() }, false},
		{"a known private key", usual, func(s *story) {}, func(s *story) { s.observe(Document{Skipped: []Skipped{private("A")}}, 0) }, false},
		{"a return while retiring", replacing(), func(s *story) {
			s.retire("A", 60).publish("B").at(6).publish("A=2", "B").want("A active")
		}, func(s *story) { s.at(7).publish("A", "B").want("A grace") }, true},
		{"the end of a pending key that had another's name", replacing(), func(s *story) {
			s.observe(timed("A=2", 30, 0), 0).want("A pending")
		}, func(s *story) { s.publish("B").want("A active") }, true},
		{"a shorter activation delay", func() Params { p := usual; p.ActivationDelay = minutes(30); return p }(), func(s *story) {
			s.want("A pending").take(s.set.WithParams(usual), nil)
		}, func(s *story) { s.publish("A", "B").want("A active") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, tt.params).publish("A", "B").at(5)
			tt.first(s)
			s.events = nil
			tt.then(s)
			s.widens(tt.want)
		})
	}
}

func TestNameOfTwoKeysLeadsToTheOneListedLast(t *testing.T) {
	s := begin(t, replacing()).publish("A=1", "B=1").publish("A=2", "B=1") // in one instant
	if got := s.key("A").Thumbprint; got != listed("=2").Thumbprint {
		t.Errorf("A leads to %s", got)
	}
	s.events = nil
	s.at(5).publish("A=1", "B=1")
	if got := s.key("A").Thumbprint; got != listed("=1").Thumbprint {
		t.Errorf("A leads to %s in the end", got)
	}
	s.happened(EventAliasBack, EventLeft)
}

// An order cannot give a key a name by which tokens pass.
func TestNameThatOnlyAnOrderGaveIsRefused(t *testing.T) {
	order := Order{Action: Retire, Kid: "X", Thumbprint: listed("A").Thumbprint, At: minute(60)}
	s := begin(t, usual).publish("A", "B").want("X unknown").order(order).want("A active, X retired")
	s.at(5).publish("X=A", "A", "B").want("A active, X active")
}

func TestNameThatLeavesAndIsConfirmedIsTold(t *testing.T) {
	s := begin(t, usual).publish("A", "X=A", "B")
	s.events = nil
	s.at(5).publish("A", "B").happened(EventAliasLeft)
	s.at(6).publish("A", "B").happened(EventAliasGone)
	s.at(7).publish("A", "B").happened()
	s.at(8).publish("A", "X=A", "B").happened(EventAliasBack)
	s.at(9).publish("B").happened(EventLeft, EventAliasLeft, EventAliasLeft)
	// The only name of a key leaves with it, and by itself if the new one is refused.
	s = begin(t, usual).publish("A=m", "B")
	s.events = nil
	s.at(5).publish("B").at(6).publish("B").happened(EventLeft, EventConfirmed)
	s = begin(t, usual).publish("A=m", "B")
	s.events = nil
	s.at(5).restrict(document("X=m", "B")).happened(EventAliasLeft)
	s = begin(t, usual).publish("A", "B").at(5).publish("B").at(6).publish("B").retire("A", 60).at(7).publish("A", "B")
	s.events = nil
	s.at(8).publish("B").happened(EventAliasLeft)
	s.at(9).publish("B").happened(EventAliasGone)
}

func TestForceIsToldWithTheOrder(t *testing.T) {
	for _, a := range []Action{Retire, Revoke, Reinstate} {
		s := begin(t, usual).publish("A", "B").retire("B", 0)
		o := Order{Action: a, Kid: "A", Forced: true}
		if a == Reinstate {
			o.Kid = "B"
		}
		s.events = nil
		s.order(o)
		if e := s.events[0]; e.Type != EventOrdered || e.Action != a || !e.Forced {
			t.Errorf("%+v", e)
		}
		plain := o
		plain.Forced = false
		set, events, _ := s.frozen[len(s.frozen)-2].set.Apply(plain, s.now)
		if events[0].Forced {
			t.Error("an order without force is told with it")
		}
		if diff := cmp.Diff(fingerprint(set), fingerprint(s.set)); diff != "" {
			t.Errorf("force makes another set of it:\n%s", diff)
		}
	}
	s := begin(t, usual).publish("A", "B")
	s.events = nil
	s.order(Order{Action: Retire, Kid: "X", Thumbprint: listed("A").Thumbprint, Forced: true})
	for _, e := range s.events {
		if e.Type == EventOrdered && !e.Forced {
			t.Errorf("%+v", e)
		}
	}
}
