package model

import "time"

// op is what a step does.
type op string

// The steps of a schedule. d, n and e mean something else in each.
const (
	opPublish  op = "publish"  // key under kid; n: plain, notYet …, d: how far ahead its nbf or exp lies
	opWithdraw op = "withdraw" // every listing of kid
	opRename   op = "rename"   // every listing of key gets kid
	opClear    op = "clear"    // {"keys":[]}
	opEdge     op = "edge"     // the next answer is the document of n versions ago, with Age d
	opFault    op = "fault"    // every answer fails in the way n, until heal
	opHeal     op = "heal"
	opSlow     op = "slow"     // the next answer takes d
	opWait     op = "wait"     // d
	opFetch    op = "fetch"    // until the issuer was asked once more
	opDeadline op = "deadline" // until the next deadline of one of the issuer's keys, and d more
	opClock    op = "clock"    // the wall clock steps by d; the machine that sleeps is a step ahead
	opToken    op = "token"    // of key, naming kid; n: goodToken …, d: how long ago it was issued
	opRetire   op = "retire"   // named by n: byKid …, with grace d
	opRevoke   op = "revoke"   // named by n
	opRestore  op = "restore"  // reinstate, named by n
	opConfig   op = "config"   // settings n; with e, a line that retires (from d on) or revokes key
	opRestart  op = "restart"  // n 1: by kill -9; down for d, and the wall clock steps by e meanwhile
	opDie      op = "die"      // kill -9 at the n-th file operation from now, then a restart
	opDisk     op = "disk"     // n: diskWorks …
)

// Ways to publish a key.
const (
	plain = iota
	notYet
	expiring
	withPrivatePart
	unusable
	variants
)

// Ways of an endpoint to fail.
const (
	faultStatus = iota
	faultReset
	faultGarbage
	faultTruncated
	faultHang
	faults
)

// How an order names its key.
const (
	byKid = iota
	byThumb
	byBoth
	namings
)

// What a token is like.
const (
	goodToken = iota
	expiredToken
	futureToken
	forgedToken
	tokenKinds
)

// Lines of the configuration.
const (
	noLine = iota
	retiredLine
	revokedLine
	lines
)

// step is one step of a schedule. Steps are flat, so that they can be shrunk.
type step struct {
	op  op
	iss int // index of the issuer
	key int // index of the material
	kid int // index of the kid
	n   int
	d   time.Duration
	e   time.Duration
}
