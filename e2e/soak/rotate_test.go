package soak

import (
	"context"
	"fmt"
	"time"
)

// rotations are how many an issuer has at most. What they leave behind is shown
// at each scrape for ever; an hour of them must not be about that alone.
const rotations = 200

// ways are how a key goes out of service.
var ways = []func(*world, context.Context, *issuer, *key) bool{(*world).withdraw, (*world).retire, (*world).revoke}

// rotate replaces the issuer's signing key again and again. Each issuer begins with
// another way to end a key, so that a short soak has them all.
func (w *world) rotate(ctx context.Context, i *issuer, first int) {
	chance := w.chance(uint64(first))
	for n := first; ; n++ {
		old, next := i.signing.Load(), i.newKey()
		i.next.Store(next)
		if !pause(ctx, between(chance, 100*time.Millisecond, 500*time.Millisecond)) { // some tokens come too early
			return
		}
		next.enter(listed)
		i.doubt.begin()
		i.Publish(next.Key)
		if !w.await(ctx, next, interval*10+worstAcceptance, func(s state) bool { return s.State == "active" }) {
			return
		}
		next.enter(trusted)
		i.doubt.end()
		i.signing.Store(next)
		i.next.Store(nil)
		if !pause(ctx, between(chance, 100*time.Millisecond, time.Second)) || !ways[n%len(ways)](w, ctx, i, old) {
			return
		}
		if n%2 == 0 && !w.listAgain(ctx, i, old) || !pause(ctx, w.duration/rotations) {
			return
		}
	}
}

// withdraw has the issuer take a key out of its document.
func (w *world) withdraw(ctx context.Context, i *issuer, k *key) bool {
	k.enter(withdrawn)
	i.Withdraw(k.KID)
	if !w.await(ctx, k, worstAcceptance, func(s state) bool { return s.State == "retired" && s.Final }) {
		return false
	}
	k.enter(retired)
	return true
}

// retire has the operator take a key out of service, and then the issuer.
func (w *world) retire(ctx context.Context, i *issuer, k *key) bool {
	k.enter(retiring)
	if !w.order(ctx, k, "retire", `{"reason":"soak","grace":"0s","force":true}`) {
		return false
	}
	k.enter(retired)
	i.Withdraw(k.KID)
	return true
}

// revoke is retire for a key that was compromised.
func (w *world) revoke(ctx context.Context, i *issuer, k *key) bool {
	k.enter(revoking)
	if !w.order(ctx, k, "revoke", `{"reason":"soak","force":true}`) {
		return false
	}
	k.enter(revoked)
	i.Withdraw(k.KID)
	return true
}

// listAgain has the issuer list a key that is out of service for ever, until the
// guard has seen that.
func (w *world) listAgain(ctx context.Context, i *issuer, k *key) bool {
	i.Publish(k.Key)
	defer i.Withdraw(k.KID)
	return w.refetched(ctx, i)
}

// await waits until the guard says of a key what is asked for. It is false if the
// soak is over, or after a failure.
func (w *world) await(ctx context.Context, k *key, within time.Duration, is func(state) bool) bool {
	const look = 50 * time.Millisecond
	for end := time.Now().Add(within); pause(ctx, look); {
		s, ok := w.look(ctx, k)
		switch {
		case !ok:
			return false
		case is(s):
			return true
		case time.Now().After(end):
			w.fail("%v later, the guard says of %s: %+v", within, k.KID, s)
			return false
		}
	}
	return false
}

func (s state) String() string { return fmt.Sprintf("%s, final %v", s.State, s.Final) }
