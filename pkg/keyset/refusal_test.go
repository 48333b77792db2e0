package keyset

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func private(key string) Skipped {
	l := listed(key)
	return Skipped{Kid: l.Kid, Reason: SkipPrivate, Thumbprint: l.Thumbprint, Modulus: l.Modulus}
}

func skip(kid string, r SkipReason) Skipped { return Skipped{Kid: kid, Reason: r} }

func TestSkippedKeyCountsAsAbsentAndTheOthersLoad(t *testing.T) {
	for _, reason := range []SkipReason{
		SkipMalformed, SkipType, SkipAlgorithm, SkipNoKid, SkipUse, SkipOperations,
		SkipSymmetric, SkipRSASize, SkipRSAExponent, SkipPointInvalid,
	} {
		t.Run(string(reason), func(t *testing.T) {
			doc := document("A", "C")
			doc.Skipped = []Skipped{skip("B", reason)}
			s := begin(t, usual).publish("A", "B", "C")
			s.at(5).observe(doc, 0).want("A active, B active, C active").skipped(skip("B", reason)).told()
			s.at(10).observe(doc, 0).want("A active, B grace, C active")
			s.at(15).publish("A", "B", "C").skipped()
		})
	}
}

// A lone key that is skipped is no empty document.
func TestSkippedKeyIsNoMassRemoval(t *testing.T) {
	s := begin(t, usual).publish("A")
	s.at(5).observe(Document{Skipped: []Skipped{skip("A", SkipUse)}}, 0).told()
}

func retired(t *testing.T, keys ...string) *story {
	s := begin(t, usual).publish(append(keys, "live")...)
	s.at(1).publish("live").at(2).publish("live")
	s.at(40).advance()
	if len(s.set.Keys()) != len(keys)+1 {
		t.Fatalf("%d records", len(s.set.Keys()))
	}
	s.told(MassRemoval) // of one key or more: see below
	return s
}

func TestRetiredKeyIsRefusedForEver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		listed string
		want   string
	}{
		{"under its kid", "A=a/n", "A retired"},
		{"by thumbprint under another kid", "X=a/n", "A retired, X retired"},
		{"by modulus with another exponent", "X=a2/n", "A retired, X retired"},
		{"by modulus under its kid", "A=a2/n", "A retired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := retired(t, "A=a/n", "B").final("A", "B")
			for m := 45; m < 60; m += 5 {
				s.at(m).publish(tt.listed, "live").want(tt.want+", live active").final("A", "B")
				kid := listed(tt.listed).Kid
				s.skipped(skip(kid, SkipRetired))
				if m == 45 {
					s.told(RetiredKeyReturned)
				} else {
					s.told() // nothing new
				}
			}
			wantKey := s.key("A")
			if k := s.key(listed(tt.listed).Kid); k != wantKey {
				t.Errorf("the new name leads to %+v", k)
			}
			s.at(60).publish("live").told()
			s.at(65).publish(tt.listed, "live").told(RetiredKeyReturned) // once more
		})
	}
}

func TestNameOfARefusedKeyIsForgottenWithTheDocument(t *testing.T) {
	s := retired(t, "A", "B").at(45).publish("X=A", "live").want("X retired")
	s.at(50).publish("live").want("X unknown, A retired")
}

// The contract's row for a kid alone: other material under it is refused, too.
func TestKidOfARetiredKeyIsNotTakenByNewMaterial(t *testing.T) {
	s := retired(t, "A", "B").at(45).publish("A=new", "live").want("A retired, live active")
	if _, ok := s.set.ByThumbprint(listed("A=new").Thumbprint); ok {
		t.Error("the new material was taken")
	}
}

func TestReturnOfARetiredKeyIsSeenAndHelpsNothing(t *testing.T) {
	s := retired(t, "A", "B").at(45).publish("A", "live")
	k := s.key("A")
	wantTime(t, "last_seen", k.LastSeen, minute(45))
	wantTime(t, "left_at", k.LeftAt, minute(1))
	if !k.Final || k.State(s.now) != Retired {
		t.Errorf("%+v", k)
	}
}

