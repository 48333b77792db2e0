//go:build race

package jwkscache

// The race detector of Go 1.26 sometimes breaks when a bubble has thousands of
// goroutines: golang.org/issue/78156.
const manyIssuers = 200
