package jose

import (
	"bytes"
	"crypto"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Whatever Read accepts has one spelling only, and jwx reads the same in it.
func FuzzRead(f *testing.F) {
	for _, token := range []string{
		rfc7515A2, rfc7515A3, rfc7515A4, rfc7515A5, rfc8037A4,
		compact(goodHeader, goodPayload),
		compact(`{"alg":"RS256","typ":"at+jwt","kid":"\u006b"}`, `{"aud":["a","b"],"exp":1e400}`),
		compact(`{"alg":"ES256","alg":"none"}`, goodPayload),
		compact(`{"alg":"ES256","jwk":{"kty":"oct"}}`, goodPayload),
		compact(`{"alg":"none"}`, "{\"a\":\"\xff\"}"),
		"..", "", "e30.e30.", "e30.e30.AA==", "e30.e31.A", "e30\n.e30.",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := Read(token)
		if err != nil {
			return
		}
		header, claims := encode([]byte(got.Header.Text())), encode([]byte(got.Claims.Text()))
		if back := header + "." + claims + "." + encode(got.Signature); back != token {
			t.Fatalf("%q was read from %q", back, token)
		}
		if got.SigningInput != header+"."+claims || got.Payload != claims {
			t.Fatalf("signing input %q, payload %q of %q", got.SigningInput, got.Payload, token)
		}
		compareObject(t, got.Header)
		compareObject(t, got.Claims)
		compareWithJWX(t, token, got)
	})
}

// compareObject holds our walk over an object against encoding/json.
func compareObject(t *testing.T, o Object) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(o.Text()), &all); err != nil {
		t.Fatalf("%q: %v", o.Text(), err)
	}
	if len(all) != len(o.members) {
		t.Fatalf("%q: %d members, not %d", o.Text(), len(o.members), len(all))
	}
	for name, raw := range all {
		v, ok := o.Get(name)
		if !ok || string(v) != string(raw) {
			t.Fatalf("%q: %q is %q, not %q", o.Text(), name, v, raw)
		}
		var s string
		if got, ok := v.String(); ok != (raw[0] == '"') || ok && (json.Unmarshal(raw, &s) != nil || got != s) {
			t.Fatalf("%q: %q is %q, not %q", o.Text(), name, got, s)
		}
		var list []*string
		wantList := raw[0] == '[' && json.Unmarshal(raw, &list) == nil && !slices.Contains(list, nil)
		if got, ok := v.Strings(); ok != wantList || len(got) != len(list) && wantList {
			t.Fatalf("%q: %q is %q, not %v", o.Text(), name, got, list)
		}
		var n int64
		if got, ok := v.Integer(); ok && (json.Unmarshal(raw, &n) != nil || got != n) {
			t.Fatalf("%q: %q is %d, not %d", o.Text(), name, got, n)
		}
	}
}

// compareWithJWX wants jwx to accept what we accept. It looks at the values of
// the header too, so only headers that are well-formed for an algorithm of ours
// are compared.
func compareWithJWX(t *testing.T, token string, got *Token) {
	t.Helper()
	for _, m := range got.Header.members {
		s, ok := m.value.String()
		if !ok || !slices.Contains([]string{"alg", "kid", "typ"}, m.name) || m.name == "alg" && !slices.Contains(Algorithms(), s) {
			return
		}
	}
	if _, ok := got.Header.Get("alg"); !ok || len(got.Signature) == 0 {
		return
	}
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil {
		t.Fatalf("jwx refuses %q: %v", token, err)
	}
	signature := message.Signatures()[0]
	kid, _ := got.Header.Get("kid")
	ours, _ := kid.String()
	theirs, _ := signature.ProtectedHeaders().KeyID()
	if ours != theirs || string(message.Payload()) != got.Claims.Text() || !bytes.Equal(signature.Signature(), got.Signature) {
		t.Fatalf("jwx reads %q, %q, %x from %q", theirs, message.Payload(), signature.Signature(), token)
	}
}

// Whatever ReadKeys lists is complete, has the thumbprint that jwx computes, and
// reads the same again from what was kept of it.
func FuzzReadKeys(f *testing.F) {
	for _, body := range []string{
		rfc7517Keys, `{}`, `{"keys":[]}`, `{"keys":null}`, `{"keys":[null,1,"x",[],{}]}`,
		`{"keys":[` + rfc7515RSA + `,` + rfc7515P256 + `,` + rfc7515P521 + `,` + rfc8037Key + `]}`,
		`{"keys":[{"kid":"s","kty":"oct","k":"AA"},{"kid":"p","kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}`,
		`{"keys":[{"kid":"k","kty":"RSA","n":"AA","e":"AQAB","use":"enc","key_ops":["verify"],"nbf":1,"exp":2}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := ReadKeys(body)
		if err != nil {
			if d.Keys != nil || d.Skipped != nil {
				t.Fatalf("an error, but also %v", d)
			}
			return
		}
		var again []any
		for _, k := range d.Keys {
			if k.Kid == "" || k.Thumbprint == "" || k.Public == nil || k.Alg != "" && !Fits(k.Alg, k.Public) {
				t.Fatalf("incomplete: %+v", k)
			}
			theirs, err := jwk.ParseKey(k.JWK)
			if err != nil {
				t.Fatal(err)
			}
			thumbprint, err := theirs.Thumbprint(crypto.SHA256)
			if err != nil || encode(thumbprint) != k.Thumbprint {
				t.Fatalf("jwx has the thumbprint %s, %v, not %s", encode(thumbprint), err, k.Thumbprint)
			}
			again = append(again, published(t, k))
		}
		for _, s := range d.Skipped {
			if s.Reason == "" || s.Reason != keyset.SkipPrivate && s.Thumbprint+s.Modulus != "" {
				t.Fatalf("skipped: %+v", s)
			}
		}
		if len(again) == 0 {
			return
		}
		second, err := ReadKeys(documentOf(t, again...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(keyset.Document{Keys: d.Keys}, second); diff != "" {
			t.Fatal(diff)
		}
	})
}

// published is a JWK that says what is known of a key.
func published(t *testing.T, k keyset.Listed) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(k.JWK, &m); err != nil {
		t.Fatal(err)
	}
	m["kid"] = k.Kid
	if k.Alg != "" {
		m["alg"] = k.Alg
	}
	if !k.NotBefore.IsZero() {
		m["nbf"] = k.NotBefore.Unix()
	}
	if !k.Expires.IsZero() {
		m["exp"] = k.Expires.Unix()
	}
	return m
}
