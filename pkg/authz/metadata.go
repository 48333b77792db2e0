package authz

import (
	"sync/atomic"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// metadataSlots is how many encodings are kept, of some 300 bytes each: one for each
// policy and key in use, and one for each reason of the refusals that name no key.
// Where two fall into one slot, each is encoded anew.
const metadataSlots = 4096

// about names what the dynamic metadata says, all of which is always there. Access
// logs are scripted against it.
var about = [...]string{"decision", "reason", "policy", "issuer", "kid", "thumbprint", "alg", "key_state"}

// facts are the values of the dynamic metadata, in the order of their names in
// about.
type facts [len(about)]string

// metadata is the field dynamic_metadata, encoded: what Envoy is told about a
// decision for its access log. Envoy puts it into the namespace of its filter.
type metadata []byte

// prepared keeps the encodings of facts that come again and again.
type prepared [metadataSlots]atomic.Pointer[struct {
	facts    facts
	metadata metadata
}]

// metadata is what is said about a decision.
func (p *prepared) metadata(d *verify.Decision) metadata {
	f := factsOf(d)
	slot := &p[f.hash()%metadataSlots]
	if found := slot.Load(); found != nil && found.facts == f {
		return found.metadata
	}
	made := f.encode()
	slot.Store(&struct {
		facts    facts
		metadata metadata
	}{f, made})
	return made
}

func factsOf(d *verify.Decision) facts {
	f := facts{d.Verdict.String(), string(d.Reason)}
	if d.Policy != nil {
		f[2] = d.Policy.Name
	}
	if d.Issuer != nil {
		f[3] = d.Issuer.Name
	}
	if d.Key != nil {
		f[4], f[5], f[6], f[7] = d.Kid, d.Key.Thumbprint, d.Alg, d.State.String()
	}
	return f
}

// hash is of what differs between decisions that come again and again: policy,
// reason and key. Of a name the end differs, of a thumbprint any part.
func (f *facts) hash() (h uint) {
	for _, s := range [...]string{f[2], f[1], f[5]} {
		h = h*31 + uint(len(s))
		for i := max(0, len(s)-hashed); i < len(s); i++ {
			h = h*31 + uint(s[i])
		}
	}
	return h
}

// hashed is how much of a text is looked at.
const hashed = 6

// encode makes the field out of facts, and everything in them printable.
func (f facts) encode() metadata {
	for i := range f {
		f[i] = printable(f[i])
	}
	n := f.size()
	b := begin(make(metadata, 0, sizeOf(n)), responseMetadata, n)
	for i, value := range f {
		b = begin(b, structFields, f.entrySize(i))
		b = appendString(b, entryKey, about[i])
		b = begin(b, entryValue, sizeOf(len(value)))
		b = appendString(b, valueString, value)
	}
	return b
}

// size is that of a Struct.
func (f *facts) size() int {
	n := 0
	for i := range f {
		n += sizeOf(f.entrySize(i))
	}
	return n
}

func (f *facts) entrySize(i int) int { return sizeOf(len(about[i])) + sizeOf(sizeOf(len(f[i]))) }
