package authz

import "google.golang.org/protobuf/encoding/protowire"

// Field numbers of envoy.service.auth.v3.CheckResponse and of what it is made of.
const (
	responseStatus   = 1 // CheckResponse.status
	responseDenied   = 2 // CheckResponse.denied_response
	responseOK       = 3 // CheckResponse.ok_response
	responseMetadata = 4 // CheckResponse.dynamic_metadata
	statusCode       = 1 // google.rpc.Status.code
	deniedStatus     = 1 // DeniedHttpResponse.status
	deniedHeaders    = 2 // DeniedHttpResponse.headers
	deniedBody       = 3 // DeniedHttpResponse.body
	httpStatusCode   = 1 // envoy.type.v3.HttpStatus.code
	okHeaders        = 2 // OkHttpResponse.headers
	okRemove         = 5 // OkHttpResponse.headers_to_remove
	optionHeader     = 1 // HeaderValueOption.header
	structFields     = 1 // google.protobuf.Struct.fields
	entryKey         = 1 // of a map
	entryValue       = 2
	valueString      = 3 // google.protobuf.Value.string_value
)

// sizeOf is what a field of n bytes takes with its tag, which is one byte: all
// numbers here are below 16.
func sizeOf(n int) int { return 1 + protowire.SizeBytes(n) }

// begin appends the tag and the length of a field of n bytes, which are to follow.
func begin(b []byte, number protowire.Number, n int) []byte {
	if n < 0x80 { // nearly always
		return append(b, byte(protowire.EncodeTag(number, protowire.BytesType)), byte(n))
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(n))
}

func appendString(b []byte, number protowire.Number, s string) []byte {
	return append(begin(b, number, len(s)), s...)
}

func appendBytes(b []byte, number protowire.Number, s []byte) []byte {
	return append(begin(b, number, len(s)), s...)
}

func appendInt(b []byte, number protowire.Number, v int32) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
}

// overwrite sets a header in place of all lines of that name.
type overwrite struct{ name, value string }

// action is the field append_action with OVERWRITE_IF_EXISTS_OR_ADD. Envoy 1.40
// goes by append being unset; others go by append_action.
const action = "\x18\x02"

func (o overwrite) size() int { return sizeOf(o.headerSize()) + len(action) }

func (o overwrite) headerSize() int { return sizeOf(len(o.name)) + sizeOf(len(o.value)) }

// append appends a HeaderValueOption as a field.
func (o overwrite) append(b []byte, number protowire.Number) []byte {
	b = begin(b, number, o.size())
	b = begin(b, optionHeader, o.headerSize())
	b = appendString(b, headerKey, o.name)
	b = appendString(b, headerValue, o.value)
	return append(b, action...)
}
