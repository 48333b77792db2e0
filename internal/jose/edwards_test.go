package jose

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
)

// The standard library decodes points too, but only tells when it verifies.
func TestEdwardsPointsAgreeWithStandardLibrary(t *testing.T) {
	valid := 0
	for range 1000 {
		x := make([]byte, ed25519.PublicKeySize)
		rand.Read(x)
		err := ed25519.VerifyWithOptions(x, nil, make([]byte, ed25519.SignatureSize), &ed25519.Options{})
		want := err == nil || !strings.Contains(err.Error(), "bad public key")
		if got := validEd25519(x); got != want {
			t.Fatalf("%x: got %v; the standard library says: %v", x, got, err)
		}
		if want {
			valid++
		}
		if key := must(newEdKey()).Public().(ed25519.PublicKey); !validEd25519(key) {
			t.Fatalf("%x: a new key is refused", key)
		}
	}
	if valid < 300 || valid > 700 { // half of all y are on the curve
		t.Errorf("%d of 1000 are valid", valid)
	}
}

// With such a key anybody can sign: the standard library accepts it.
func TestEdwardsPointsOfSmallOrderAreRefused(t *testing.T) {
	zeros := strings.Repeat("00", 30)
	for name, text := range map[string]string{
		"order 1":            "01" + zeros + "00",
		"order 1, sign":      "01" + zeros + "80",
		"order 2":            "ec" + strings.Repeat("ff", 30) + "7f",
		"order 2, sign":      "ec" + strings.Repeat("ff", 30) + "ff",
		"order 4":            "00" + zeros + "00",
		"order 4, sign":      "00" + zeros + "80",
		"order 8":            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, sign":      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"order 8, other":     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 8, both":      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"order 4, y = p":     "ed" + strings.Repeat("ff", 30) + "7f",
		"order 1, y = p + 1": "ee" + strings.Repeat("ff", 30) + "7f",
		"y = p + 3":          "f0" + strings.Repeat("ff", 30) + "7f",
	} {
		x, err := hex.DecodeString(text)
		if err != nil || len(x) != ed25519.PublicKeySize {
			t.Fatal(name)
		}
		if validEd25519(x) {
			t.Errorf("%s is accepted", name)
		}
	}
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1 // R is the neutral element, S is 0
	neutral := must(hex.DecodeString("01" + zeros + "00"))
	if !ed25519.Verify(neutral, []byte("anything"), forged) {
		t.Error("the forgery that this is about no longer works; the check may go")
	}
}
