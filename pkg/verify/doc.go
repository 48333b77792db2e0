// Package verify decides about one token, given the key sets of the issuers, a
// policy and one instant. Nothing else goes into a decision, and the [Decision]
// holds everything that came out: answers, metrics, logs and evidence are made
// from it.
//
// The steps and their order are section 4 of the contract. They stand in one
// table, in step.go; each refuses for its own reasons. State, before
// cryptography: a key out of service costs an attacker's token no signature
// check, but for a few a second that tell evidence a late token from noise.
package verify
