package soak

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// past is how many keys out of service an issuer's tokens are still tried of.
const past = 100

// An issuer is one of the guard's, over HTTPS.
type issuer struct {
	*devissuer.Server
	name, alg string
	doubt     doubt
	signing   atomic.Pointer[key]
	next      atomic.Pointer[key] // listed, or about to be; nil: none

	mu   sync.Mutex
	made int    // by mu
	keys []*key // by mu: all that the guard was ever told of
}

// A doubt is when the guard may say that an issuer's keys are unavailable: its last
// fetch may have failed, or it is writing a new key down.
type doubt struct {
	open atomic.Int64 // how many reasons there are at the moment
	ever atomic.Int64 // and have been
}

func (d *doubt) begin() {
	d.open.Add(1)
	d.ever.Add(1)
}

func (d *doubt) end() { d.open.Add(-1) }

// newIssuer serves an issuer that lists one key, until the test ends.
func (w *world) newIssuer(ca *devissuer.CA, name, alg string) *issuer {
	w.Helper()
	server, err := devissuer.Start(ca)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { server.Close() })
	i := &issuer{Server: server, name: name, alg: alg}
	first := i.newKey()
	i.Publish(first.Key)
	first.enter(trusted) // a guard that is ready has it
	i.signing.Store(first)
	return i
}

// newKey makes the next key, which nobody was told of yet.
func (i *issuer) newKey() *key {
	i.mu.Lock()
	i.made++
	kid := fmt.Sprintf("%s-%d", i.name, i.made)
	i.mu.Unlock()
	k := newKey(i, devissuer.NewKey(kid, i.alg)) // RSA takes its time
	i.mu.Lock()
	i.keys = append(i.keys, k)
	i.mu.Unlock()
	return k
}

// all are the keys of the issuer, the oldest first.
func (i *issuer) all() []*key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[:len(i.keys):len(i.keys)]
}

// recent are the last of them.
func (i *issuer) recent() []*key {
	all := i.all()
	return all[max(0, len(all)-past):]
}
