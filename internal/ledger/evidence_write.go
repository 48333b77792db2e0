package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// An export is one JSON object in a form of its own, so that it can be read as a
// stream, and no byte of it be changed without a trace: a row a member, a row an
// element of keys, gaps and ledger, and in ASCII alone. Its last member is hash,
// as in a line of a ledger.
const (
	rowLedger = `"ledger":[` + "\n"
	rowEnd    = "\n]" + hashMark
)

// WriteJSON writes the evidence with its lines. It fails if they are not those of
// which the figures were made.
func (x *Export) WriteJSON(ctx context.Context, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, readAhead)
	sum := sha256.New()
	both := io.MultiWriter(buffered, sum)
	if err := x.Evidence.writeHead(both); err != nil {
		return err
	}
	var row []byte
	err := x.each(ctx, func(text []byte) error {
		first := row == nil
		row = row[:0]
		if !first {
			row = append(row, ",\n"...)
		}
		row = appendQuoted(row, text)
		_, err := both.Write(row)
		return err
	})
	if err == nil {
		// What is hashed ends before the mark.
		if _, err = io.WriteString(both, rowEnd[:len(rowEnd)-len(hashMark)]); err == nil {
			_, err = io.WriteString(buffered, hashMark+hex.EncodeToString(sum.Sum(nil))+"\"}\n")
		}
	}
	if err != nil {
		return err
	}
	return buffered.Flush()
}

// writeHead writes what precedes the lines.
func (e *Evidence) writeHead(w io.Writer) error {
	r := &rowWriter{w: w, row: []byte("{")}
	r.member("format", e.Format)
	r.member("guard", e.Guard)
	r.member("from", e.From)
	r.member("to", e.To)
	r.member("head", e.Head)
	r.member("head_seq", e.HeadSeq)
	r.member("first_seq", e.FirstSeq)
	r.member("lines", e.Lines)
	r.member("about", e.About)
	members(r, "promises", e.Promises)
	members(r, "keys", e.Keys)
	members(r, "gaps", e.Gaps)
	r.text(rowLedger)
	return r.err
}

// rowWriter writes rows.
type rowWriter struct {
	w   io.Writer
	row []byte // not written yet
	err error
}

func (r *rowWriter) text(s string) {
	r.row = append(r.row, s...)
	if r.err == nil {
		_, r.err = r.w.Write(r.row)
	}
	r.row = r.row[:0]
}

func (r *rowWriter) value(v any) {
	text, err := json.Marshal(v)
	if r.err == nil {
		r.err = err
	}
	r.row = appendASCII(r.row, text)
}

func (r *rowWriter) member(name string, v any) {
	r.row = append(append(append(r.row, '"'), name...), `":`...)
	r.value(v)
	r.text(",\n")
}

func members[T any](r *rowWriter, name string, all []T) {
	r.row = append(append(append(r.row, '"'), name...), `":[`...)
	for i, v := range all {
		if i > 0 {
			r.row = append(r.row, ',')
		}
		r.text("\n")
		r.value(v)
	}
	if len(all) > 0 {
		r.text("\n")
	}
	r.text("],\n")
}

// appendQuoted writes text as a string of JSON in ASCII: a terminal finds nothing
// in it to obey.
func appendQuoted(b, text []byte) []byte {
	b = slices.Grow(b, len(text)+len(text)/4)
	b = append(b, '"')
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= ' ' && text[n] < 0x7f && text[n] != '"' && text[n] != '\\' {
			n++
		}
		b, text = append(b, text[:n]...), text[n:]
		if len(text) == 0 {
			break
		}
		if c := text[0]; c == '"' || c == '\\' {
			b, text = append(b, '\\', c), text[1:]
			continue
		}
		c, size := utf8.DecodeRune(text)
		b, text = appendEscape(b, c), text[size:]
	}
	return append(b, '"')
}

// appendASCII writes JSON without a character beyond ASCII, which stands only in
// strings.
func appendASCII(b, text []byte) []byte {
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] < 0x7f {
			n++
		}
		b, text = append(b, text[:n]...), text[n:]
		if len(text) > 0 {
			c, size := utf8.DecodeRune(text)
			b, text = appendEscape(b, c), text[size:]
		}
	}
	return b
}

func appendEscape(b []byte, c rune) []byte {
	const digits = "0123456789abcdef"
	unit := func(u rune) {
		b = append(b, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	if c > 0xffff {
		c -= 0x10000
		unit(0xd800 + c>>10)
		unit(0xdc00 + c&0x3ff)
		return b
	}
	unit(c)
	return b
}
