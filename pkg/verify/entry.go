package verify

import (
	"unique"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// entry is what is remembered of a token that passed every step: what the steps
// that are taken again need, and nothing of its text but the claims that go
// upstream as headers. An entry never changes. It is small, and points to little:
// with a full cache, looking through entries is most of what collecting garbage takes.
type entry struct {
	origin unique.Handle[origin]
	times  times
	values claimValues
}

// origin is what all tokens of a key under a policy have in common.
type origin struct {
	binding    *binding
	issuer     *trust // the binding's
	kid        string // the set's text, as are the next two
	thumbprint string // of the key that verified the signature
	keyAlg     string // that key's alg then
	alg        string // the issuer's text
}

// newEntry remembers a token that was just accepted.
func newEntry(j *judge) entry {
	return entry{
		origin: unique.Make(origin{
			binding: j.binding, issuer: j.issuer,
			kid: j.ref.Name, thumbprint: j.ref.Thumbprint, keyAlg: j.ref.Alg, alg: j.alg,
		}),
		times: j.times, values: j.values,
	}
}

// fixedCost is what an entry takes whatever it holds, in bytes: of the library a node
// of 128 that has the entry in it, up to 34 in its table, and up to 16 in the statistics
// by which it chooses what to let go. The rest is for what few need: while the table
// grows there are two, and a token that came twice at once has a node of 144.
const fixedCost = 128 + 34 + 16 + 10

// weight is the memory that an entry takes, in bytes, rather too much than too
// little.
func (e entry) weight() uint32 {
	weight, size := fixedCost, len(e.values)
	if size > 0 {
		weight += size + size/5 + 16 // the allocator rounds up, by less than that
	}
	return uint32(weight) // 16 values of 1 KiB at the most
}

// verified tells whether a key is the one that verified the signature, and is
// still for the same algorithm: then step 9 would pass again.
func (o *origin) verified(k *keyset.Key) bool {
	return k.Seen() && k.Thumbprint == o.thumbprint && k.Alg == o.keyAlg
}

// judgeAgain judges a token of which e was remembered. It takes all steps but those
// that are functions of the token and the binding alone, and so would end as they
// did: 3, 4 and 6, the form of the claims and the audience in 10, and 12; and step
// 9, while the same key has the kid. The issuer of step 5 is the binding's, which
// never changes: a configuration without it has another one.
//
// If it gives false the entry says nothing, and the token is to be judged from the
// beginning.
func (j *judge) judgeAgain(e entry) bool {
	o := e.origin.Value()
	j.issuer, j.alg, j.times = o.issuer, o.alg, e.times
	j.d.Issuer = j.issuer.Issuer
	r := j.lookUp(o.kid) // 7
	if r == OK {
		if !o.verified(j.ref.Key) {
			return false
		}
		j.genuine = true
		r = j.checkState() // 8
	}
	if r == OK {
		r = j.checkTimes() // 10
	}
	if r == OK {
		r = j.checkGrace() // 11
	}
	if r != OK {
		j.d.conclude(r)
		return true
	}
	j.values = e.values
	j.accept()
	return true
}

// over tells whether a token that was refused for this reason has nothing to hope
// for: the others may pass.
func over(r Reason) bool { return r == TokenExpired || r == KeyRetired || r == KeyRevoked }
