package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// longestLife is the most time that a guard has until it is killed: a dozen orders
// and a fetch or two.
const longestLife = 500 * time.Millisecond

// standing is where a key stands by the orders that were acknowledged.
type standing int

const (
	inService standing = iota
	retired
	revoked
)

func (s standing) String() string { return [...]string{"in service", "retired", "revoked"}[s] }

// subject is a key that gets orders.
type subject struct {
	*devissuer.Key
	token  string
	listed bool
	is     standing
	doubt  *standing // what it may be by an order of which nobody knows what became
}

// ordeal is a guard under random orders, rotations and requests. Its script runs
// in one goroutine at a time; the requests see what it has put out of service.
type ordeal struct {
	*world
	random *rand.Rand
	keys   []*subject
	acked  int

	mu  sync.Mutex
	out map[string]*subject // by mu: token → a copy of the key, each time that it was put out of service
}

// tryRefused sends the token of a key that is out of service: it must not pass.
func (o *ordeal) tryRefused(ctx context.Context, client *http.Transport) error {
	o.mu.Lock()
	var token string
	var out *subject
	for token, out = range o.out { // any of them
		break
	}
	o.mu.Unlock()
	if out == nil {
		return nil
	}
	resp, err := harness.Request{}.Bearer(token).Over(ctx, client, o.envoy.Address)
	if err == nil && resp.Status == http.StatusOK {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.out[token] == out { // else it was reinstated meanwhile
			return fmt.Errorf("a token of %s passed, which is %s", out.KID, out.is)
		}
	}
	return nil
}

// live plays until a random moment, at which the guard is killed.
func (o *ordeal) live() {
	o.t.Helper()
	life := time.Duration(o.random.Int64N(int64(longestLife)))
	ended, stop := context.WithCancel(context.Background())
	var script sync.WaitGroup
	script.Go(func() {
		for ended.Err() == nil {
			o.step()
		}
	})
	time.Sleep(life) // the moment is what is random
	err := o.guard.Kill()
	stop()
	script.Wait()
	if err != nil {
		o.t.Fatal(err)
	}
}

// mostListed keeps the document below the 100 keys that are read of it.
const mostListed = 60

// step gives one order, and lists or withdraws a key or two.
func (o *ordeal) step() {
	if len(o.keys) < 3 || o.random.IntN(4) == 0 {
		k := &subject{Key: devissuer.NewKey(fmt.Sprintf("k%d", len(o.keys)), "EdDSA")}
		k.token = o.of(k.Key)
		if old := len(o.keys) - mostListed; old >= 0 {
			o.issuer.Withdraw(o.keys[old].KID)
		}
		o.keys = append(o.keys, k)
	}
	for range o.random.IntN(3) {
		o.rotate(o.any())
	}
	k := o.any()
	switch o.random.IntN(5) {
	case 0, 1:
		o.give(k, retired, "retire", "--grace", "0s", "--force", "--unseen")
	case 2:
		o.give(k, revoked, "revoke", "--force", "--unseen")
	default:
		if k.is == retired {
			o.give(k, inService, "reinstate")
		}
	}
}

// any is one of the last keys: those before them have seen it all.
func (o *ordeal) any() *subject {
	last := o.keys[max(0, len(o.keys)-mostListed/2):]
	return last[o.random.IntN(len(last))]
}

// rotate lists a key, or withdraws it.
func (o *ordeal) rotate(k *subject) {
	if k.listed = !k.listed; !k.listed {
		o.issuer.Withdraw(k.KID)
		return
	}
	o.issuer.Publish(k.Key)
}

// give gives an order about a key.
func (o *ordeal) give(k *subject, to standing, args ...string) {
	if k.doubt != nil || k.is > to && to != inService {
		return
	}
	if to == inService { // from now on it may pass
		o.mu.Lock()
		delete(o.out, k.token)
		o.mu.Unlock()
	}
	said := o.world.keys(append(args, "--reason", "e2e", "corp", k.KID)...)
	switch {
	case durable(said):
		o.acked++
		k.is = to
	case said.Status == 1 && strings.Contains(said.Stderr, ": refused: "):
		o.t.Errorf("%q of %s, which is %s: %s", args, k.KID, k.is, said.Stderr)
	default:
		k.doubt = &to // the kill came in between
	}
	if k.doubt == nil {
		o.mark(k)
	}
}

// mark takes note of where a key stands, for the requests.
func (o *ordeal) mark(k *subject) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case k.is == inService:
		delete(o.out, k.token)
	case o.out[k.token] == nil:
		marked := *k
		o.out[k.token] = &marked
	}
}

// compare wants what the guard remembers to be what was acknowledged. An order in
// doubt may be in force or not; from now on it is known.
func (o *ordeal) compare() {
	o.t.Helper()
	rows := o.rows()
	for _, k := range o.keys {
		row := rows[k.KID]
		is := inService
		switch {
		case row.State == "revoked":
			is = revoked
		case row.Final:
			is = retired
		}
		if is != k.is && (k.doubt == nil || is != *k.doubt) {
			o.t.Fatalf("%s is %s, and it was acknowledged that it is %s: %+v", k.KID, is, k.is, row)
		}
		k.is, k.doubt = is, nil
		o.mark(k)
	}
}
