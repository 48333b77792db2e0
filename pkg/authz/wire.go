package authz

import (
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of envoy.service.auth.v3.CheckRequest on the way to what is read
// of it, and of envoy.config.core.v3.HeaderMap.
const (
	requestAttributes    = 1  // CheckRequest.attributes
	attributesRequest    = 4  // AttributeContext.request
	attributesExtensions = 10 // AttributeContext.context_extensions
	requestHTTP          = 2  // AttributeContext.Request.http
	httpHeaders          = 3  // AttributeContext.HttpRequest.headers
	httpPath             = 4  // AttributeContext.HttpRequest.path
	httpHeaderMap        = 13 // AttributeContext.HttpRequest.header_map
	headerMapHeaders     = 1  // HeaderMap.headers
	headerKey            = 1  // HeaderValue.key, and the key of a map's entry
	headerValue          = 2  // HeaderValue.value, and the value of a map's entry
	headerRawValue       = 3  // HeaderValue.raw_value
)

var (
	errWire = errors.New("not a message in the protobuf wire format")
	errUTF8 = errors.New("a string in it is not UTF-8")
)

// wire is a CheckRequest as it came, of which only what the guard needs is
// decoded: most of such a message is about the peers. It reads as the generated
// code does: of a value that stands there twice the last counts, messages that
// stand there twice are merged, a field of another type than its own is one that
// nobody knows. What it does not need it passes over, whatever is in there.
type wire struct {
	data   []byte
	chosen choice
	parts  [][]byte  // of request.http: most often one; none if it is not there
	first  [1][]byte // room for parts
}

func (w *wire) choice() (choice, error) {
	w.parts = w.first[:0]
	message := fields{rest: w.data}
	for message.next() {
		if message.number == requestAttributes {
			if err := w.readAttributes(message.value); err != nil {
				return choice{}, err
			}
		}
	}
	return w.chosen, message.err
}

func (w *wire) readAttributes(data []byte) error {
	attributes := fields{rest: data}
	for attributes.next() {
		switch attributes.number {
		case attributesRequest:
			request := fields{rest: attributes.value}
			for request.next() {
				if request.number == requestHTTP {
					w.parts = append(w.parts, request.value)
				}
			}
			if request.err != nil {
				return request.err
			}
		case attributesExtensions:
			e, err := readEntry(attributes.value)
			if err != nil {
				return err
			}
			w.chosen.add(string(e.key), string(e.value))
		}
	}
	return attributes.err
}

func (w *wire) describesHTTP() bool { return len(w.parts) > 0 }

func (w *wire) gather(g *gathering) error {
	for _, part := range w.parts {
		http := fields{rest: part}
		for http.next() {
			var err error
			switch http.number {
			case httpPath:
				if !utf8.Valid(http.value) {
					return errUTF8
				}
				if g.source.Query != "" {
					g.r.path = string(http.value)
				}
			case httpHeaders:
				var e entry
				if e, err = readEntry(http.value); err != nil {
					break
				}
				if is := look(g, e.key); is != nothing {
					g.entry(is, e.key, e.value)
				}
			case httpHeaderMap:
				err = gatherMap(g, http.value)
			}
			if err != nil {
				return err
			}
		}
		if http.err != nil {
			return http.err
		}
	}
	return nil
}

func gatherMap(g *gathering, data []byte) error {
	lines := fields{rest: data}
	for lines.next() {
		if lines.number == headerMapHeaders {
			e, err := readEntry(lines.value)
			if err != nil {
				return err
			}
			if is := look(g, e.key); is != nothing {
				g.line(is, lineOf(e.value, e.raw))
			}
		}
	}
	return lines.err
}

// entry is a HeaderValue, or an entry of a map of strings, which looks like one
// without a raw value.
type entry struct{ key, value, raw []byte }

func readEntry(data []byte) (e entry, err error) {
	if e, ok := plainEntry(data); ok {
		return e, nil
	}
	f := fields{rest: data}
	for f.next() {
		switch f.number {
		case headerKey:
			e.key = f.value
		case headerValue:
			e.value = f.value
		case headerRawValue:
			e.raw = f.value // bytes, of any kind
			continue
		default:
			continue
		}
		if !utf8.Valid(f.value) {
			return e, errUTF8
		}
	}
	return e, f.err
}

// plainEntry reads a key and one value after it, with lengths of one byte each, which
// is how nearly all are written. Whatever is not like that, or wrong, is not ok.
func plainEntry(data []byte) (e entry, ok bool) {
	const keyTag, valueTag, rawTag = headerKey<<3 | 2, headerValue<<3 | 2, headerRawValue<<3 | 2 // of type bytes
	if len(data) < 4 || data[0] != keyTag || data[1] >= 0x80 {
		return e, false
	}
	end := 2 + int(data[1])
	if end+2 > len(data) || data[end+1] >= 0x80 || end+2+int(data[end+1]) != len(data) {
		return e, false
	}
	e.key = data[2:end]
	switch data[end] {
	case valueTag:
		e.value = data[end+2:]
		return e, utf8.Valid(data) // tags and lengths are ASCII: both are, or are not
	case rawTag:
		e.raw = data[end+2:]
		return e, utf8.Valid(e.key)
	}
	return e, false
}

// fields goes through the fields of a message that are strings, bytes or messages,
// and passes over all others.
type fields struct {
	rest   []byte
	number protowire.Number
	value  []byte
	err    error
}

// next goes to the next field, and gives false after the last one and on err.
func (f *fields) next() bool {
	for len(f.rest) > 0 {
		if f.short() {
			return true
		}
		number, kind, n := protowire.ConsumeTag(f.rest)
		if n < 0 || number > protowire.MaxValidNumber {
			break
		}
		rest := f.rest[n:]
		if kind == protowire.BytesType {
			if f.value, n = protowire.ConsumeBytes(rest); n < 0 {
				break
			}
			f.number, f.rest = number, rest[n:]
			return true
		}
		if n = protowire.ConsumeFieldValue(number, kind, rest); n < 0 {
			break
		}
		f.rest = rest[n:]
	}
	if len(f.rest) > 0 {
		f.err = errWire
	}
	return false
}

// short goes to the next field if it has a tag of one byte and a length of one or
// two, which is how nearly all are written.
func (f *fields) short() bool {
	if len(f.rest) < 3 || f.rest[0] >= 0x80 {
		return false
	}
	start, size := 2, int(f.rest[1])
	if size >= 0x80 {
		if f.rest[2] >= 0x80 {
			return false
		}
		start, size = 3, size&0x7f|int(f.rest[2])<<7
	}
	number, kind := protowire.DecodeTag(uint64(f.rest[0]))
	end := start + size
	if number < protowire.MinValidNumber || kind != protowire.BytesType || end > len(f.rest) {
		return false
	}
	f.number, f.value, f.rest = number, f.rest[start:end], f.rest[end:]
	return true
}
