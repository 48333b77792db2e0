//go:build pprof

package main

import (
	"net/http"
	_ "net/http/pprof" // registers its handlers
	"os"
)

// A binary built with -tags pprof serves Go's profiles on the address in
// JWTGUARD_PPROF. Those that are released do not have it.
func init() {
	if address := os.Getenv("JWTGUARD_PPROF"); address != "" {
		go http.ListenAndServe(address, nil) // until the end; without it, there are no profiles
	}
}
