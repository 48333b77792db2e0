package keyset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// impact tells what an order would do now, with a clock skew of one minute.
func (s *story) impact(o Order) Impact {
	s.t.Helper()
	before := fingerprint(s.set)
	i, err := s.set.Impact(o, minutes(1), s.now)
	if err != nil {
		s.t.Fatalf("impact of %+v: %v", o, err)
	}
	if diff := cmp.Diff(before, fingerprint(s.set)); diff != "" {
		s.t.Fatalf("asking changed the set:\n%s", diff)
	}
	return i
}

func TestOrderForTheLastUsableKeyIsToldSo(t *testing.T) {
	retire, revoke := Order{Action: Retire, Kid: "A", Grace: minutes(600)}, Order{Action: Revoke, Kid: "A"}
	grace := func(s *story, kids string) { // withdraws all but these
		keys := strings.Fields(kids)
		s.publish(keys...).at(6).publish(keys...).at(7)
	}
	for _, tt := range []struct {
		name           string
		before         func(s *story)
		retire, revoke bool
	}{
		{"another one is active", func(s *story) {}, false, false},
		{"the other is in grace", func(s *story) { grace(s, "A") }, true, true},
		{"the other is ordered out of service", func(s *story) { s.retire("B", 60) }, true, true},
		{"the other will be ordered out of service", func(s *story) { s.order(Order{Action: Retire, Kid: "B", At: minute(60)}) }, false, false},
		{"the other is pending", func(s *story) { s.revoke("B").observe(timed("C", 60, 0), 0).publish("A") }, true, true},
		{"it is in grace itself", func(s *story) { grace(s, "B") }, false, false},
		{"both are in grace", func(s *story) { grace(s, "") }, false, false},
		{"it is in grace itself, and alone", func(s *story) { s.revoke("B"); grace(s, "") }, true, true},
		{"it was retired before, and its grace is all there is", func(s *story) { s.revoke("B").retire("A", 60) }, false, true},
		{"it was revoked before", func(s *story) { s.revoke("A").revoke("B") }, false, false},
		{"it is out of service, and so are all", func(s *story) { s.retire("A", 0).revoke("B") }, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).publish("A", "B").at(5)
			tt.before(s)
			if got := s.impact(retire).LastKey; got != tt.retire {
				t.Errorf("retire: %v", got)
			}
			if got := s.impact(revoke).LastKey; got != tt.revoke {
				t.Errorf("revoke: %v", got)
			}
		})
	}
}

// X and Y are of an algorithm that no token of the issuer may have.
func fitting() Params {
	p := usual
	p.Fits = func(k *Key) bool { return !strings.ContainsAny(k.Kid(), "XY") }
	return p
}

// What no token can be of leaves nothing to verify with, and takes nothing when it
// goes.
func TestKeyThatFitsNoAlgorithmIsNoUsableKey(t *testing.T) {
	retire, revoke := Order{Action: Retire, Grace: minutes(600)}, Order{Action: Revoke}
	both := func(s *story, kids string) { // withdraws all but these
		keys := strings.Fields(kids)
		s.publish(keys...).at(6).publish(keys...).at(7)
	}
	for _, tt := range []struct {
		name        string
		listed      string
		before      func(s *story)
		kid         string
		last, unfit bool
	}{
		{"another one is active, and does not fit", "A X", func(s *story) {}, "A", true, true},
		{"another one fits besides", "A B X", func(s *story) {}, "A", false, false},
		{"it does not fit itself", "A X", func(s *story) {}, "X", false, false},
		{"it does not fit itself, and is alone", "X", func(s *story) {}, "X", false, false},
		{"it does not fit itself, as no other one", "X Y", func(s *story) {}, "X", false, false},
		{"it is in grace, and what is active does not fit", "A X", func(s *story) { both(s, "X") }, "A", true, true},
		{"the other is in grace, and does not fit", "A X", func(s *story) { both(s, "A") }, "A", true, false},
		{"both are in grace, and the other does not fit", "A X", func(s *story) { both(s, "") }, "A", true, false},
		{"the other fits since a reload", "A X", func(s *story) { s.take(s.set.WithParams(usual), nil) }, "A", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, fitting()).publish(strings.Fields(tt.listed)...).at(5)
			tt.before(s)
			for _, o := range []Order{retire, revoke} {
				o.Kid = tt.kid
				if i := s.impact(o); i.LastKey != tt.last || i.Unfit != tt.unfit {
					t.Errorf("%s: last %v, unfit %v", o.Action, i.LastKey, i.Unfit)
				}
			}
		})
	}
}

