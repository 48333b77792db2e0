package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

func TestReadKeysListsEveryKeyType(t *testing.T) {
	body := documentOf(t,
		jwkOf(t, rsaKey().Public(), "kid", "rsa", "alg", "PS256", "use", "sig"),
		jwkOf(t, p256Key().Public(), "kid", "p256", "key_ops", []string{"verify"}),
		jwkOf(t, p384Key().Public(), "kid", "p384", "alg", "ES384", "nbf", 0, "exp", 1798765200),
		jwkOf(t, p521Key().Public(), "kid", "p521", "x5c", []string{"not looked at"}),
		jwkOf(t, edKey().Public(), "kid", "schlüssel/1 +ü", "alg", "EdDSA", "exp", int64(253402300799)),
		jwkOf(t, edKey().Public(), "kid", "full", "alg", "Ed25519"), // RFC 9864, section 5: nothing else is different
	)
	got, err := ReadKeys(body)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Skipped) != 0 || len(got.Keys) != 6 {
		t.Fatalf("got %d keys, skipped %v", len(got.Keys), got.Skipped)
	}
	type row struct {
		Kid, Alg           string
		NotBefore, Expires time.Time
		HasModulus         bool
	}
	want := []row{
		{Kid: "rsa", Alg: "PS256", HasModulus: true},
		{Kid: "p256"},
		{Kid: "p384", Alg: "ES384", NotBefore: time.Unix(0, 0).UTC(), Expires: time.Unix(1798765200, 0).UTC()},
		{Kid: "p521"},
		{Kid: "schlüssel/1 +ü", Alg: "EdDSA", Expires: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{Kid: "full", Alg: "Ed25519"},
	}
	var rows []row
	for _, k := range got.Keys {
		rows = append(rows, row{k.Kid, k.Alg, k.NotBefore, k.Expires, k.Modulus != ""})
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if !rsaKey().PublicKey.Equal(got.Keys[0].Public.(*rsa.PublicKey)) ||
		!p256Key().PublicKey.Equal(got.Keys[1].Public.(*ecdsa.PublicKey)) ||
		!edKey().Public().(ed25519.PublicKey).Equal(got.Keys[4].Public.(ed25519.PublicKey)) ||
		got.Keys[5].Thumbprint != got.Keys[4].Thumbprint {
		t.Error("another key was read than was written")
	}
}

func TestReadKeysRefusesDocumentsNotWhollyUnderstood(t *testing.T) {
	good := string(documentOf(t, jwkOf(t, edKey().Public())))
	over := make([]any, MaxKeys+1)
	for i := range over {
		over[i] = map[string]any{}
	}
	for name, c := range map[string]struct {
		body string
		kind error
		text string
	}{
		"too big":              {good + strings.Repeat(" ", MaxDocumentSize), ErrTooLarge, "document: over 524288 bytes, at most that many are read"},
		"101 keys":             {string(documentOf(t, over...)), ErrTooLarge, "keys: over 100, at most that many are read"},
		"empty":                {"", ErrMalformed, "document: empty"},
		"HTML":                 {"<!doctype html><html>", ErrMalformed, "document: not JSON at byte 0: invalid character '<' at start of value"},
		"byte order mark":      {"\ufeff" + good, ErrMalformed, `document: not JSON at byte 0: invalid character '\ufeff' at start of value`},
		"truncated":            {good[:40], ErrMalformed, "document: not JSON at byte 40: unexpected EOF"},
		"data after":           {good + "{}", ErrMalformed, fmt.Sprintf("document: more data after the object, at byte %d", len(good))},
		"a list":               {"[" + good + "]", ErrMalformed, "document: not an object but an array"},
		"null":                 {"null", ErrMalformed, "document: not an object but null"},
		"invalid UTF-8":        {"{\"keys\":[],\"x\":\"\xff\"}", ErrMalformed, "document: not JSON at byte 16: invalid UTF-8"},
		"keys twice":           {`{"keys":[],"k\u0065ys":[]}`, ErrMalformed, `document: the name "keys" stands twice in one object`},
		"kid twice in one key": {`{"keys":[{"kid":"a","kid":"b"}]}`, ErrMalformed, `document: the name "kid" stands twice in one object`},
		"too deep":             {`{"keys":[],"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, ErrMalformed, "document: nested deeper than 32 levels"},
		"no keys":              {`{}`, ErrMalformed, "keys: absent; a JWKS document lists its keys there"},
		"an error":             {`{"error":"rate limited"}`, ErrMalformed, "keys: absent; a JWKS document lists its keys there"},
		"keys in another case": {`{"Keys":[]}`, ErrMalformed, "keys: absent; a JWKS document lists its keys there"},
		"a bare key":           {good[len(`{"keys":[`) : len(good)-2], ErrMalformed, "keys: absent; a JWKS document lists its keys there"},
		"keys null":            {`{"keys":null}`, ErrMalformed, "keys: not an array but null"},
		"keys an object":       {`{"keys":{}}`, ErrMalformed, "keys: not an array but an object"},
		"keys a string":        {`{"keys":"[]"}`, ErrMalformed, "keys: not an array but a string"},
		"keys true":            {`{"keys":true}`, ErrMalformed, "keys: not an array but a boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ReadKeys([]byte(c.body))
			if !errors.Is(err, c.kind) || err.Error() != c.text {
				t.Errorf("got  %v\nwant %s", err, c.text)
			}
			if d.Keys != nil || d.Skipped != nil {
				t.Errorf("says something about keys: %v", d)
			}
		})
	}
}

// An empty set is a true statement: the issuer has no keys.
func TestReadKeysAcceptsEmptySet(t *testing.T) {
	for _, body := range []string{`{"keys":[]}`, " {\r\n\t\"x\": 1, \"keys\" : [ ] } \n"} {
		if d, err := ReadKeys([]byte(body)); err != nil || len(d.Keys)+len(d.Skipped) != 0 {
			t.Errorf("%s: got %v, %v", body, d, err)
		}
	}
}

func TestReadKeysAcceptsHundredKeys(t *testing.T) {
	keys := make([]any, MaxKeys)
	for i := range keys {
		keys[i] = jwkOf(t, edKey().Public(), "kid", fmt.Sprint("k", i))
	}
	if d, err := ReadKeys(documentOf(t, keys...)); err != nil || len(d.Keys) != MaxKeys {
		t.Errorf("got %d keys, %v", len(d.Keys), err)
	}
}

func TestSameKidAndMaterialIsListedOnce(t *testing.T) {
	key := func(with ...any) any { return jwkOf(t, rsaKey().Public(), with...) }
	early, late := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC()
	for name, c := range map[string]struct {
		keys []any
		want []keyset.Listed
		skip []keyset.Skipped
	}{
		"identical":           {[]any{key(), key()}, []keyset.Listed{{Kid: "k"}}, nil},
		"alg once":            {[]any{key(), key("alg", "RS256")}, []keyset.Listed{{Kid: "k", Alg: "RS256"}}, nil},
		"alg once, first":     {[]any{key("alg", "RS256"), key()}, []keyset.Listed{{Kid: "k", Alg: "RS256"}}, nil},
		"two algs":            {[]any{key("alg", "RS256"), key("alg", "PS256")}, []keyset.Listed{{Kid: "k", Alg: "RS256"}}, []keyset.Skipped{{Kid: "k", Reason: keyset.SkipAlgorithm}}},
		"earlier exp":         {[]any{key("exp", 2000), key("exp", 1000)}, []keyset.Listed{{Kid: "k", Expires: early}}, nil},
		"later exp":           {[]any{key("exp", 1000), key("exp", 2000)}, []keyset.Listed{{Kid: "k", Expires: early}}, nil},
		"exp once":            {[]any{key(), key("exp", 1000)}, []keyset.Listed{{Kid: "k", Expires: early}}, nil},
		"exp once, first":     {[]any{key("exp", 1000), key()}, []keyset.Listed{{Kid: "k", Expires: early}}, nil},
		"later nbf":           {[]any{key("nbf", 1000), key("nbf", 2000)}, []keyset.Listed{{Kid: "k", NotBefore: late}}, nil},
		"earlier nbf":         {[]any{key("nbf", 2000), key("nbf", 1000)}, []keyset.Listed{{Kid: "k", NotBefore: late}}, nil},
		"another kid":         {[]any{key(), key("kid", "l")}, []keyset.Listed{{Kid: "k"}, {Kid: "l"}}, nil},
		"same kid, other key": {[]any{key(), jwkOf(t, otherRSAKey().Public())}, []keyset.Listed{{Kid: "k"}, {Kid: "k"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ReadKeys(documentOf(t, c.keys...))
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.Keys {
				d.Keys[i].Thumbprint, d.Keys[i].Modulus, d.Keys[i].Public, d.Keys[i].JWK = "", "", nil, nil
			}
			if diff := cmp.Diff(keyset.Document{Keys: c.want, Skipped: c.skip}, d); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Records outlive documents by years: a kid must not hold on to half a megabyte.
func TestKeysDoNotKeepTheirDocument(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var kept []keyset.Document
	for range 20 {
		good, bad := jwkOf(t, edKey().Public(), "padding", strings.Repeat("x", MaxDocumentSize/2)), jwkOf(t, edKey().Public(), "use", "enc")
		d, err := ReadKeys(documentOf(t, good, bad))
		if err != nil || len(d.Keys) != 1 || len(d.Skipped) != 1 {
			t.Fatalf("got %v, %v", d, err)
		}
		kept = append(kept, d)
	}
	if after := heap(); after > before+20*MaxDocumentSize/8 {
		t.Errorf("%d documents keep %d bytes", len(kept), after-before)
	}
	runtime.KeepAlive(kept)
}
