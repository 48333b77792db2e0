// Package model plays random schedules against the guard and against a reference
// model of a key's life, side by side in fake time, and compares them after each
// step.
//
// The model (reference_*_test.go) is the contract's sections 3 and 4 written down a
// second time, in plain data and without a look at pkg/keyset. The guard is the
// real thing below gRPC: caches, verifier and ledger, over an endpoint and a disk
// in memory that fail when they are told to. Both are compared exactly: each
// record with its times, the state under each name, the reason of each decision,
// and after a restart what the ledger gave back.
//
// What the model does not decide but is told:
//
//   - When the issuer was asked and what it answered. The guard spreads its fetches
//     at random.
//   - Lifecycle time at a start, which depends on the last line that a crash left.
//     A restart must not open anything by it.
//   - Which of several moments a crash left on the disk, each record by itself. A
//     guard that stopped in peace, or that had written everything, leaves one.
//
// Where the contract leaves room, the model reads it so:
//
//   - An observation older than the newest one neither adds nor withdraws.
//   - A second absence confirms the first one once removal_confirm has passed.
//   - An absence also counts by itself at last_seen + max_stale + removal_confirm:
//     the bound under an outage in section 10.
//   - A deadline that was made while the wall clock was ahead of lifecycle time is
//     ahead on the wall clock by as much. Of two deadlines the nearer one counts,
//     held against the clocks as strictly as either.
//   - A key that was reinstated is trusted at once if the last observation lists
//     it, else when it is listed.
//   - A key that was ordered out of service by its kid alone, unseen, is the first
//     unknown one that comes under that kid.
//   - With kid_reuse replace, a new key may take the kid of a retired one, and gives
//     it back if it is dropped while pending.
//   - A name under which a key out of service was the last one to be listed may be
//     answered as that key's, even where another key has it: the guard may be
//     stricter, never more permissive.
//
// Schedules keep clear of what the admin API refuses before it comes to an order,
// and give no order without the modulus of an RSA key.
package model