func TestRevocationOfAModulusMayTakeTheLastKey(t *testing.T) {
	s := begin(t, usual).publish("A=a/n", "B=b/n")
	if !s.impact(Order{Action: Revoke, Kid: "A"}).LastKey {
		t.Error("the other key of the modulus counts as left")
	}
	if s.impact(Order{Action: Retire, Kid: "A"}).LastKey {
		t.Error("a retirement takes the other key of the modulus")
	}
	// One that was never seen takes nothing, whatever is left.
	s = begin(t, usual).publish("A").retire("A", 60)
	if i := s.impact(Order{Action: Retire, Kid: "X"}); i.LastKey || !i.Changes || len(i.Keys) != 0 {
		t.Errorf("%+v", i)
	}
}

func TestReinstatementTakesNoKey(t *testing.T) {
	s := begin(t, usual).publish("A", "B").retire("B", 0).retire("A", 60).at(5).publish("B")
	if i := s.impact(Order{Action: Reinstate, Kid: "A"}); i.LastKey || !i.Changes || i.InUse != nil {
		t.Errorf("%+v", i)
	}
}

// The last token of A expires at minute 50, and is accepted until 51.
func TestRetirementThatCutsOffTokensIsToldSo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(s *story)
		order  Order
		inUse  bool
		cutOff int // by lifecycle time
	}{
		{"no grace", func(s *story) {}, Order{Action: Retire, Kid: "A"}, true, 5},
		{"a grace that is too short", func(s *story) {}, Order{Action: Retire, Kid: "A", Grace: minutes(45)}, true, 50},
		{"a grace that is just long enough", func(s *story) {}, Order{Action: Retire, Kid: "A", Grace: minutes(46)}, false, 0},
		{"later, and then without grace", func(s *story) {}, Order{Action: Retire, Kid: "A", At: minute(30)}, true, 30},
		{"when all tokens are done", func(s *story) { s.at(51) }, Order{Action: Retire, Kid: "A"}, false, 0},
		{"a moment before", func(s *story) { s.at(50) }, Order{Action: Retire, Kid: "A"}, true, 50},
		{"an expired key", func(s *story) { s.observe(timed("A", 0, 5), 0) }, Order{Action: Retire, Kid: "A"}, false, 0},
		{"a key without tokens", func(s *story) {}, Order{Action: Retire, Kid: "B"}, false, 0},
		{"a key that was never seen", func(s *story) {}, Order{Action: Retire, Kid: "X"}, false, 0},
		{"revocation asks for nobody's leave", func(s *story) {}, Order{Action: Revoke, Kid: "A"}, false, 0},
		{"a withdrawal ends its grace before the order's", func(s *story) { s.publish("B").at(6).publish("B") }, Order{Action: Retire, Kid: "A", Grace: minutes(600)}, true, 35},
		{"a key that is retired already", func(s *story) { s.retire("A", 0).at(6) }, Order{Action: Retire, Kid: "A"}, false, 0},
		{"the same order again", func(s *story) { s.retire("A", 10).at(6) }, Order{Action: Retire, Kid: "A", Grace: minutes(10)}, false, 0},
		{"a shorter grace than before", func(s *story) { s.retire("A", 100).at(6) }, Order{Action: Retire, Kid: "A", Grace: minutes(10)}, true, 16},
		{"a wall clock ahead", func(s *story) { s.step(20) }, Order{Action: Retire, Kid: "A", Grace: minutes(20)}, true, 25},
		{"a wall clock ahead, and a grace that is long enough", func(s *story) { s.step(20) }, Order{Action: Retire, Kid: "A", Grace: minutes(26)}, false, 0},
		{"with a time that lies behind, as all tokens do", func(s *story) { s.at(60) }, Order{Action: Retire, Kid: "A", At: minute(40)}, false, 0},
		{"a wall clock that stepped ahead since the withdrawal", func(s *story) { s.publish("B").at(6).publish("B").step(20) }, Order{Action: Retire, Kid: "A", Grace: minutes(600)}, true, 15},
		{"a wall clock behind", func(s *story) { s.step(-60) }, Order{Action: Retire, Kid: "A", Grace: minutes(60)}, true, 65},
		{"a wall clock behind, and a grace that is long enough", func(s *story) { s.step(-60) }, Order{Action: Retire, Kid: "A", Grace: minutes(106)}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).publish("A", "B").at(5)
			s.key("A").Allow(minute(4), minute(50), minute(3))
			tt.before(s)
			i := s.impact(tt.order)
			if (i.InUse != nil) != tt.inUse {
				t.Fatalf("in use: %v, until %v", i.InUse, i.UsedUntil)
			}
			if !tt.inUse {
				if !i.UsedUntil.IsZero() || !i.CutOff.IsZero() {
					t.Errorf("%+v", i)
				}
				return
			}
			if i.InUse != s.key("A") {
				t.Errorf("it is %s", i.InUse.Kid())
			}
			wantTime(t, "the last token's end", i.UsedUntil, minute(51))
			wantTime(t, "the key's end", i.CutOff, minute(tt.cutOff).Add(s.drift))
			// That is when the key will be refused.
			s.order(tt.order)
			before := Instant{Wall: i.CutOff.Add(-time.Second), Life: i.CutOff.Add(-s.drift - time.Second)}
			end := Instant{Wall: i.CutOff, Life: i.CutOff.Add(-s.drift)}
			if k := s.key("A"); k.State(end) != Retired || before.Life.After(s.now.Life) && !k.State(before).Usable() {
				t.Errorf("%s before, %s then", k.State(before), k.State(end))
			}
		})
	}
}