func TestPendingKeysThatGoLeaveOtherNamesInPlace(t *testing.T) {
	doc := document("pending", "live")
	doc.Keys[0].NotBefore = minute(500)
	s := begin(t, usual).observe(doc, 0)
	doc.Keys = append(doc.Keys, listed("A"))
	s.at(1).observe(doc, 0).at(2).revoke("A")
	s.at(5).publish("X=A", "live").want("pending unknown, A revoked, X revoked, live active")
	if got, want := s.key("X"), s.key("A"); got != want {
		t.Errorf("X leads to %s", got.Kid())
	}
	s.at(6).order(Order{Action: Retire, Kid: "ghost"})
	s.at(7).publish("Y=A", "live").reinstate("ghost").want("A revoked, Y revoked, live active")
}

func TestPublishedPrivateKeyIsRevokedAtOnce(t *testing.T) {
	doc := document("B")
	doc.Skipped = []Skipped{private("A=a/n")}
	s := begin(t, usual).publish("A=a/n", "B", "C=c/n").told()
	s.at(5).observe(doc, 0).want("A revoked, B active, C revoked").final("A", "C")
	s.told(PrivateKeyPublished, PrivateKeyPublished) // who has one exponent has all
	k := s.key("A")
	wantTime(t, "revoked_at", k.RevokedAt, minute(5))
	if k.Reason != "private_key_published" || k.Actor != "" {
		t.Errorf("reason %q, actor %q", k.Reason, k.Actor)
	}
	s.at(10).observe(doc, 0).told()
	s.at(15).publish("A=a/n", "B").want("A revoked").told(RetiredKeyReturned)
}

func TestPublishedPrivateKeyIsRevokedInEveryState(t *testing.T) {
	doc := document("live")
	doc.Skipped = []Skipped{private("A")}
	s := retired(t, "A", "B").at(45).observe(doc, 0).want("A revoked, B retired")
	wantTime(t, "retired_at", s.key("A").RetiredAt, minute(31))
	s = begin(t, usual).publish("A", "live").at(1).retire("A", 60).want("A grace").observe(doc, 0).want("A revoked")
	s.told(PrivateKeyPublished)
}

func TestPrivateKeyOfAnUnknownKeyIsRemembered(t *testing.T) {
	s := begin(t, usual).publish("B")
	doc := document("B")
	doc.Skipped = []Skipped{private("A")}
	s.at(5).observe(doc, 0).want("A revoked, B active").told(PrivateKeyPublished)
	s.at(10).publish("X=A", "B").want("A revoked, X revoked").told(RetiredKeyReturned)
}

func TestPrivateKeyUnderAnothersKidTakesNotThatName(t *testing.T) {
	s := begin(t, usual).publish("A")
	doc := document("A")
	doc.Skipped = []Skipped{private("A=other")}
	s.at(5).observe(doc, 0).want("A active").told(PrivateKeyPublished)
	begin(t, usual).retire("A", 0).observe(doc, 0).want("A retired")
}

func TestNewMaterialUnderAKnownKidIsRefused(t *testing.T) {
	s := begin(t, usual).publish("A=old", "B").told()
	s.at(5).publish("A=new", "B").want("A active, B active").told(KidReused).skipped(skip("A", SkipReused))
	s.at(10).publish("A=new", "B").want("A grace").told()
	if got := s.key("A").Thumbprint; got != listed("A=old").Thumbprint {
		t.Errorf("A is %s", got)
	}
	s.at(36).publish("A=new", "B").want("A retired, B active").final("A")
	if _, ok := s.set.ByThumbprint(listed("A=new").Thumbprint); ok {
		t.Error("the new material was taken")
	}
}

