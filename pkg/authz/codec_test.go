package authz

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// What a check held of one client is gone before another one's is judged with it.
func TestNothingOfACheckIsLeftForTheNext(t *testing.T) {
	p := bearer(verify.DefaultPolicy)
	p.Token.Cookie, p.Token.Query = "session", "access_token"
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p}}})
	for _, lines := range [][]string{
		{"authorization: Bearer " + good, "x-request-id: 1", "cookie: a=b"},
		{"authorization: Bearer other", "cookie: session=" + good},
		{"authorization: Basic x"},
	} {
		data, err := proto.Marshal(raw("/?a=1&access_token=", lines...))
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{data, data[:len(data)/2]} {
			c := new(check)
			c.wire.data = data
			s.check(t.Context(), c, &c.wire, "")
			if c.decision.Verdict == 0 {
				t.Fatal("nothing was decided")
			}
			c.done()
			if !reflect.DeepEqual(*c, check{}) {
				t.Errorf("%q leaves %+v", lines, *c)
			}
		}
	}
}
