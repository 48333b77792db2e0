package verify

import (
	"encoding/binary"
	"sync/atomic"
)

// doorkeeper stands before a token cache that is full: who wants in is told to come
// again. A token that is used once would only have another one let go, and cost more to
// remember than it can ever save; one that is used more often is verified once more than
// without a doorkeeper. (Einziger, Friedman and Manes, TinyLFU: A Highly Efficient Cache
// Admission Policy, section 3.4.2.)
type doorkeeper struct {
	seen atomic.Pointer[[]atomic.Uint32] // nil: there is room for everybody
}

const (
	// doorShare is the part of a cache's bytes that its doorkeeper may take.
	doorShare = 64
	markSize  = 4 // bytes of what is noted of a token
)

// stand begins to turn tokens away, of a cache of so many bytes.
func (d *doorkeeper) stand(bytes int64) {
	if d.seen.Load() == nil {
		marks := make([]atomic.Uint32, max(1, bytes/doorShare/markSize))
		d.seen.CompareAndSwap(nil, &marks)
	}
}

// admits tells whether a token may be remembered. One that may not is next time, unless
// another one has come in its place: that costs no more than a check of the signature.
func (d *doorkeeper) admits(key cacheKey) bool {
	seen := d.seen.Load()
	if seen == nil {
		return true
	}
	place := &(*seen)[binary.LittleEndian.Uint64(key[:])%uint64(len(*seen))]
	mark := binary.LittleEndian.Uint32(key[8:]) // a hash's: another token has it once in 2^32
	return place.Load() == mark || place.Swap(mark) == mark
}
