package ledger

import (
	"crypto/ed25519"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// fill gives every field of a record a value of its own.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 1, 1, 0, 0, *n, *n, time.UTC)
		return
	case *time.Duration:
		*x = time.Duration(*n)*time.Hour + 1
		return
	case *keyset.State:
		*x = keyset.Grace
		return
	case **keyset.Usage:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "Public", "JWK": // of one key
			default:
				fill(t, v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	default:
		t.Fatalf("a record has a field of type %s, which this test cannot fill", v.Type())
	}
}

// Whoever adds a field to a record must have the ledger keep it.
func TestEveryFieldOfARecordIsKept(t *testing.T) {
	l, n := listed("A=m1/n1"), 0
	var k keyset.Key
	fill(t, reflect.ValueOf(&k).Elem(), &n)
	k.Thumbprint, k.Modulus, k.Public, k.JWK = l.Thumbprint, l.Modulus, l.Public, l.JWK
	if n < 40 {
		t.Errorf("only %d values", n)
	}
	var e encoder
	e.b = append(e.b, '{')
	e.key(&k, true)
	got, err := readRecord(append(e.b, '}'), readKey)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&k, got, cmp.Comparer(func(a, b *keyset.Usage) bool { return true })); d != "" {
		t.Errorf("(-had +got):\n%s\n%s", d, e.b)
	}
}

func TestEveryFieldOfATallyIsKept(t *testing.T) {
	var tally keyset.Tally
	n := 0
	fill(t, reflect.ValueOf(&tally).Elem(), &n)
	var e encoder
	e.b = append(e.b, '{')
	e.tally(tally)
	got, err := readTally(append(e.b, '}'))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tally, got); d != "" {
		t.Errorf("(-had +got):\n%s\n%s", d, e.b)
	}
}

// What cannot be written as it is comes back no wider than it was.
func TestOddValuesAreKeptSafely(t *testing.T) {
	far := time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	k := &keyset.Key{
		Thumbprint: "t", Reason: "bad \xff utf-8 \u2028\n", JWK: []byte("{\n}"), Public: make(ed25519.PublicKey, 32),
		RetiredAt: far, RevokedAt: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), Final: true,
	}
	s := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	d := s.draft(iss, "corp\xff", nil)
	s.event(d, keyset.Event{Type: keyset.EventFinal, Kid: "\x00\"\\", Key: k}, true)
	l, err := parse(s.b[:len(s.b)-1])
	if err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(l.key, readKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.Public != nil || !got.RetiredAt.Equal(lastTime) || !got.RevokedAt.Equal(firstTime) || got.Reason != "bad \ufffd utf-8 \u2028\n" || !got.Final {
		t.Errorf("%+v", got)
	}
}

// A record that says what this version does not know, or lies about its
// material, is not taken.
func TestRecordThatCannotBeTrusted(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown member":  `{"thumbprint":"t","never_before":"2026-01-01T00:00:00Z"}`,
		"an unknown state":   `{"thumbprint":"t","told":"resting"}`,
		"another thumbprint": `{"thumbprint":"t","jwk":{"material":"m1"}}`,
		"another modulus":    `{"thumbprint":"thumbprint-of-m1","modulus":"n2","jwk":{"material":"m1/n1"}}`,
		"no key at all":      `{"thumbprint":"t","jwk":{}}`,
		"a time of no form":  `{"thumbprint":"t","left_at":"yesterday"}`,
		"a drift of no unit": `{"thumbprint":"t","drift":"5"}`,
	} {
		if k, err := readRecord([]byte(text), readKey); err == nil {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// What a record says of when it was seen is not overruled by an observation that
// stands before it.
func TestObservationCountsForTheLinesBeforeIt(t *testing.T) {
	s := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	d := s.draft(iss, "corp", nil)
	at := keyset.Instant{Wall: noon, Life: noon}
	s.line(at, eventOpened, func() { s.number("format", 1) })
	seen := func(kid string, at time.Time) *keyset.Key {
		return &keyset.Key{Thumbprint: kid, FirstSeen: at, LastSeen: at, Aliases: []keyset.Alias{{Kid: kid, FirstSeen: at, LastSeen: at}}}
	}
	s.record(d, seen("before", noon.Add(-time.Hour)), "", keyset.Tally{})
	s.observed(d, at)
	s.record(d, seen("after", noon.Add(-time.Hour)), "", keyset.Tally{})
	disk := newDisk()
	disk.write(fileName, string(s.b))
	got := disk.open(t).Restored()[0].Set.Keys()
	if !got[0].LastSeen.Equal(noon) || !got[0].Aliases[0].LastSeen.Equal(noon) || !got[1].LastSeen.Equal(noon.Add(-time.Hour)) {
		t.Errorf("%v %v", got[0], got[1])
	}
}
