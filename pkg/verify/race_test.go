//go:build race

package verify

// racing: the race detector drops what is pooled, and slows everything down.
const racing = true
