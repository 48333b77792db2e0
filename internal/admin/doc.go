// Package admin is what operators and orchestrators talk to, on listeners that
// are not Envoy's: whether the guard lives, whether it is ready, and which keys it
// knows.
package admin
