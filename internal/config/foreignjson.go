package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// foreign reads JSON.
type foreign struct {
	reader
	data         []byte
	dec          *jsontext.Decoder
	at           int // the offset of line and column
	line, column int
	nodes        int
}

// json reads the whole text; nil after a mistake, which is noted.
func (f *foreign) json() *Node {
	f.dec = jsontext.NewDecoder(bytes.NewBuffer(f.data))
	n := f.value()
	if n == nil {
		return nil
	}
	if _, err := f.dec.ReadToken(); !errors.Is(err, io.EOF) {
		f.fail(int(f.dec.InputOffset()), "more follows after the end of the JSON value: give one document")
		return nil
	}
	return n
}

// value reads the next value. Only a text of limited depth gets here twice.
func (f *foreign) value() *Node {
	f.advance(f.begin())
	n := &Node{Place: Place{f.line, f.column}}
	tok, err := f.dec.ReadToken()
	if f.nodes++; err == nil && f.nodes > maxNodes {
		return f.fail(f.at, fmt.Sprintf("the file is too big: over %d values, at most that many are read", maxNodes))
	}
	if err != nil {
		return f.fail(int(f.dec.InputOffset()), "not valid JSON: "+plainError(err))
	}
	switch tok.Kind() {
	case 'n':
	case 't', 'f':
		n.Kind, n.Text = Bool, tok.String()
	case '0':
		n.Kind, n.Text = Number, tok.String()
	case '"':
		n.Kind, n.Text = Text, tok.String()
	case '[', '{':
		return f.composite(n, tok.Kind())
	}
	return n
}

func (f *foreign) composite(n *Node, open jsontext.Kind) *Node {
	if f.dec.StackDepth() > maxForeignDepth {
		return f.fail(f.at, fmt.Sprintf("nested more than %d levels deep", maxForeignDepth))
	}
	n.Kind = List
	if open == '{' {
		n.Kind = Mapping
	}
	for {
		switch f.dec.PeekKind() {
		case ']', '}':
			_, _ = f.dec.ReadToken()
			return n
		}
		key := ""
		if n.Kind == Mapping {
			k := f.value()
			if k == nil {
				return nil
			}
			key = k.Text
		}
		v := f.value()
		if v == nil {
			return nil
		}
		if n.Kind == Mapping {
			n.Fields = append(n.Fields, Field{key, v})
		} else {
			n.Items = append(n.Items, v)
		}
	}
}

// begin is the offset of the next token.
func (f *foreign) begin() int {
	at := int(f.dec.InputOffset())
	for at < len(f.data) && bytes.IndexByte([]byte(" \t\r\n,:"), f.data[at]) >= 0 {
		at++
	}
	return at
}

// advance moves line and column on to the offset.
func (f *foreign) advance(to int) {
	for ; f.at < to && f.at < len(f.data); f.at++ {
		switch c := f.data[f.at]; {
		case c == '\n':
			f.line, f.column = f.line+1, 1
		case c&0xC0 != 0x80: // not inside a character of UTF-8
			f.column++
		}
	}
}

func (f *foreign) fail(at int, message string) *Node {
	f.advance(at)
	f.problems.add(Place{f.line, f.column}, message)
	return nil
}

// plainError is what the JSON reader complains of, without the place, which is
// said in front.
func plainError(err error) string {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok && e.Err != nil {
		err = e.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "the text ends too early"
	}
	return err.Error()
}
