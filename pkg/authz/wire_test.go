package authz

import (
	"bytes"
	"slices"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// reading is everything that is read of a CheckRequest, under a policy that looks
// everywhere and under the usual one.
type reading struct {
	Policy         string
	Named, Odd     bool
	HTTP           bool
	Every, Usual   gathered
	IDs, Crowded   bool // several spellings of x-request-id: any of them may be taken
	CredentialName string
}

type gathered struct {
	Credential string
	N          int
	Cookies    []string // sorted: the order of spellings of cookie is open
	Path, ID   string
}

func readAll(m message, credential string) (r reading, err error) {
	c, err := m.choice()
	if err != nil {
		return r, err
	}
	r.Policy, r.Named, r.Odd, r.HTTP, r.CredentialName = c.policy, c.named, c.odd, m.describesHTTP(), credential
	for source, to := range map[verify.TokenSource]*gathered{
		{Header: credential, Query: "t", Cookie: "s"}: &r.Every,
		{Header: credential}:                          &r.Usual,
	} {
		g := gathering{source: source}
		if err := m.gather(&g); err != nil {
			return r, err
		}
		ids := 0
		for _, e := range g.joined {
			if e.is == theID {
				ids++
			}
		}
		q := g.request()
		r.IDs, r.Crowded = ids > 1, q.crowded
		*to = gathered{N: q.credential.n, Cookies: slices.Sorted(slices.Values(q.cookies)), ID: q.id}
		if q.credential.n == 1 {
			to.Credential = string(q.credential.first)
		}
		if source.Query != "" {
			to.Path = q.path
		}
		if ids > 1 {
			to.ID = ""
		}
	}
	return r, nil
}

// needed is the schema of the part of a CheckRequest that the guard reads, so that
// everything else is an unknown field to the decoder.
var needed = func() protoreflect.MessageType {
	const (
		text, blob, sub = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
		one, many       = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	)
	field := func(name string, n int32, kind descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &n, Type: kind.Enum(), Label: label.Enum()}
		if of != "" {
			f.TypeName = proto.String(".needed." + of)
		}
		return f
	}
	message := func(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: &name, Field: fields}
	}
	entry := func(name string) *descriptorpb.DescriptorProto {
		m := message(name, field("key", 1, text, one, ""), field("value", 2, text, one, ""))
		m.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
		return m
	}
	attributes := message("Attributes", field("request", attributesRequest, sub, one, "Request"), field("extensions", attributesExtensions, sub, many, "Attributes.ExtensionsEntry"))
	attributes.NestedType = append(attributes.NestedType, entry("ExtensionsEntry"))
	http := message("Http", field("headers", httpHeaders, sub, many, "Http.HeadersEntry"), field("path", httpPath, text, one, ""), field("header_map", httpHeaderMap, sub, one, "HeaderMap"))
	http.NestedType = append(http.NestedType, entry("HeadersEntry"))
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("needed.proto"), Package: proto.String("needed"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			message("Check", field("attributes", requestAttributes, sub, one, "Attributes")), attributes,
			message("Request", field("http", requestHTTP, sub, one, "Http")), http,
			message("HeaderMap", field("headers", headerMapHeaders, sub, many, "Line")),
			message("Line", field("key", headerKey, text, one, ""), field("value", headerValue, text, one, ""), field("raw_value", headerRawValue, blob, one, "")),
		},
	}, nil)
	if err != nil {
		panic(err)
	}
	return dynamicpb.NewMessageType(file.Messages().ByName("Check"))
}()

// compare holds the reading of the wire against the generated code, which must read
// the same, and against the decoder, which must refuse the same of the part that is
// read.
func compare(t *testing.T, data []byte) {
	t.Helper()
	for _, credential := range []string{"authorization", "x-token", "cookie"} {
		got, err := readAll(&wire{data: data}, credential)
		agrees := func(request *authv3.CheckRequest) {
			want, _ := readAll(generated{request}, credential)
			if got.Crowded && !want.Crowded {
				return // entries that stand there twice count twice
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%x (-generated +ours):\n%s", data, d)
			}
		}
		whole := new(authv3.CheckRequest)
		if proto.Unmarshal(data, whole) == nil {
			if err != nil {
				t.Fatalf("%x:\n    we say %v, the generated code takes it", data, err)
			}
			agrees(whole)
		}
		part, refused, fine := decodePart(data)
		if fine && (err == nil) != (refused == nil) {
			t.Fatalf("%x:\n    we say %v, the decoder %v", data, err, refused)
		}
		if fine && err == nil {
			agrees(part)
		}
	}
}

