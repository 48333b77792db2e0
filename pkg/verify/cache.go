package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// cacheKey names a token under one policy of one Verifier. It is a SHA-256, so that
// nobody can make two tokens that share one.
type cacheKey [sha256.Size]byte

// tokenCache remembers which tokens were accepted: DESIGN section 4, last
// paragraph. It belongs to one Verifier, so that all that a configuration decides
// about a token (issuers, algorithms, types, audiences, scopes, claims) is the same
// at a hit as when the token was judged.
//
// A lookup takes no lock. The library has no goroutine of its own here: its
// bookkeeping is done by whoever reads or writes, if nobody else is at it. What was
// written and is not accounted yet may pass the bound for that moment, by 128
// entries for each processor at the most.
type tokenCache struct {
	entries *otter.Cache[cacheKey, entry]
	door    doorkeeper
}

func newTokenCache(bytes int64) (*tokenCache, error) {
	c := new(tokenCache)
	var err error
	c.entries, err = otter.New(&otter.Options[cacheKey, entry]{
		MaximumWeight: uint64(bytes - bytes/doorShare),
		Weigher:       func(_ cacheKey, e entry) uint32 { return e.weight() },
		Executor:      func(task func()) { task() },
		OnAtomicDeletion: func(gone otter.DeletionEvent[cacheKey, entry]) {
			if gone.WasEvicted() {
				c.door.stand(bytes)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("token cache: %w", err)
	}
	return c, nil
}

// generations numbers the Verifiers of the process.
var generations atomic.Uint64

// keyPrefix is what comes before the token in what a cacheKey is the hash of. The
// policy's name has its length before it: where it ends, no token can say.
func keyPrefix(generation uint64, policy string) []byte {
	b := binary.BigEndian.AppendUint64(nil, generation)
	b = binary.BigEndian.AppendUint64(b, uint64(len(policy)))
	return append(b, policy...)
}

// keyTexts are buffers for what is hashed.
var keyTexts = sync.Pool{New: func() any {
	b := make([]byte, 0, jose.MaxTokenSize+256)
	return &b
}}

func cacheKeyOf[T string | []byte](b *binding, token T) cacheKey {
	buffer := keyTexts.Get().(*[]byte)
	text := append(append((*buffer)[:0], b.keyPrefix...), token...)
	key := sha256.Sum256(text)
	clear(text) // a token is a credential, and the buffer outlives the request
	*buffer = text[:0]
	keyTexts.Put(buffer)
	return key
}

// decideBy judges a token, by what c remembers of it if there is something.
func decideBy[T string | []byte](c *tokenCache, b *binding, token T, now Instant, room []HeaderValue) Decision {
	key := cacheKeyOf(b, token)
	var set *keyset.Set
	if e, ok := c.entries.GetIfPresent(key); ok && e.origin.Value().binding == b {
		j := judge{binding: b, now: now, room: room, d: Decision{Policy: b.Policy, At: now, Cache: CacheHit}}
		if b.PayloadHeader != "" {
			j.raw = string(token)
		}
		stands := j.judgeAgain(e)
		if !stands || over(j.d.Reason) {
			c.entries.Invalidate(key)
		}
		if stands {
			return j.d
		}
		set = j.set // a decision loads it once, even one that begins anew
	}
	j := begin(b, string(token), now, room)
	j.set, j.d.Cache = set, CacheMiss
	j.run()
	if j.d.OK() && c.door.admits(key) {
		c.entries.Set(key, newEntry(j))
	}
	return j.d
}

// size is how many tokens are remembered, and the bytes that they take.
func (c *tokenCache) size() CacheSize {
	return CacheSize{Entries: c.entries.EstimatedSize(), Bytes: c.entries.WeightedSize()}
}
