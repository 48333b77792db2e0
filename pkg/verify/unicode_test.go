package verify

import (
	"testing"
	"time"
)

// RFC 7515, section 10.13: characters beyond the Basic Multilingual Plane, which JSON
// may write as two escapes, are kept and compared as what they are.
func TestNamesBeyondTheBasicMultilingualPlane(t *testing.T) {
	const clef = "\U0001D11E"
	for spelling, want := range map[string]Reason{
		`"` + clef + `"`:  OK,
		`"\ud834\udd1e"`:  OK,
		`"\uD834\uDD1E"`:  OK,
		`"\ud834"`:        TokenMalformed, // half of it
		`"\udd1e\ud834"`:  TokenMalformed,
		`"\ud834\udd1f"`:  KidUnknown, // its neighbour
		`"` + clef + ` "`: KidUnknown,
	} {
		s := goodScene()
		s.set = observed(-time.Minute, jwk(clef, p256Key(), "alg", "ES256"))
		header := `{"alg":"ES256","kid":` + spelling + `}`
		input := encode([]byte(header)) + "." + encode([]byte(s.claims.text()))
		s.text = func(string) string { return input + "." + encode(signature("ES256", p256Key(), input)) }
		s.expect(t, want)
	}
}
