package keyset

import "testing"

// What is buried is out of service at once and for ever, whatever its record promised;
// nothing else is touched.
func TestBuriedKeysAreOutOfService(t *testing.T) {
	s := begin(t, usual).publish("A", "B", "C").at(5).retire("A", 20)
	s.take(s.set.Bury([]Burial{
		{Order{Action: Retire, Thumbprint: s.key("A").Thumbprint, Kid: "A"}, instant(6)},
		{Order{Action: Revoke, Thumbprint: s.key("B").Thumbprint, Kid: "B", Reason: "lost"}, instant(6)},
		{Order{Action: Retire, Kid: "unseen"}, instant(3)},
		{Order{Action: Retire}, instant(3)}, // of no key
	}), nil)
	s.at(7).want("A retired, B revoked, C active, unseen retired")
	if k := s.key("unseen"); !k.Final || !k.RetiredAt.Equal(minute(3)) || len(s.set.Keys()) != 4 {
		t.Errorf("%+v", k)
	}
	s.restart().publish("A", "B", "C", "unseen").want("A retired, B revoked, C active, unseen retired").told(RetiredKeyReturned, RetiredKeyReturned, RetiredKeyReturned)
}
