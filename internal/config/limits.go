package config

import "github.com/jwtguard/jwtguard/pkg/keyset"

const (
	// maxKey is twice the longest name that a key may be, and longer than any
	// claim's. Every path below the key repeats it.
	maxKey = 256
	// maxPlaced is the longest path whose place is remembered. Only unknown parts
	// of a JWKS nest so deep; messages about them have the place of what is above.
	maxPlaced = 512
	// maxPairs bounds the sum, over all policies, of the issuers that each takes
	// tokens of: 1,000 issuers for 256 policies. Each pair takes memory.
	maxPairs = 1 << 18
)

// limit is how many items a list or mapping may have.
type limit struct {
	most   int
	remedy string
}

// The limits keep time and memory small before any item is read.
var (
	// Each issuer has a goroutine, a cache of keys and series of metrics; the guard
	// is made for 1,000.
	maxIssuers = limit{4096, "configure the others in a guard of their own"}
	// A policy stands for a kind of route, and is a label of metrics.
	maxPolicies = limit{1024, "let routes share policies"}
	// Texts, such as audiences and scopes, are gone through for each request.
	maxTexts = limit{256, "remove some"}
	// Envoy answers 500 when the headers that are added take a request over its
	// limit of 100.
	maxClaimHeaders = limit{16, "use payload_header if the upstream needs more"}
	// Every listener is compared with every other one.
	maxListeners = limit{64, "let proxies share listeners"}
	// No issuer may have more keys.
	maxTombstones = limit{keyset.MaxRecords, "remove those whose tokens have all expired"}
	// Every reinstated key is looked for among the retired and revoked ones.
	maxReinstated = limit{256, "remove the lines together with the retirements that they undo"}
)

// within refuses a list or mapping of n items if that is too many.
func (r *reader) within(v value, n int, l limit) bool {
	if n > l.most {
		r.bad(v.path, "has %d items, at most %d: %s", n, l.most, l.remedy)
	}
	return n <= l.most
}
