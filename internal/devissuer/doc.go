// Package devissuer is an OIDC issuer that does what a script tells it: it
// publishes, withdraws and returns signing keys, mints tokens that no decent
// issuer would, and fails in the ways that JWKS endpoints fail.
//
// It serves the tests and the demo and is no part of the guard. Keys and the
// certificate authority are made at run time, so that no private key is ever
// stored. It reads and writes JOSE with crypto/* alone: what it mints does not
// share a bug with the code that verifies it.
package devissuer
