package telemetry

import (
	"sync/atomic"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// other is the label value for whatever is not ours.
const other = "_OTHER"

// subject is what decisions are about: a key by one of its names, used with one
// algorithm; or no key of ours.
type subject struct{ issuer, kid, thumbprint, alg string }

// tally counts the decisions about one subject.
type tally struct {
	subject
	lifetimes *histogram   // of the issuer; nil without a key
	last      atomic.Int64 // Unix seconds of the newest decision
	attempts  [keyset.Valid + 1]atomic.Uint64
	blocks    [keyset.Revoked + 1]verdicts[atomic.Pointer[block]] // by state; 0 is without a key
}

// block counts by reason. A key in one state meets few verdicts, so that blocks
// are made when they are needed.
type block [reasons]atomic.Uint64

// verdicts holds one of each: Allow, Deny, ShadowDeny.
type verdicts[T any] [verify.ShadowDeny]T

// at is the place of a verdict. What is none of them denies.
func (v *verdicts[T]) at(w verify.Verdict) *T {
	if w < verify.Allow || w > verify.ShadowDeny {
		w = verify.Deny
	}
	return &v[w-1]
}

// each visits all places in their order.
func (v *verdicts[T]) each(f func(verify.Verdict, *T)) {
	for i := range v {
		f(verify.Verdict(i+1), &v[i])
	}
}

// reasons is how many there are; the compiler does not know, a test does.
const reasons = 33

// reasonAt is the place of each reason in a block.
var reasonAt = func() map[verify.Reason]int {
	m := make(map[verify.Reason]int, reasons)
	for i, r := range verify.Reasons() {
		m[r] = i
	}
	return m
}()

// placeOf is the place of a reason in a block. No reason of the closed set is a
// mistake of ours.
func placeOf(r verify.Reason) int {
	if i, ok := reasonAt[r]; ok {
		return i
	}
	return reasonAt[verify.InternalError]
}

// each visits the reasons that were counted.
func (b *block) each(f func(verify.Reason, uint64)) {
	for i, r := range verify.Reasons() {
		if n := b[i].Load(); n > 0 {
			f(r, n)
		}
	}
}

// count counts one decision, whose reason has that place.
func (t *tally) count(d *verify.Decision, place int) {
	p := t.blocks[min(d.State, keyset.Revoked)].at(d.Verdict)
	b := p.Load()
	if b == nil {
		p.CompareAndSwap(nil, new(block))
		b = p.Load()
	}
	b[place].Add(1)
	if d.Reason == verify.KeyRetired || d.Reason == verify.KeyRevoked {
		t.attempts[min(d.Signature, keyset.Valid)].Add(1)
	}
	t.touch(d)
}

// touch notes when a decision was made: once a second, for what it is needed for.
func (t *tally) touch(d *verify.Decision) {
	if at := d.At.Wall.Unix(); at > t.last.Load() {
		t.last.Store(at)
	}
}
