package jose

import (
	"errors"
	"strings"
	"testing"
)

// RFC 7519, section 7.2, step 8: where cty says JWT, the payload is to be read as
// one. Claims that stand there are none.
func TestNestedTokensAreRefused(t *testing.T) {
	for _, cty := range []string{`"JWT"`, `"jwt"`, `"application/jwt"`, `"Application/JWT"`, `"\u004aWT"`} {
		_, err := Read(compact(`{"alg":"ES256","kid":"k","cty":`+cty+`}`, goodPayload))
		if !errors.Is(err, ErrMalformed) || !strings.HasPrefix(err.Error(), "header: cty: ") {
			t.Errorf("%s: %v", cty, err)
		}
	}
	for _, cty := range []string{`"json"`, `"application/json"`, `"text/jwt"`, `"JWT "`, `""`, `null`, `1`, `["JWT"]`} {
		if _, err := Read(compact(`{"alg":"ES256","kid":"k","cty":`+cty+`}`, goodPayload)); err != nil {
			t.Errorf("%s: %v", cty, err)
		}
	}
}
