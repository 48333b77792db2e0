package keyset

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// restart restores the set from its records, as a ledger does.
func (s *story) restart() *story {
	w := &world{set: s.set}
	w.restart()
	s.take(w.twin, nil)
	return s
}

func TestRestoredSetIsTheOneThatItWas(t *testing.T) {
	s := begin(t, usual).publish("A", "B=b", "B2=b", "C=c/n", "D").at(5).retire("A", 20).revoke("C")
	s.order(Order{Action: Retire, Thumbprint: "never seen"})
	s.at(6).publish("B2=b", "D").at(8).publish("B2=b", "D").want("A grace, B grace, B2 active, C revoked, D active")
	before := lasting(s.set)
	if diff := cmp.Diff(lines(before), lines(lasting(s.restart().set))); diff != "" {
		t.Error(diff)
	}
	s.want("A grace, B grace, B2 active, C revoked, D active")
	if s.set.Observed() != instant(8) || !cmp.Equal(s.set.Params(), usual) {
		t.Errorf("observed %v under %v", s.set.Observed(), s.set.Params())
	}
	s.at(10).publish("B2=b", "D", "E=other/n").want("E revoked").told(RetiredKeyReturned)
	s.at(25).want("A retired, D active").at(68).want("D active")
	if s.at(71); !s.set.Stale(s.now) {
		t.Error("a restart made the observation younger")
	}
}

func TestRestoredNamesLeadWhereTheyLed(t *testing.T) {
	s := begin(t, replacing()).publish("A=1", "B").at(5).publish("A=2", "B").restart()
	if got, want := s.key("A").Thumbprint, listed("A=2").Thumbprint; got != want {
		t.Errorf("A leads to %s", got)
	}
	// Documents of one instant: no timestamp tells which came last.
	s.publish("A=1", "B").publish("A=2", "B").publish("A=1", "B")
	want := s.key("A").Thumbprint
	if got := s.restart().key("A").Thumbprint; got != want {
		t.Errorf("A led to %s, and leads to %s", want, got)
	}
}

// What only the newest document told is told again by the next one.
func TestRestartForgetsWhatTheNextDocumentTells(t *testing.T) {
	s := retired(t, "A", "B").at(45).publish("X=A", "live").want("X retired").told(RetiredKeyReturned)
	s.take(s.set.WithFailure(), nil)
	s.restart().want("A retired, X unknown, live active").skipped()
	if s.set.Failing() {
		t.Error("a failure of another life")
	}
	s.at(50).publish("X=A", "live").want("A retired, X retired").told(RetiredKeyReturned).skipped(skip("X", SkipRetired))
	s.at(55).publish("X=A", "live").told()
}

func TestRestoredKeysKeepTheirUsage(t *testing.T) {
	s := begin(t, usual).publish("A", "B")
	s.key("A").Allow(minute(1), minute(60), minute(0))
	set := Restore(s.set.Observed(), slices.Clone(s.set.Keys()))
	if k, _ := set.ByThumbprint(listed("A").Thumbprint); k.Allowed() != 1 {
		t.Errorf("%d uses", k.Allowed())
	}
	k := &Key{Thumbprint: "T"} // nothing is known of its use
	if Restore(instant(0), []*Key{k}).Keys()[0].Deny(); k.Denied() != 1 {
		t.Errorf("%d refusals", k.Denied())
	}
}

func TestUsageGoesOnFromATally(t *testing.T) {
	var u Usage
	u.Allow(minute(10).Add(time.Nanosecond), minute(60), minute(5))
	u.Deny()
	for s, n := range map[Signature]int{Unchecked: 1, Invalid: 2, Valid: 3} {
		for range n {
			u.Attempt(s)
		}
	}
	want := Tally{
		Allowed: 1, Denied: 7, Attempts: [signatures]uint64{Unchecked: 1, Invalid: 2, Valid: 3},
		LastUsed: minute(10).Add(time.Nanosecond), LatestExpiry: minute(60), LatestIssued: minute(5), LongestLifetime: minutes(55),
	}
	if diff := cmp.Diff(want, u.Tally()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, NewUsage(want).Tally()); diff != "" {
		t.Errorf("after a restart:\n%s", diff)
	}
	if diff := cmp.Diff(Tally{}, NewUsage(Tally{}).Tally()); diff != "" {
		t.Errorf("of a key that was never used:\n%s", diff)
	}
}

func TestSignatureWords(t *testing.T) {
	for s, want := range map[Signature]string{Unchecked: "unchecked", Invalid: "invalid", Valid: "valid"} {
		if s.String() != want {
			t.Errorf("%d is %s", s, s)
		}
	}
}
