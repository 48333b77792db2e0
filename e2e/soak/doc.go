// Package soak asks a real guard everything at once for as long as one likes, and
// holds two things against it: that each answer is one that its token may get at
// that moment, and that what the guard holds (live heap, resident memory,
// goroutines) is the same at the end as after the warm-up.
//
// Meanwhile issuers rotate their keys and fail, an operator takes keys out of
// service, the configuration is read again, and somebody scrapes and watches. At
// the end the guard's own account (metrics, ledger, log) must agree with what was
// asked.
package soak
