package keyset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each condition for letting a key go, missing by itself.
func TestKeyIsSafeToRetire(t *testing.T) {
	const hour = 60
	for _, tt := range []struct {
		name  string
		story func(s *story)
		want  Safety
		from  int // minute
	}{
		{"all is well", func(s *story) {}, Safety{Fresh: true, Succeeded: true, Expired: true, Quiet: true}, hour},
		{"the issuer is silent", func(s *story) { s.at(135) }, Safety{Succeeded: true, Expired: true, Quiet: true}, hour},
		{"never used, as its successor", func(s *story) { s.key("A").Usage = new(Usage); s.key("B").Usage = new(Usage) },
			Safety{Fresh: true, Expired: true, Quiet: true}, hour},
		{"used after its successor", func(s *story) { used(s, "A", 50, 55) }, Safety{Fresh: true, Expired: true, Quiet: true}, 110},
		{"a token of it lives", func(s *story) { used(s, "A", 0, 124) }, Safety{Fresh: true, Succeeded: true, Quiet: true}, 124 + 1},
		{"the wall clock stepped ahead", func(s *story) { used(s, "A", 0, 150); s.step(hour) }, Safety{Succeeded: true}, 150 + 1},
		{"used lately", func(s *story) { used(s, "A", 66, 70); used(s, "B", 100, 110) }, Safety{Fresh: true, Succeeded: true, Expired: true}, 66 + hour},
		{"its successor's tokens live longer than its last use is ago", func(s *story) { used(s, "B", 40, 40+3*hour) },
			Safety{Fresh: true, Succeeded: true, Expired: true}, 3 * hour},
		{"its successor fits no algorithm since a reload", func(s *story) {
			p := s.set.Params()
			p.Fits = func(k *Key) bool { return k.Kid() != "B" }
			s.take(s.set.WithParams(p), nil)
		}, Safety{Fresh: true, Expired: true, Quiet: true}, hour},
		{"its successor is out of service", func(s *story) { s.order(Order{Action: Revoke, Kid: "B"}) }, Safety{Fresh: true, Expired: true, Quiet: true}, hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := usual
			p.Interval = 5 * time.Minute
			s := begin(t, p).publish("A", "B")
			used(s, "A", 0, 10)
			used(s, "B", 30, 35)
			s.at(121).publish("A", "B").at(124)
			tt.story(s)
			got := s.set.Safety(s.key("A"), time.Minute, 0, minute(0), s.now)
			tt.want.Window, tt.want.From = got.Window, minute(tt.from)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if got.OK() != (got.Fresh && got.Succeeded && got.Expired && got.Quiet) {
				t.Errorf("%v: %+v", got.OK(), got)
			}
		})
	}
}

// used accepts a token, issued in the same minute.
func used(s *story, kid string, at, expires int) {
	s.key(kid).Allow(minute(at), minute(expires), minute(at))
}

// An end is what a person would call it: the first moment at which the key was
// refused for good.
func TestEndOfAKey(t *testing.T) {
	doc := document("A", "B", "C", "D")
	doc.Keys[1].Expires = minute(7)
	s := begin(t, usual).observe(doc, 0)
	s.at(5).order(Order{Action: Revoke, Kid: "C"}).retire("D", 10)
	wantTime(t, "in force", s.key("A").Ended(s.now), time.Time{})
	s.at(20).observe(document("X"), 0).at(21).publish("X").at(50).advance()
	wantTime(t, "withdrawn", s.key("A").Ended(s.now), minute(50))
	wantTime(t, "its own exp", s.key("B").Ended(s.now), minute(7))
	wantTime(t, "revoked", s.key("C").Ended(s.now), minute(5))
	wantTime(t, "retired with a grace", s.key("D").Ended(s.now), minute(15))
}

// What guards compare is what the newest document lists and they would use.
func TestCurrentKeys(t *testing.T) {
	names := func(s *story) (all []string) {
		for _, k := range s.set.Current(s.now) {
			all = append(all, k.Kid())
		}
		return all
	}
	doc := document("A", "B", "P", "R")
	doc.Keys[2].NotBefore = minute(60)
	s := begin(t, usual).observe(doc, 0).order(Order{Action: Revoke, Kid: "R"})
	if diff := cmp.Diff([]string{"A", "B", "P"}, names(s)); diff != "" {
		t.Error(diff)
	}
	s.at(5).publish("A", "R")
	if diff := cmp.Diff([]string{"A"}, names(s)); diff != "" {
		t.Errorf("B is in grace, and not listed: %s", diff)
	}
	if empty := begin(t, usual); len(empty.set.Current(empty.now)) > 0 {
		t.Error("keys that were never observed")
	}
}
