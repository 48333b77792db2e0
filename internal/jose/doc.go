// Package jose reads compact JSON Web Signatures and JWKS documents strictly,
// and checks signatures. It is the only home of jwx, which parses keys and does
// the arithmetic of signatures; what a token or a document may look like is
// decided here.
package jose
