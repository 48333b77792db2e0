// Package admin is what operators and orchestrators talk to, on listeners that
// are not Envoy's: whether the guard lives, whether it is ready, which keys it
// knows, and orders that change what it trusts.
//
// Whoever may open the unix socket may give orders; over TCP it takes a bearer
// token. A browser that a foreign page controls is kept out of everything under
// /api: by the Host header (DNS rebinding), by Origin and by Sec-Fetch-Site.
package admin
