package keyset

import (
	"testing"
	"time"
)

// restrict fetches a document of which only that may count which takes away.
func (s *story) restrict(doc Document) *story {
	set, events := s.set.Restrict(doc, s.now, s.now)
	s.take(set, events)
	return s
}

func timed(key string, notBefore, expires int) Document {
	doc := document(key, "B")
	if notBefore > 0 {
		doc.Keys[0].NotBefore = minute(notBefore)
	}
	if expires > 0 {
		doc.Keys[0].Expires = minute(expires)
	}
	return doc
}

func signing(key, alg string) Document {
	doc := document(key, "B")
	doc.Keys[0].Alg = alg
	return doc
}

// Each document is held back at minute 5, and observed at minute 20.
func TestRestrictionTakesAwayAndGivesNothing(t *testing.T) {
	delayed := usual
	delayed.ActivationDelay = minutes(15)
	for _, tt := range []struct {
		name     string
		params   Params
		old, new Document
		at5, at6 string // held back
		at20     string // observed
	}{
		{
			"a new key waits", usual, document("B"), document("A", "B"),
			"A unknown, B active", "A unknown, B active", "A active, B active",
		},
		{
			"a withdrawn key leaves", usual, document("A", "B"), document("B"),
			"A active, B active", "A grace, B active", "A grace, B active",
		},
		{
			"a new name waits and the old one leaves", usual, document("A=m", "B"), document("X=m", "B"),
			"A active, X unknown, B active", "A grace, X unknown, B active", "A grace, X active, B active",
		},
		{
			"new material waits and the old one leaves", replacing(), document("A=1", "B"), document("A=2", "B"),
			"A active, B active", "A grace, B active", "A active, B active",
		},
		{
			"new material that is refused takes no key away twice", usual, document("A=1", "B"), document("A=2", "B"),
			"A active, B active", "A grace, B active", "A grace, B active",
		},
		{
			"exp comes nearer", usual, timed("A", 0, 0), timed("A", 0, 6),
			"A active, B active", "A retired, B active", "A retired, B active",
		},
		{
			"exp is put off", usual, timed("A", 0, 6), timed("A", 0, 60),
			"A active, B active", "A retired, B active", "A active, B active",
		},
		{
			"nbf is put off", usual, timed("A", 0, 0), timed("A", 30, 0),
			"A pending, B active", "A pending, B active", "A pending, B active",
		},
		{
			"nbf comes nearer", usual, timed("A", 30, 0), timed("A", 6, 0),
			"A pending, B active", "A pending, B active", "A active, B active",
		},
		{
			"a pending key goes", usual, timed("A", 6, 0), document("B"),
			"A pending, B active", "A pending, B active", "A unknown, B active",
		},
		{
			"a pending key of a name that was another's goes", replacing(), timed("A", 6, 0), document("B"),
			"A pending, B active", "A pending, B active", "A unknown, B active",
		},
		{
			"a published private key", usual, document("A", "B"), Document{Keys: document("B").Keys, Skipped: []Skipped{private("A")}},
			"A revoked, B active", "A revoked, B active", "A revoked, B active",
		},
		{
			"the activation delay is over", delayed, document("A", "B"), document("A", "B"),
			"A pending, B pending", "A pending, B pending", "A active, B active",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, tt.params).observe(tt.old, 0)
			s.at(5).restrict(tt.new).want(tt.at5)
			s.at(6).restrict(tt.new).want(tt.at6)
			s.at(19).restrict(tt.new).at(20).observe(tt.new, 0).want(tt.at20)
		})
	}
}

func TestRestrictionSaysWhatItHoldsBack(t *testing.T) {
	s := begin(t, usual).publish("A=m", "B")
	s.events = nil
	s.at(5).restrict(document("A=m", "X=m", "B", "C")).skipped(skip("X", SkipUnrecorded), skip("C", SkipUnrecorded)).happened()
	s.observe(document("A=m", "X=m", "B", "C"), 0).skipped().happened(EventAliasSeen, EventFirstSeen)
}

func TestRestrictionTellsWhatItTookAway(t *testing.T) {
	s := begin(t, usual).observe(timed("A", 0, 0), 0)
	s.events = nil
	s.at(5).restrict(timed("A", 0, 60)).happened(EventChanged)
	s.at(6).restrict(timed("A", 0, 60)).happened()
	s.observe(timed("A", 0, 60), 0).happened()
	s.restrict(timed("A", 0, 90)).happened()
}

