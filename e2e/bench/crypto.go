package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// bare is the signature check alone, by crypto/* on one thread: no server of any
// kind can do with less.
func bare(key *devissuer.Key, tokens []string, length time.Duration) (measurement, error) {
	inputs := make([]string, len(tokens))
	signatures := make([][]byte, len(tokens))
	for i, t := range tokens {
		dot := strings.LastIndexByte(t, '.')
		signature, err := base64.RawURLEncoding.DecodeString(t[dot+1:])
		if err != nil {
			return measurement{}, err
		}
		inputs[i], signatures[i] = t[:dot], signature
	}
	verify, err := verifier(key)
	if err != nil {
		return measurement{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, start, n := threadCPU(), time.Now(), 0
	for ; time.Since(start) < length; n++ {
		i := n % len(tokens)
		digest := sha256.Sum256([]byte(inputs[i]))
		if !verify(digest[:], signatures[i]) {
			return measurement{}, errors.New("a good signature does not verify")
		}
	}
	return measurement{perSecond: float64(n) / time.Since(start).Seconds(), cpu: (threadCPU() - before) / time.Duration(n)}, nil
}

func verifier(key *devissuer.Key) (func(digest, signature []byte) bool, error) {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		return func(digest, signature []byte) bool {
			return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
		}, nil
	case *ecdsa.PublicKey:
		return func(digest, signature []byte) bool {
			half := len(signature) / 2
			return ecdsa.Verify(public, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}, nil
	default:
		return nil, fmt.Errorf("no bare check for %T", public)
	}
}

// threadCPU is the processor time of this thread.
func threadCPU() time.Duration {
	var usage syscall.Rusage
	const thread = 1 // RUSAGE_THREAD of Linux
	if err := syscall.Getrusage(thread, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
