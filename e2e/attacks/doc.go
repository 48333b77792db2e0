// Package attacks holds the attack corpus: one file a case under testdata/attacks,
// each a request that a careless verifier would let pass, made from a good token by
// a change in one place. docs/conformance.md says how to read, run and extend it.
//
// The cases are tried on the token reader, on the gRPC server by both of its codecs,
// and through real Envoy. A build of the guard in which each check can be switched
// off shows that every case would get through without the checks that it names: none
// is refused for another reason than its own. Keys and tokens are made at run time.
package attacks