func replacing() Params {
	p := usual
	p.ReplaceReused = true
	return p
}

func TestNewMaterialUnderAKnownKidIsTakenWhereAllowed(t *testing.T) {
	s := begin(t, replacing()).publish("A=old", "B").told()
	s.at(5).publish("A=new", "B").want("A active, B active").told(KidReused).skipped()
	if got := s.key("A").Thumbprint; got != listed("A=new").Thumbprint {
		t.Errorf("A is %s", got)
	}
	s.at(10).publish("A=new", "B").told()
	old, _ := s.set.ByThumbprint(listed("A=old").Thumbprint)
	if got := old.State(s.now); got != Grace {
		t.Errorf("the old key is %s", got)
	}
	// And once more under the same kid, when the first one is a tombstone.
	s.at(40).publish("A=newer", "B").told(KidReused)
	if got := s.key("A").Thumbprint; got != listed("A=newer").Thumbprint {
		t.Errorf("A is %s", got)
	}
}

func TestKidGoesBackToTheKeyThatIsListedUnderItAgain(t *testing.T) {
	s := begin(t, replacing()).publish("A=old", "B")
	s.at(5).publish("A=new", "B")
	s.at(10).publish("A=old", "B").want("A active")
	if got := s.key("A").Thumbprint; got != listed("A=old").Thumbprint {
		t.Errorf("A is %s", got)
	}
	s.at(15).publish("B").at(20).publish("B", "C").want("A grace") // C makes new indexes
	if got := s.key("A").Thumbprint; got != listed("A=old").Thumbprint {
		t.Errorf("A is %s", got)
	}
}

func TestKidOfARetiredKeyStaysWithItsSuccessor(t *testing.T) {
	s := begin(t, replacing()).publish("A=old", "B").at(1).retire("A", 0)
	s.at(5).publish("A=new", "B").want("A active")
	s.at(10).publish("B").at(15).publish("B", "C").want("A grace")
	if got := s.key("A").Thumbprint; got != listed("A=new").Thumbprint {
		t.Errorf("A is %s", got)
	}
}

func TestKidOfARevokedKeyIsNeverTaken(t *testing.T) {
	s := begin(t, replacing()).publish("A=old", "B").at(1).revoke("A").told()
	s.at(5).publish("A=new", "B").want("A revoked, B active").told(KidReused).skipped(skip("A", SkipReused))
}

func TestKidWithTwoMaterialsIsUnusable(t *testing.T) {
	s := begin(t, usual).publish("A", "B").told()
	s.at(5).publish("A", "A=other", "B", "C", "C=c2").want("A active, B active, C unknown")
	s.told(KidAmbiguous, KidAmbiguous)
	s.skipped(skip("A", SkipAmbiguous), skip("A", SkipAmbiguous), skip("C", SkipAmbiguous), skip("C", SkipAmbiguous))
	s.at(10).publish("A", "A=other", "B").want("A grace, B active").told()
	s.at(15).publish("A", "B").want("A active").told(RemovalReverted)
}

func TestThreeTimesOneKidIsAmbiguousInAnyOrder(t *testing.T) {
	s := begin(t, usual).publish("A=1", "A=2", "A=1", "B")
	s.want("A unknown, B active").told(KidAmbiguous)
}

func TestKidListedTwiceWithOneMaterialIsOneKey(t *testing.T) {
	s := begin(t, usual).publish("A", "A").want("A active").told().skipped()
	if n := len(s.set.Keys()); n != 1 {
		t.Errorf("%d records", n)
	}
}

// RFC 8725, section 3.1: one key, one algorithm.
func TestMaterialWithTwoAlgorithmsKeepsTheFirst(t *testing.T) {
	doc := document("A=m", "B=m")
	doc.Keys[0].Alg, doc.Keys[1].Alg = "RS256", "PS256"
	s := begin(t, usual).observe(doc, 0).want("A active, B unknown").skipped(skip("B", SkipAlgorithm))
	if got := s.key("A").Alg; got != "RS256" {
		t.Errorf("alg is %s", got)
	}
	s.at(5).observe(Document{Keys: doc.Keys[1:]}, 0)
	if got := s.key("B").Alg; got != "PS256" {
		t.Errorf("alg is %s", got)
	}
}