// decodePart decodes what is needed of a message, and nothing else of it. It is not
// fine where the decoder panics, as that of protobuf-go 1.36 does, without generated
// code, about an entry of a map whose key is no string.
func decodePart(data []byte) (request *authv3.CheckRequest, err error, fine bool) {
	defer func() { _ = recover() }()
	part := needed.New().Interface()
	request = new(authv3.CheckRequest)
	if err = (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, part); err == nil {
		same, _ := proto.Marshal(part)
		err = proto.Unmarshal(same, request)
	}
	return request, err, true
}

// bytesOf is a length-delimited field.
func bytesOf(n protowire.Number, parts ...[]byte) []byte {
	return appendBytes(nil, n, bytes.Join(parts, nil))
}

func textOf(n protowire.Number, s string) []byte { return bytesOf(n, []byte(s)) }

// httpOf is a CheckRequest of the fields of one HttpRequest.
func httpOf(parts ...[]byte) []byte {
	return bytesOf(requestAttributes, bytesOf(attributesRequest, bytesOf(requestHTTP, parts...)))
}

func pair(n protowire.Number, key, value string) []byte {
	return bytesOf(n, textOf(headerKey, key), textOf(headerValue, value))
}

func line(key, raw string) []byte {
	return bytesOf(httpHeaderMap, bytesOf(headerMapHeaders, textOf(headerKey, key), textOf(headerRawValue, raw)))
}

