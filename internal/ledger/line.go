package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// hashSize is the length of a hash in the file.
	hashSize = 2 * sha256.Size
	hashMark = `,"hash":"`
	hashTail = len(hashMark) + hashSize + len(`"}`)
)

// line is one line of a file, its own hash and form checked. Its slices are those
// of the text, and values are as they stand there, strings with their quotes.
type line struct {
	text       []byte // without the newline
	seq        uint64
	time, life time.Time
	prev, hash []byte
	event      []byte

	// Members that a replay reads; nil if absent.
	issuer, iss, kid, thumbprint, was []byte // strings
	key, usage, observed              []byte // objects
}

// parse reads one line. It takes nothing but what a ledger writes: the members
// in their order, without space between them.
func parse(text []byte) (line, error) {
	l := line{text: text}
	end := len(text) - hashTail
	if end < 0 || string(text[end:end+len(hashMark)]) != hashMark || string(text[len(text)-2:]) != `"}` {
		return l, errForm
	}
	l.hash = text[end+len(hashMark) : len(text)-2]
	if sum := digest(text[:end]); string(l.hash) != string(sum[:]) {
		return l, errHash
	}
	if !jsontext.Value(text).IsValid() {
		return l, errJSON
	}
	rest, ok := l.head(text[:end])
	if !ok || !l.members(rest) {
		return l, errForm
	}
	return l, nil
}

// digest is the hash of a line, as it stands in the file.
func digest(text []byte) (sum [hashSize]byte) {
	raw := sha256.Sum256(text)
	hex.Encode(sum[:], raw[:])
	return sum
}

// head reads the members that every line has, and gives what follows them.
func (l *line) head(text []byte) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(text, []byte(`{"seq":`))
	digits := bytes.IndexByte(rest, ',')
	if !ok || digits < 0 {
		return nil, false
	}
	seq, err := strconv.ParseUint(string(rest[:digits]), 10, 64)
	if err != nil {
		return nil, false
	}
	l.seq, rest = seq, rest[digits:]
	var wall, life []byte
	for _, m := range [...]struct {
		name  string
		value *[]byte
	}{{`,"time":"`, &wall}, {`,"life":"`, &life}, {`,"prev":"`, &l.prev}, {`,"event":"`, &l.event}} {
		after, ok := bytes.CutPrefix(rest, []byte(m.name))
		quote := bytes.IndexByte(after, '"')
		if !ok || quote < 0 {
			return nil, false
		}
		*m.value, rest = after[:quote], after[quote+1:]
	}
	var badTime, badLife error
	l.time, badTime = time.Parse(time.RFC3339Nano, string(wall))
	l.life, badLife = time.Parse(time.RFC3339Nano, string(life))
	return rest, badTime == nil && badLife == nil && len(l.prev) == hashSize
}

// members finds what a replay needs among the members that are left. The text is
// known to be JSON.
func (l *line) members(rest []byte) bool {
	for len(rest) > 0 {
		rest, _ = bytes.CutPrefix(rest, []byte(`,"`))
		quote := bytes.IndexByte(rest, '"')
		if quote < 0 || len(rest) < quote+3 || rest[quote+1] != ':' {
			return false
		}
		name, value := rest[:quote], rest[quote+2:]
		end := valueEnd(value)
		value, rest = value[:end], value[end:]
		var to *[]byte
		kind := byte('"')
		switch string(name) {
		case "issuer":
			to = &l.issuer
		case "iss":
			to = &l.iss
		case "kid":
			to = &l.kid
		case "thumbprint":
			to = &l.thumbprint
		case "was":
			to = &l.was
		case "key":
			to, kind = &l.key, '{'
		case "usage":
			to, kind = &l.usage, '{'
		case "observed":
			to, kind = &l.observed, '{'
		default:
			continue
		}
		if len(value) == 0 || value[0] != kind {
			return false
		}
		*to = value
	}
	return true
}

// valueEnd is where the JSON value ends with which b begins.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// unquoted is the text of a JSON string; empty for nil. It may be part of value.
func unquoted(value []byte) []byte {
	switch {
	case len(value) < 2:
		return nil
	case bytes.IndexByte(value, '\\') < 0:
		return value[1 : len(value)-1]
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return nil
	}
	return text
}