func TestMaterialListedTwiceHasTheNarrowerTimes(t *testing.T) {
	doc := document("A=m", "B=m")
	doc.Keys[0].NotBefore, doc.Keys[0].Expires = minute(5), minute(60)
	doc.Keys[1].NotBefore, doc.Keys[1].Expires = minute(3), minute(30)
	for range 2 {
		s := begin(t, usual).observe(doc, 0).at(4).want("A pending, B pending")
		s.at(5).want("A active, B active")
		s.at(30).want("A retired, B retired")
		doc.Keys[0], doc.Keys[1] = doc.Keys[1], doc.Keys[0]
	}
}

func TestFurtherKidIsAnAlias(t *testing.T) {
	s := begin(t, usual).publish("A=m").happened(EventFirstSeen)
	s.at(5).publish("A=m", "B=m").want("A active, B active").happened(EventAliasSeen)
	if n := len(s.set.Keys()); n != 1 {
		t.Errorf("%d records", n)
	}
	if ref, _ := s.set.Lookup("A"); ref.Name != "A" || ref.Kid() != "B" {
		t.Errorf("name %s, newest name %s", ref.Name, ref.Kid())
	}
}

func TestAliasThatLeftBehavesLikeAKeyInGrace(t *testing.T) {
	s := begin(t, usual).publish("A=m", "B=m").happened(EventFirstSeen, EventAliasSeen)
	s.at(5).publish("B=m").want("A active, B active").happened(EventAliasLeft)
	if _, ok := s.set.ConfirmAt(s.now); !ok {
		t.Error("nobody asks again")
	}
	s.at(10).publish("B=m").want("A grace, B active").told()
	ref, _ := s.set.Lookup("A")
	wantTime(t, "grace start of the name", ref.GraceStart(s.now), minute(5))
	if start := ref.Key.GraceStart(s.now); !start.IsZero() {
		t.Errorf("the key itself is in grace since %v", start)
	}
	s.at(34).want("A grace, B active")
	s.at(35).publish("B=m").want("A retired, B active").final()
	s.at(100).publish("A=m", "B=m").want("A active, B active").happened(EventAliasBack)
}

func TestKeyThatLeavesTakesAllItsNames(t *testing.T) {
	s := begin(t, usual).publish("A=m", "B=m", "C")
	s.at(5).publish("B=m", "C")
	s.at(20).publish("C").at(21).publish("C").want("A grace, B grace")
	ref, _ := s.set.Lookup("A")
	wantTime(t, "grace start of the name that left first", ref.GraceStart(s.now), minute(5))
	s.at(35).want("A retired, B grace")
	s.at(50).advance().want("A retired, B retired").final("B")
}