func varintOf(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

// group is a field of the old kind, which may hold anything.
func group(n protowire.Number, parts ...[]byte) []byte {
	b := append(protowire.AppendTag(nil, n, protowire.StartGroupType), bytes.Join(parts, nil)...)
	return protowire.AppendTag(b, n, protowire.EndGroupType)
}

// oddMessages are what encoders may write, and what only an attacker would.
func oddMessages() map[string][]byte {
	token := pair(httpHeaders, "authorization", "Bearer a")
	extension := func(key, value string) []byte {
		return bytesOf(requestAttributes, pair(attributesExtensions, key, value))
	}
	return map[string][]byte{
		"nothing":                           {},
		"empty http":                        httpOf(),
		"a path twice":                      httpOf(textOf(httpPath, "/a?t=1"), textOf(httpPath, "/b?t=2")),
		"an entry twice":                    httpOf(token, pair(httpHeaders, "authorization", "Bearer b")),
		"an entry in two spellings":         httpOf(token, pair(httpHeaders, "Authorization", "Bearer b")),
		"an entry's key twice":              httpOf(bytesOf(httpHeaders, textOf(1, "x"), textOf(2, "Bearer a"), textOf(1, "authorization"))),
		"an entry's value twice":            httpOf(bytesOf(httpHeaders, textOf(1, "authorization"), textOf(2, "a"), textOf(2, "Bearer b"))),
		"an entry without a value":          httpOf(bytesOf(httpHeaders, textOf(1, "authorization"))),
		"an entry without a key":            httpOf(bytesOf(httpHeaders, textOf(2, "x"))),
		"value before key":                  httpOf(bytesOf(httpHeaders, textOf(2, "Bearer a"), textOf(1, "authorization"))),
		"two parts of http":                 bytesOf(1, bytesOf(4, bytesOf(2, token), bytesOf(2, line("cookie", "s=1")))),
		"two requests":                      bytesOf(1, bytesOf(4, bytesOf(2, token)), bytesOf(4, bytesOf(2, line("cookie", "s=1")))),
		"two attributes":                    append(httpOf(token), httpOf(line("authorization", "Bearer c"), textOf(httpPath, "/?t=1"))...),
		"the second http is empty":          append(httpOf(token), httpOf()...),
		"a header map twice":                httpOf(line("authorization", "Bearer a"), line("authorization", "Bearer b")),
		"both maps, the same":               httpOf(token, line("authorization", "Bearer a")),
		"both maps, different":              httpOf(token, line("authorization", "Bearer b"), line("cookie", "s=1"), pair(httpHeaders, "cookie", "s=2")),
		"value and raw value":               httpOf(bytesOf(httpHeaderMap, bytesOf(1, textOf(1, "authorization"), textOf(2, "Bearer a"), textOf(3, "Bearer b")))),
		"a raw value twice":                 httpOf(bytesOf(httpHeaderMap, bytesOf(1, textOf(1, "authorization"), textOf(3, "Bearer a"), textOf(3, "Bearer b")))),
		"a raw path":                        httpOf(textOf(httpPath, "/!"), line(":path", "/\xff?t=1")),
		"an empty raw path":                 httpOf(textOf(httpPath, "/?t=1"), line(":path", "")),
		"ids":                               httpOf(line("x-request-id", "1"), pair(httpHeaders, "x-request-id", "2\n")),
		"a policy":                          append(httpOf(token), extension("jwtguard.policy", "a")...),
		"a policy twice":                    append(extension("jwtguard.policy", "a"), extension("jwtguard.policy", "b")...),
		"an extension of ours":              extension("JWTguard.x", ""),
		"unknown fields":                    httpOf(varintOf(99, 1), token, textOf(2000, "\xff"), group(77, varintOf(1, 1), group(5))),
		"http as a number":                  bytesOf(1, bytesOf(4, varintOf(2, 7))),
		"http as a group":                   bytesOf(1, bytesOf(4, group(2, token))),
		"a header as a number":              httpOf(varintOf(httpHeaders, 3), bytesOf(httpHeaders, varintOf(1, 1), textOf(2, "x"))),
		"a path that is not UTF-8":          httpOf(textOf(httpPath, "/\xff")),
		"a name that is not UTF-8":          httpOf(pair(httpHeaders, "x\xff", "")),
		"a value that is not UTF-8":         httpOf(pair(httpHeaders, "x", "\xff")),
		"an overwritten value, not UTF-8":   httpOf(bytesOf(httpHeaders, textOf(1, "x"), textOf(2, "\xff"), textOf(2, ""))),
		"a map's value that is not UTF-8":   httpOf(bytesOf(httpHeaderMap, bytesOf(1, textOf(1, "x"), textOf(2, "\xff")))),
		"a raw value that is not UTF-8":     httpOf(line("authorization", "Bearer \xff")),
		"an extension that is not UTF-8":    extension("x", "\xff"),
		"a principal that is not UTF-8":     bytesOf(1, bytesOf(1, textOf(4, "\xff"))),
		"field 0":                           {0x02, 0x00},
		"a field beyond the last":           protowire.AppendVarint(nil, (1<<29)<<3),
		"a number of eleven bytes":          append(bytes.Repeat([]byte{0xff}, 10), 0),
		"an end without a beginning":        protowire.AppendTag(nil, 1, protowire.EndGroupType),
		"a beginning without an end":        protowire.AppendTag(nil, 1, protowire.StartGroupType),
		"another end":                       {0x0b, 0x14},
		"type 6":                            {0x0e},
		"a length beyond the end":           {0x0a, 0x05, 0x00},
		"a tag that takes more than it has": {0x8a, 0x80, 0x00, 0x00},
	}
}

func TestTheWireReadsAsTheGeneratedCode(t *testing.T) {
	for name, data := range oddMessages() {
		t.Run(name, func(t *testing.T) { compare(t, data) })
	}
	usual, err := proto.Marshal(route(raw("/?t=1", "authorization: Bearer x", "cookie: s=1", "x-request-id: 7", "é: \xff"), map[string]string{"jwtguard.policy": "a", "b": "c"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("cut short", func(t *testing.T) {
		for n := range usual {
			compare(t, usual[:n])
		}
	})
	t.Run("one byte changed", func(t *testing.T) {
		for i := range usual {
			for _, to := range []byte{0, 1, 0x0a, 0x12, 0x1a, 0x22, 0x52, 0x6a, 0x7f, 0x80, 0xff, usual[i] ^ 1, usual[i] ^ 7} {
				changed := slices.Clone(usual)
				changed[i] = to
				compare(t, changed)
			}
		}
	})
}

func FuzzWire(f *testing.F) {
	for _, data := range oddMessages() {
		f.Add(data)
	}
	f.Fuzz(compare)
}
