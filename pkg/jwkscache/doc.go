// Package jwkscache keeps the key set of an issuer fresh.
//
// A [Cache] has one goroutine, its owner, which alone makes new sets: documents
// that were fetched, orders, distrust from other issuers and deadlines all pass
// through it. Readers load the current set with one atomic load and never wait
// for it.
//
// The owner decides when to fetch (schedule.go); how is the business of a source
// (source.go). All causes together fetch no more often than once in
// min(10 s, interval), whatever the traffic: requests with unknown kids can ask
// for a fetch, and one in each cooldown is granted.
//
// A [Group] runs the caches of all issuers of a guard, carries the distrust of a
// revoked key from one to the others, and watches the clocks.
package jwkscache
