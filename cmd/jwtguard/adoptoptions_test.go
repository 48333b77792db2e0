package main

import (
	"regexp"
	"strings"
	"testing"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plainFilter is a filter of which everything carries over.
const plainFilter = `{
  "providers": {"p": {"issuer": "corp", "audiences": ["api"], "local_jwks": {"filename": "/jwks.json"}}},
  "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]
}`

// always are options that change nothing, since the guard never does without
// what they ask for.
var always = map[string]string{
	"providers.require_expiration":           "exp is required of every token",
	"providers.local_jwks.watched_directory": "files are watched",
}

// Envoy's own descriptors say which options there are, so that a new version of
// them brings no option that is passed over in silence.
func TestNoOptionOfEnvoyIsPassedOverInSilence(t *testing.T) {
	base := &jwtauthnv3.JwtAuthentication{}
	if err := protojson.Unmarshal([]byte(plainFilter), base); err != nil {
		t.Fatal(err)
	}
	before := withoutPlaces(t, base)
	seen := 0
	eachOption(base.ProtoReflect().Descriptor(), nil, func(path []protoreflect.FieldDescriptor) {
		seen++
		m := proto.Clone(base)
		set(m.ProtoReflect(), path)
		if proto.Equal(m, base) {
			return // a message that is there already; its options follow
		}
		after := withoutPlaces(t, m)
		var names []string
		for _, f := range path {
			names = append(names, string(f.Name()))
		}
		name := strings.Join(names, ".")
		if strings.Contains(after, "does not know the option") {
			t.Errorf("%s is not known: say in the tables of options what becomes of it", name)
		}
		if after == before && always[name] == "" {
			t.Errorf("%s is passed over in silence", name)
		}
	})
	if seen < 80 {
		t.Errorf("only %d options were tried", seen)
	}
}

// A route's own message, which is no part of the filter's.
func TestNoOptionOfARouteIsPassedOverInSilence(t *testing.T) {
	fields := (&jwtauthnv3.PerRouteConfig{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); perRouteOptions[name] == nil {
			t.Errorf("%s is not known", name)
		}
	}
}

// descended are the messages whose options are looked at one by one.
var descended = regexp.MustCompile(`^envoy\.(extensions\.filters\.http\.jwt_authn\.v3\..*|config\.core\.v3\.(DataSource|HttpUri)|type\.matcher\.v3\.StringMatcher)$`)

func eachOption(m protoreflect.MessageDescriptor, path []protoreflect.FieldDescriptor, do func([]protoreflect.FieldDescriptor)) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		here := append(path[:len(path):len(path)], f)
		do(here)
		of := f.Message()
		if f.IsMap() {
			of = f.MapValue().Message()
		}
		if of == nil || !descended.MatchString(string(of.FullName())) {
			continue
		}
		again := 0
		for _, p := range here {
			if p.Message() == of {
				again++
			}
		}
		if again < 2 {
			eachOption(of, here, do)
		}
	}
}

// set gives the option at the path a value, and makes what is above it.
func set(m protoreflect.Message, path []protoreflect.FieldDescriptor) {
	f := path[0]
	switch {
	case f.IsMap():
		value, key := m.Mutable(f).Map(), protoreflect.ValueOfString("p").MapKey()
		if len(path) > 1 {
			set(value.Mutable(key).Message(), path[1:])
		} else {
			value.Mutable(protoreflect.ValueOfString("other").MapKey())
		}
	case f.IsList() && f.Message() != nil:
		list := m.Mutable(f).List()
		if list.Len() == 0 || len(path) == 1 {
			list.AppendMutable()
		}
		if len(path) > 1 {
			set(list.Get(0).Message(), path[1:])
		}
	case f.IsList():
		m.Mutable(f).List().Append(protoreflect.ValueOfString("other"))
	case len(path) > 1:
		set(m.Mutable(f).Message(), path[1:])
	case f.Message() != nil:
		sub := m.Mutable(f).Message()
		if seconds := sub.Descriptor().Fields().ByName("seconds"); seconds != nil {
			sub.Set(seconds, protoreflect.ValueOfInt64(77))
		}
	case f.Kind() == protoreflect.BoolKind:
		m.Set(f, protoreflect.ValueOfBool(true))
	case f.Kind() == protoreflect.Uint32Kind:
		m.Set(f, protoreflect.ValueOfUint32(77))
	case f.Kind() == protoreflect.BytesKind:
		m.Set(f, protoreflect.ValueOfBytes([]byte("{}")))
	default:
		m.Set(f, protoreflect.ValueOfString("other"))
	}
}

var places = regexp.MustCompile(`:\d+:\d+:`)

// withoutPlaces is everything that is said about a filter, but for where.
func withoutPlaces(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := fromEnvoy(t, string(text))
	return places.ReplaceAllString(stdout+stderr, ":")
}