func TestRestrictionOfAnAlg(t *testing.T) {
	for _, tt := range []struct{ name, old, new, held string }{
		{"one where any was good", "", "RS256", "RS256"},
		{"any where one was good waits", "RS256", "", "RS256"},
		{"another one waits", "RS256", "PS256", "RS256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, usual).observe(signing("A", tt.old), 0)
			s.at(5).restrict(signing("A", tt.new)).want("A active")
			if got := s.key("A").Alg; got != tt.held {
				t.Errorf("alg %q while held back", got)
			}
			s.at(100).restrict(signing("A", tt.new)).want("A active") // it is listed all the time
			wantTime(t, "the last sight of the key", s.key("A").LastSeen, minute(100))
			wantTime(t, "the last sight of the name", s.key("A").Aliases[0].LastSeen, minute(100))
			s.observe(signing("A", tt.new), 0).want("A active")
			if got := s.key("A").Alg; got != tt.new {
				t.Errorf("alg %q in the end", got)
			}
		})
	}
}

func TestRestrictionDoesNotHoldANameThatMayNotBeUsed(t *testing.T) {
	doc := document("A=m", "X=m", "B")
	s := begin(t, usual).observe(doc, 0)
	doc.Keys[0].Alg, doc.Keys[1].Alg = "RS256", "PS256" // RFC 8725, section 3.1
	s.at(5).restrict(doc).skipped(skip("A", SkipUnrecorded), skip("X", SkipAlgorithm))
	s.at(6).restrict(doc).want("A active, X grace, B active")
}

// It has left and cannot come back yet: that must not end it for ever.
func TestRestrictionMakesNothingFinalThatIsListed(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).publish("B").at(6).publish("B").want("A grace, B active")
	s.at(10).restrict(document("A", "B")).want("A grace, B active")
	s.at(40).restrict(document("A", "B")).want("A retired, B active").final()
	s.at(45).advance().final()
	s.at(50).publish("A", "B").want("A active, B active").final()
}

func TestRestrictionDoesNotConfirmTheAbsenceOfWhatIsListed(t *testing.T) {
	s := begin(t, usual).publish("A=m", "A2=m", "B").at(5).publish("B")
	s.at(7).restrict(document("A=m", "A2=m", "B")).want("A active, A2 active, B active")
	s.at(8).publish("A=m", "A2=m", "B")
	s.at(60).publish("A=m", "A2=m", "B").want("A active, A2 active, B active")
}

func TestPendingKeyThatIsWithdrawnIsNeverInForceThoughThatIsHeldBack(t *testing.T) {
	s := begin(t, usual).observe(timed("A", 10, 0), 0)
	s.events = nil
	s.at(5).restrict(document("B")).happened(EventChanged)
	s.at(6).restrict(document("B")).happened()
	s.at(1000).restrict(document("B")).want("A pending, B active").publish("B").want("A unknown, B active")
	// Listed again before that, it is what the document says.
	s = begin(t, usual).observe(timed("A", 10, 0), 0).at(5).restrict(document("B"))
	s.at(7).restrict(timed("A", 10, 0)).at(12).want("A pending").observe(timed("A", 10, 0), 0).want("A active")
}

// A shorter activation delay comes with the next document.
func TestRestrictionDoesNotShortenTheActivationDelay(t *testing.T) {
	p := usual
	p.ActivationDelay = minutes(30)
	s := begin(t, p).publish("A")
	s.take(s.set.WithParams(usual), nil)
	s.events = nil
	s.at(5).restrict(document("A")).want("A pending").happened()
	s.publish("A").want("A active").happened(EventChanged)
	wantTime(t, "the end of the delay", s.key("A").Activates, time.Time{})
}

func TestRestrictionLeavesUnseenKeysToTheirOrder(t *testing.T) {
	order := Order{Action: Retire, Kid: "A", At: minute(60)}
	s := begin(t, usual).publish("B").order(order).at(5).restrict(document("A", "B")).want("A pending, B active")
	if k := s.key("A"); k.Seen() || !k.LastSeen.IsZero() {
		t.Errorf("it was taken on: %+v", k)
	}
	s.publish("A", "B").want("A active, B active").at(60).want("A retired, B active")
}

func TestOldCopyRestrictsNothing(t *testing.T) {
	s := begin(t, usual).at(5).publish("A", "B").at(10)
	set, events := s.set.Restrict(document("B"), instant(4), s.now)
	if s.take(set, events); s.set.Observed() != instant(5) {
		t.Error("it was taken for the newest document")
	}
	s.want("A active, B active")
}
