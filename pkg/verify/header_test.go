package verify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Section 5: what can be a header, byte for byte. Whatever cannot is left out.
func TestClaimHeaders(t *testing.T) {
	long := strings.Repeat("x", 1024)
	var visible strings.Builder
	for c := byte(0x21); c <= 0x7e; c++ {
		visible.WriteByte(c)
	}
	const none = ""
	for _, tt := range []struct {
		name  string
		claim any
		want  string
	}{
		{"string", "alice", "alice"},
		{"spaces inside", "a  b", "a  b"},
		{"all of visible ASCII", visible.String(), visible.String()},
		{"escapes are decoded", raw(`"\u0061\/\"b\\"`), `a/"b\`},
		{"a comma in a string", "a,b", "a,b"},
		{"true", true, "true"},
		{"false", false, "false"},
		{"integer", 42, "42"},
		{"zero", 0, "0"},
		{"negative", -7, "-7"},
		{"integer beyond 64 bits, as in JSON", raw("123456789012345678901234567890"), "123456789012345678901234567890"},
		{"array", []string{"a", "b"}, "a,b"},
		{"array of one", []string{"a"}, "a"},
		{"array with one twice", []string{"a", "a"}, "a,a"},
		{"array with spaces inside", []string{"a b", "c"}, "a b,c"},
		{"1 KiB", long, long},
		{"1 KiB of array", []string{long[:511], long[:512]}, long[:511] + "," + long[:512]},

		{"over 1 KiB", long + "x", none},
		{"over 1 KiB with the commas", []string{long[:512], long[:512]}, none},
		{"over 1 KiB of digits", raw(strings.Repeat("1", 1025)), none},
		{"empty string", "", none},
		{"empty array", []string{}, none},
		{"array of an empty string", []string{""}, none},
		{"null", nil, none},
		{"object", object{"a": "b"}, none},
		{"array of arrays", []any{[]string{"a"}}, none},
		{"array of objects", []any{object{}}, none},
		{"array of numbers", []int{1, 2}, none},
		{"mixed array", []any{"a", true}, none},
		{"a space at the end, which the upstream would not see", "admin ", none},
		{"a space at the beginning", " admin", none},
		{"only spaces", "  ", none},
		{"a space at the beginning of an element", []string{"user", " admin"}, none},
		{"a space at the end of an element", []string{"admin ", "user"}, none},
		{"a comma in an element", []string{"user", "x,admin"}, none},
		{"float", raw("1.5"), none},
		{"float of a whole number", raw("1.0"), none},
		{"exponent", raw("1e3"), none},
		{"exponent in capitals", raw("1E3"), none},
		{"line feed", "a\nx-admin: 1", none},
		{"carriage return", "a\rb", none},
		{"NUL", "a\x00b", none},
		{"tab", "a\tb", none},
		{"0x1f", "a\x1f", none},
		{"DEL", "a\x7f", none},
		{"not ASCII", "müller", none},
		{"escaped line feed", raw(`"a\u000ab"`), none},
		{"escaped not ASCII", raw(`"\u00e9"`), none},
		{"line feed in an element", []string{"a", "b\nc"}, none},
		{"not ASCII in an element", []string{"a", "é"}, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.policy.ClaimHeaders = []ClaimHeader{{"absent", "x-absent"}, {"c", "x-c"}, {"iss", "x-iss"}}
			s.claims["c"] = tt.claim
			want := []HeaderValue{{"x-c", tt.want}, {"x-iss", s.issuer.ID}}
			if tt.want == none {
				want = want[1:]
			}
			if diff := cmp.Diff(want, s.expect(t, OK).Headers); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every byte, as the only one in a string.
func TestClaimHeaderBytes(t *testing.T) {
	for r := range rune(0x110) {
		s := goodScene()
		s.policy.ClaimHeaders = []ClaimHeader{{"c", "x-c"}}
		s.claims["c"] = "a" + string(r) + "b"
		d := s.expect(t, OK)
		if got, want := len(d.Headers) == 1, r >= 0x20 && r <= 0x7e; got != want {
			t.Errorf("%q is copied: %t", r, got)
		}
	}
}

func TestPayloadHeader(t *testing.T) {
	s := goodScene()
	s.policy.PayloadHeader = "x-payload"
	s.policy.ClaimHeaders = []ClaimHeader{{"sub", "x-sub"}}
	want := []HeaderValue{{"x-sub", "alice"}, {"x-payload", part(s.token(), 1)}}
	if diff := cmp.Diff(want, s.expect(t, OK).Headers); diff != "" {
		t.Error(diff)
	}

	// 3072 bytes are 4096 characters, the most there may be.
	for size, want := range map[int]int{3072: 2, 3073: 1} {
		s.claims["pad"] = ""
		s.claims["pad"] = strings.Repeat("x", size-len(s.claims.text()))
		if d := s.expect(t, OK); len(d.Headers) != want || d.Headers[0].Name != "x-sub" {
			t.Errorf("a payload of %d bytes: %d headers", size, len(d.Headers))
		}
	}
}

func TestNoHeadersAreNone(t *testing.T) {
	if d := goodScene().expect(t, OK); d.Headers != nil {
		t.Error(d.Headers)
	}
}

// 16 claims of 1 KiB and a payload of 4 KiB are the most that one token can put
// into headers; no token is large enough to reach it.
func TestHeadersAreBounded(t *testing.T) {
	s := goodScene()
	s.policy.PayloadHeader = "x-payload"
	s.claims["c"] = strings.Repeat("x", 1024)
	for i := range 16 {
		s.policy.ClaimHeaders = append(s.policy.ClaimHeaders, ClaimHeader{"c", fmt.Sprint("x-", i)})
	}
	total := 0
	for _, h := range s.expect(t, OK).Headers {
		total += len(h.Value)
	}
	if most := 16<<10 + 4<<10; total <= 16<<10 || total > most {
		t.Errorf("%d bytes, at most %d", total, most)
	}
}
