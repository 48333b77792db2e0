package jose

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// What the RFCs print. Of their keys only the public members stand here.
const (
	// RFC 7515, appendices A.2, A.3 and A.4
	rfc7515RSA  = `{"kid":"a2","kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`
	rfc7515P256 = `{"kid":"a3","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515P521 = `{"kid":"a4","kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`

	rfc7515Claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	rfc7515A2     = "eyJhbGciOiJSUzI1NiJ9." + rfc7515Claims + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfc7515A3     = "eyJhbGciOiJFUzI1NiJ9." + rfc7515Claims + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfc7515A4     = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
	rfc7515A5     = "eyJhbGciOiJub25lIn0." + rfc7515Claims + "."

	// RFC 7517, appendix A.1; its second key is that of RFC 7638, section 3.1
	rfc7517Keys = `{"keys":
       [
         {"kty":"EC",
          "crv":"P-256",
          "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
          "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
          "use":"enc",
          "kid":"1"},

         {"kty":"RSA",
          "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
          "e":"AQAB",
          "alg":"RS256",
          "kid":"2011-04-29"}
       ]
     }`
	rfc7638Thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

	// RFC 8037, appendices A.2, A.3 and A.4
	rfc8037Key        = `{"kid":"ed","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037Canonical  = `{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037Thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfc8037A4         = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

func keyOf(t *testing.T, jwk string) keyset.Listed {
	t.Helper()
	d, err := ReadKeys([]byte(`{"keys":[` + jwk + `]}`))
	if err != nil || len(d.Keys) != 1 {
		t.Fatalf("got %v, %v", d, err)
	}
	return d.Keys[0]
}

func TestTokensOfRFC7515(t *testing.T) {
	for _, c := range []struct{ alg, jwk, token string }{
		{"RS256", rfc7515RSA, rfc7515A2}, {"ES256", rfc7515P256, rfc7515A3},
	} {
		token, err := Read(c.token)
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(c.alg, keyOf(t, c.jwk).Public, token.SigningInput, token.Signature); err != nil {
			t.Errorf("%s: %v", c.alg, err)
		}
		exp, _ := token.Claims.Get("exp")
		root, _ := token.Claims.Get("http://example.com/is_root")
		if n, ok := exp.Integer(); n != 1300819380 || !ok || root != "true" {
			t.Errorf("%s: exp is %s, root is %s", c.alg, exp, root)
		}
	}
}

// Their payloads are no claims, but their signatures are good.
func TestSignaturesOverTextInRFC7515AndRFC8037(t *testing.T) {
	for _, c := range []struct{ alg, jwk, token string }{
		{"ES512", rfc7515P521, rfc7515A4}, {"EdDSA", rfc8037Key, rfc8037A4},
		{"Ed25519", rfc8037Key, rfc8037A4}, // RFC 9864 prints none: the operation is the same
	} {
		if _, err := Read(c.token); !errors.Is(err, ErrMalformed) || !strings.HasPrefix(err.Error(), "payload: not JSON at byte 0") {
			t.Errorf("%s: got %v", c.alg, err)
		}
		dot := strings.LastIndexByte(c.token, '.')
		signature, err := appendBase64(nil, c.token[dot+1:])
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(c.alg, keyOf(t, c.jwk).Public, c.token[:dot], signature); err != nil {
			t.Errorf("%s: %v", c.alg, err)
		}
	}
}

// Unsecured: it can be read, so that its algorithm is what it is refused for.
func TestUnsecuredTokenOfRFC7515(t *testing.T) {
	token, err := Read(rfc7515A5)
	if err != nil {
		t.Fatal(err)
	}
	alg, _ := token.Header.Get("alg")
	if name, ok := alg.String(); name != "none" || !ok || len(token.Signature) != 0 {
		t.Errorf("alg is %s, the signature %x", alg, token.Signature)
	}
}

func TestKeysOfRFC7517(t *testing.T) {
	d, err := ReadKeys([]byte(rfc7517Keys))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]keyset.Skipped{{Kid: "1", Reason: keyset.SkipUse}}, d.Skipped); diff != "" {
		t.Error(diff)
	}
	if len(d.Keys) != 1 || d.Keys[0].Kid != "2011-04-29" || d.Keys[0].Alg != "RS256" || d.Keys[0].Thumbprint != rfc7638Thumbprint {
		t.Errorf("got %+v", d.Keys)
	}
}

func TestThumbprintOfRFC8037(t *testing.T) {
	if k := keyOf(t, rfc8037Key); k.Thumbprint != rfc8037Thumbprint || string(k.JWK) != rfc8037Canonical {
		t.Errorf("got %s of %s", k.Thumbprint, k.JWK)
	}
}
