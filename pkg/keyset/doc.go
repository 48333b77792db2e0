// Package keyset follows the signing keys of one issuer through their lives.
//
// A [Set] is an immutable snapshot: all keys of one issuer with the timestamps
// of what happened to them. An observation (one complete JWKS document) or an
// order (of an operator or of the configuration) makes a new Set from an old
// one; the state of a key at an instant is derived from its timestamps and from
// nothing else. Deadlines are computed when their cause happens, and stored.
//
// The package is pure: it has no clock, does no I/O and starts nothing. Whoever
// owns a Set passes the time in and carries the events out.
//
// The rules are section 3 of the contract:
//
//   - A key that an observation lacks has left, but stays active until a second
//     observation confirms it or two intervals have passed: a single answer may
//     come from a stale edge of a CDN.
//   - Then it is in grace, since the moment it left and until a deadline that was
//     fixed at that moment. An outage does not move the deadline.
//   - After the deadline it is retired, and final as soon as two observations
//     lacked it and the last one lists another active key. A final record is a
//     tombstone: the key is refused by kid, thumbprint and RSA modulus for ever.
//   - Orders are final at once. Revocation knows no grace and no way back.
package keyset
