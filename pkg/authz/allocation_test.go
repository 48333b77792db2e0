//go:build !race

package authz

import (
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// roomy gives decisions whose headers are in the room of the check.
type roomy struct {
	policy  *verify.Policy
	decided verify.Decision
}

func (r *roomy) Policies() []*verify.Policy { return []*verify.Policy{r.policy} }

func (r *roomy) DecideBytes(_ *verify.Policy, _ []byte, _ verify.Instant, room []verify.HeaderValue) verify.Decision {
	d := r.decided
	d.Headers = append(room, d.Headers...)
	return d
}

// TestAllocations counts what a check takes besides its decision: the request's id, the
// answer, and twice what makes bytes a buffer of gRPC. (The race detector drops what is
// pooled.)
func TestAllocations(t *testing.T) {
	p := bearer("default")
	p.ClaimHeaders = []verify.ClaimHeader{{Claim: "alice", Header: "x-jwt-sub"}, {Claim: "acme", Header: "x-jwt-tenant"}}
	listener := newServer(t, Config{Decider: &roomy{p, accepted(p)}}).Listener("")
	data, err := proto.Marshal(raw("/v1/orders?a=1", "accept: */*", "x-request-id: 7d7f1c5e", "authorization: Bearer "+strings.Repeat("x", 1024)))
	if err != nil {
		t.Fatal(err)
	}
	x := new(exchange)
	if n := testing.AllocsPerRun(1000, func() {
		*x = exchange{buffer: mem.SliceBuffer(data)}
		listener.answer(t.Context(), x)
	}); n > 4 {
		t.Errorf("%v allocations, want 4", n)
	}
}
