package jose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jws"
)

// Whatever header and claims Read accepts, jwx reads the same in them; and of all
// spellings of the three parts, which careless decoders take for the same bytes, Read
// accepts one.
func FuzzParts(f *testing.F) {
	for _, parts := range [][3]string{
		{goodHeader, goodPayload, "sig"},
		{`{"alg":"ES256","kid":"\u006b","typ":"at+jwt","cty":"x"}`, `{"iss":"i","sub":"s","aud":["a","b"],"exp":1,"nbf":2,"iat":3,"jti":"j"}`, "\x00\xff"},
		{` { "alg" : "EdDSA" } `, "{\"a\":{\"b\":[1,-0.5e3,true,null,\"\\ud83d\\ude00\"]}}\n", ""},
		{`{"alg":"RS256","kid":"a","kid":"b"}`, `{"exp":1e3}`, "x"},
		{`{"alg":"RS256","crit":["exp"],"exp":1}`, `{"\u0061ud":"x"}`, "xx"},
		{`{"alg":"RS256"}{}`, "\xef\xbb\xbf{}", "xxx"},
		{`{"alg":"PS256","kid":1}`, `{"aud":[],"exp":"1"}`, "xxxx"},
		{`{"alg":"RS256","typ":""}`, `{"":{"":{"":[[[]]]}}}`, "x"},
	} {
		f.Add([]byte(parts[0]), []byte(parts[1]), []byte(parts[2]))
	}
	f.Fuzz(func(t *testing.T, header, claims, signature []byte) {
		parts := []string{encode(header), encode(claims), encode(signature)}
		token := strings.Join(parts, ".")
		for _, other := range respelled(parts) {
			if _, err := Read(other); err == nil && other != token {
				t.Fatalf("%q is taken as well as %q may be", other, token)
			}
		}
		got, err := Read(token)
		if err != nil {
			return
		}
		if got.Header.Text() != string(header) || got.Claims.Text() != string(claims) || string(got.Signature) != string(signature) {
			t.Fatalf("%q: read %+v", token, got)
		}
		compareObject(t, got.Header)
		compareObject(t, got.Claims)
		compareMembersWithJWX(t, got)
	})
}

// respelled are texts that some decoders of base64 read as the same parts.
func respelled(parts []string) (all []string) {
	for i, p := range parts {
		for _, other := range []string{
			p + "=", p + "==", p + "\n", "\r\n" + p, p + " ",
			strings.NewReplacer("-", "+").Replace(p), strings.NewReplacer("_", "/").Replace(p), strayBits(p),
		} {
			if other != p {
				spelled := slices.Clone(parts)
				spelled[i] = other
				all = append(all, strings.Join(spelled, "."))
			}
		}
	}
	return all
}

// strayBits sets a bit of the last character that stands for no bit of a byte.
func strayBits(p string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if p == "" || len(p)%4 == 0 {
		return p
	}
	last := strings.IndexByte(alphabet, p[len(p)-1])
	return p[:len(p)-1] + string(alphabet[last|1])
}

// compareMembersWithJWX wants jwx to take a header that is well-formed for an
// algorithm of ours, and to read the same members in it.
func compareMembersWithJWX(t *testing.T, got *Token) {
	t.Helper()
	v, _ := got.Header.Get("alg")
	if alg, ok := v.String(); !ok || !slices.Contains(Algorithms(), alg) || len(got.Signature) == 0 {
		return
	}
	for _, name := range []string{"kid", "typ", "cty"} {
		if v, there := got.Header.Get(name); there && v.Kind() != KindString {
			return // RFC 7515, section 4.1: jwx checks at once what the guard does when it needs it
		}
	}
	if _, there := got.Header.Get("x5t"); there {
		return // as above
	}
	if _, there := got.Header.Get("x5t#S256"); there {
		return
	}
	text := got.SigningInput + "." + encode(got.Signature)
	message, err := jws.Parse([]byte(text), jws.WithCompact())
	if err != nil {
		t.Fatalf("jwx refuses %q with the header %s: %v", text, got.Header.Text(), err)
	}
	if string(message.Payload()) != got.Claims.Text() {
		t.Fatalf("the claims are %q to jwx, and %q to us", message.Payload(), got.Claims.Text())
	}
	theirs := message.Signatures()[0].ProtectedHeaders()
	names := theirs.Keys()
	slices.Sort(names)
	if ours := sortedNames(got.Header); !slices.Equal(ours, names) {
		t.Fatalf("jwx finds %q in %s, we %q", names, got.Header.Text(), ours)
	}
	for _, name := range []string{"alg", "kid", "typ", "cty"} {
		v, there := got.Header.Get(name)
		ours, _ := v.String()
		var theirValue any
		if err := theirs.Get(name, &theirValue); there != (err == nil) || there && fmt.Sprint(theirValue) != ours {
			t.Fatalf("%s is %v to jwx, and %q to us in %s", name, theirValue, ours, got.Header.Text())
		}
	}
}

func sortedNames(o Object) []string {
	var names []string
	for _, m := range o.members {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}
