package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// bareCheck is the signature check alone, by crypto/*: no server of any kind can do
// with less. It runs on all processors at once, as servers do at full load: two of
// them may be threads of one core, and then each is slower than it is alone.
func bareCheck(key *devissuer.Key, tokens []string, length time.Duration) (figures, error) {
	inputs, signatures := make([][]byte, len(tokens)), make([][]byte, len(tokens))
	for i, t := range tokens {
		dot := strings.LastIndexByte(t, '.')
		signature, err := base64.RawURLEncoding.DecodeString(t[dot+1:])
		if err != nil {
			return figures{}, err
		}
		inputs[i], signatures[i] = []byte(t[:dot]), signature
	}
	verify, err := verifier(key)
	if err != nil {
		return figures{}, err
	}
	var (
		checks, cpu atomic.Int64
		failed      atomic.Bool
		threads     sync.WaitGroup
	)
	start := time.Now()
	for range runtime.NumCPU() {
		threads.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before, n := threadCPU(), 0
			for ; time.Since(start) < length; n++ {
				if i := n % len(tokens); !verify(inputs[i], signatures[i]) {
					failed.Store(true)
					return
				}
			}
			checks.Add(int64(n))
			cpu.Add(int64(threadCPU() - before))
		})
	}
	threads.Wait()
	if failed.Load() || checks.Load() == 0 {
		return figures{}, errors.New("a good signature does not verify")
	}
	return figures{perSecond: float64(checks.Load()) / time.Since(start).Seconds(), cpu: time.Duration(cpu.Load() / checks.Load())}, nil
}

func verifier(key *devissuer.Key) (func(input, signature []byte) bool, error) {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		return func(input, signature []byte) bool {
			digest := sha256.Sum256(input)
			return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
		}, nil
	case *ecdsa.PublicKey:
		return func(input, signature []byte) bool {
			digest, half := sha256.Sum256(input), len(signature)/2
			return ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}, nil
	case ed25519.PublicKey:
		return func(input, signature []byte) bool { return ed25519.Verify(public, input, signature) }, nil
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