func TestKidOfSeveralKeysTellsTheOneInUseLongest(t *testing.T) {
	s := begin(t, replacing()).publish("A=1", "B").at(5).publish("A=2", "B")
	for _, k := range s.set.Keys() {
		if k.alias("A") >= 0 {
			k.Allow(minute(5), minute(30+len(k.Thumbprint)), time.Time{})
		}
	}
	first, _ := s.set.ByThumbprint(listed("A=1").Thumbprint)
	first.Allow(minute(5), minute(90), time.Time{})
	i := s.impact(Order{Action: Retire, Kid: "A"})
	if len(i.Keys) != 2 || i.InUse != first {
		t.Errorf("%+v", i)
	}
	wantTime(t, "the last token's end", i.UsedUntil, minute(91))
}

func TestImpactOfAnImpossibleOrder(t *testing.T) {
	s := begin(t, usual).publish("A", "B").revoke("A")
	for _, tt := range []struct {
		order Order
		want  error
	}{
		{Order{Action: Reinstate, Kid: "A"}, ErrRevoked},
		{Order{Action: Reinstate, Kid: "X"}, ErrUnknownKey},
		{Order{Action: Retire}, ErrUnknownKey},
	} {
		if i, err := s.set.Impact(tt.order, 0, s.now); !errors.Is(err, tt.want) || i.Changes || i.LastKey {
			t.Errorf("%+v: %+v, %v", tt.order, i, err)
		}
	}
}