func TestRenamedKeyStaysOneKey(t *testing.T) {
	s := begin(t, usual).publish("A=m", "C").at(5).publish("B=m", "C")
	s.at(10).publish("B=m", "C").want("A grace, B active, C active").told()
	if got := s.key("A").Kid(); got != "B" {
		t.Errorf("the key is called %s", got)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	s := full(t)
	s.at(5).publish("A", "new").want("A active, new unknown").told(RecordsFull, MassRemoval).skipped(skip("new", SkipFull))
	s.frozen = nil
	s.at(10).publish("A", "new", "newer").told().skipped(skip("new", SkipFull), skip("newer", SkipFull))
	s.frozen = nil
	if n := len(s.set.Keys()); n != MaxRecords {
		t.Errorf("%d records", n)
	}
	s.retire("A", 0).want("A retired") // a known key can go all the same
	doc := Document{Skipped: []Skipped{private("new")}}
	s.at(15).observe(doc, 0)
	if s.at(16).publish("new"); len(s.set.Keys()) != MaxRecords {
		t.Errorf("%d records", len(s.set.Keys()))
	}
	if set, events := s.set.Distrust("unknown", "", "leaked", s.now); set != s.set || events != nil {
		t.Error("distrust of what is not there left a trace")
	}
	// The bound is for what issuers publish: an order is always carried out.
	s.retire("new", 0).want("new retired")
	s.frozen = nil
}

func full(t *testing.T) *story {
	s := begin(t, usual).order(Order{Action: Retire, Thumbprint: "unseen"}) // takes no name
	doc := document("A")
	for i := range MaxRecords - 2 {
		doc.Keys = append(doc.Keys, listed(fmt.Sprint("key", i)))
	}
	set, _ := s.set.Observe(doc, s.now, s.now)
	s.set = set // not frozen: it is large
	return s
}

// An issuer that gives one key another name each time cannot make its record, which
// each event repeats, grow without end.
func TestNamesOfOneKeyAreBounded(t *testing.T) {
	s := begin(t, usual).publish("B")
	for i := range MaxKids {
		s.at(i).publish(fmt.Sprintf("n%d=m", i), "B")
	}
	s.at(MaxKids).publish("one-more=m", "B").skipped(skip("one-more", SkipFull)).told(RecordsFull)
	k, _ := s.set.ByThumbprint(s.key("n0").Thumbprint)
	if n := len(k.Aliases); n != MaxKids {
		t.Errorf("%d names", n)
	}
	s.order(Order{Action: Retire, Kid: "another", Thumbprint: k.Thumbprint})
	if k, _ := s.set.ByThumbprint(k.Thumbprint); len(k.Aliases) != MaxKids || !k.Final {
		t.Errorf("%d names after an order, final: %t", len(k.Aliases), k.Final)
	}
}

// Names cost memory like records do.
func TestNamesAreBounded(t *testing.T) {
	s := begin(t, usual).publish("A=m", "B")
	d := s.set.edit(s.now)
	for i := range MaxRecords - 3 {
		if i%MaxKids == 0 {
			d.add(&Key{Thumbprint: fmt.Sprint("gone ", i), Final: true, RetiredAt: minute(0), RevokedAt: minute(0)})
		}
		k := d.change(len(d.keys) - 1)
		k.Aliases = append(k.Aliases, Alias{Kid: fmt.Sprint("name ", i), FirstSeen: minute(0), LastSeen: minute(0)})
	}
	d.reindex()
	s.set = &d.Set // not frozen: it is large
	s.set, s.events = s.set.Observe(document("A=m", "B", "new=m"), instant(5), instant(5))
	if _, ok := s.set.Lookup("new"); !ok {
		t.Error("the last name that fits was refused")
	}
	s.set, s.events = s.set.Observe(document("A=m", "B", "newer=m", "C"), instant(6), instant(6))
	if n := len(s.set.byKid); n != MaxRecords {
		t.Errorf("%d names", n)
	}
	for kid, want := range map[string]bool{"A": true, "B": true, "newer": false, "C": false} {
		if _, ok := s.set.Lookup(kid); ok != want {
			t.Errorf("%s: found %t", kid, ok)
		}
	}
	s.told(RecordsFull)
	s.skipped(skip("newer", SkipFull), skip("C", SkipFull))
}

func TestEveryEventCarriesTheRecordAfterIt(t *testing.T) {
	s := begin(t, usual).publish("A", "B").at(5).revoke("A")
	var got []string
	for _, e := range s.events {
		got = append(got, fmt.Sprint(e.Type, " ", e.Kid, " ", e.Key.Kid()))
	}
	want := []string{
		"key_first_seen A A", "key_first_seen B B", "key_state A A", "key_state B B",
		"key_ordered A A", "key_state A A",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
