package jose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func objectOf(t testing.TB, text string) Object {
	t.Helper()
	if err := checkObject([]byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	o, _ := newObject(text, nil)
	return o
}

func TestObjectFindsMembersByDecodedName(t *testing.T) {
	o := objectOf(t, ` { "a" : 1 , "\u0062\"\\" : "}" , "" : [ "]" , {"x":"\\"} ] , "ALG":true,"d":{"a":2},"é":-0.5e+1 } `)
	for name, want := range map[string]Value{
		"a": `1`, `b"\`: `"}"`, "": `[ "]" , {"x":"\\"} ]`, "ALG": `true`, "d": `{"a":2}`, "é": `-0.5e+1`,
	} {
		if got, ok := o.Get(name); !ok || got != want {
			t.Errorf("%q: got %s, %v, want %s", name, got, ok, want)
		}
	}
	for _, name := range []string{"alg", "x", "A", `\u0062`} {
		if got, ok := o.Get(name); ok || got != "" {
			t.Errorf("%q: got %s", name, got)
		}
	}
	if _, ok := (Object{}).Get("a"); ok {
		t.Error("the zero Object has a member")
	}
}

func TestValueReadersTakeTheirTypeOnly(t *testing.T) {
	type reading struct {
		Kind         Kind
		String       string
		IsString     bool
		Integer      int64
		IsInteger    bool
		Bool, IsBool bool
		Strings      []string
		IsStrings    bool
	}
	text := func(s string) reading { return reading{Kind: KindString, String: s, IsString: true} }
	integer := func(n int64) reading { return reading{Kind: KindNumber, Integer: n, IsInteger: true} }
	array := func(s ...string) reading { return reading{Kind: KindArray, Strings: s, IsStrings: true} }
	for value, want := range map[Value]reading{
		``:        {},
		`null`:    {Kind: KindNull},
		`true`:    {Kind: KindBoolean, Bool: true, IsBool: true},
		`false`:   {Kind: KindBoolean, IsBool: true},
		`{"a":1}`: {Kind: KindObject},
		`{}`:      {Kind: KindObject},

		`""`:                            text(""),
		`"1"`:                           text("1"),
		`"a\"\\\/\n\u00e9\ud83d\ude00"`: text("a\"\\/\né😀"),
		`"\u0000"`:                      text("\x00"),

		`0`:                    integer(0),
		`-0`:                   integer(0),
		`-1`:                   integer(-1),
		`1798765200`:           integer(1798765200),
		`9223372036854775807`:  integer(9223372036854775807),
		`-9223372036854775808`: integer(-9223372036854775808),
		`9223372036854775808`:  {Kind: KindNumber},
		`1.0`:                  {Kind: KindNumber},
		`1.5`:                  {Kind: KindNumber},
		`1e3`:                  {Kind: KindNumber},
		`1E400`:                {Kind: KindNumber},

		`[]`:                array(),
		`[ ]`:               array(),
		`["a"]`:             array("a"),
		`[ "a" , "b,]\"" ]`: array("a", `b,]"`),
		`["a",1]`:           {Kind: KindArray},
		`[null]`:            {Kind: KindArray},
		`[["a"]]`:           {Kind: KindArray},
		`["a",{"b":["c"]}]`: {Kind: KindArray},
	} {
		got := reading{Kind: value.Kind()}
		got.String, got.IsString = value.String()
		got.Integer, got.IsInteger = value.Integer()
		got.Bool, got.IsBool = value.Bool()
		got.Strings, got.IsStrings = value.Strings()
		if want.IsStrings && want.Strings == nil {
			want.Strings = []string{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", value, diff)
		}
	}
}
