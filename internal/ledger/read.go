package ledger

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"time"
)

const (
	// maxLine bounds a line, and so what reading one may take. A record is about a
	// kilobyte; one with as many kids as an issuer may have records takes 8 MB.
	maxLine = 16 << 20
	// readAhead is how much is read at once.
	readAhead = 1 << 20
)

// Line is one line of a ledger whose hash and place in the chain hold.
type Line struct {
	Number     int // in the stream, from 1
	Seq        uint64
	Time, Life time.Time
	Prev, Hash string // lowercase hexadecimal
	Event      string
	Text       []byte // without the newline; valid until the next line
}

// Verify reads a file of a ledger, or a part of one, and gives its lines. It
// checks each hash, the chain from the first line on, and that every line is
// strict JSON. An error is the last thing that it gives: *[DamageError] for the
// line at which it stopped, *[TornError], or one of r.
func Verify(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines, c := newLineReader(r), chain{}
		for {
			text, err := lines.next()
			switch {
			case err == nil:
			case err == io.EOF:
				if lines.torn > 0 {
					yield(Line{}, &TornError{Bytes: lines.torn})
				}
				return
			case errors.Is(err, errLong):
				yield(Line{}, &DamageError{Line: lines.number, What: err.Error()})
				return
			default:
				yield(Line{}, err)
				return
			}
			l, err := c.follow(text)
			if err != nil {
				yield(Line{}, &DamageError{Line: lines.number, What: err.Error()})
				return
			}
			if !yield(Line{
				Number: lines.number, Seq: l.seq, Time: l.time, Life: l.life,
				Prev: string(l.prev), Hash: string(l.hash), Event: string(l.event), Text: l.text,
			}, nil) {
				return
			}
		}
	}
}

// chain is the place up to which lines were read.
type chain struct {
	seq  uint64         // 0: none yet
	head [hashSize]byte // hash of the last line
}

// begin is the head before the first line ever.
var begin = func() (zeros [hashSize]byte) {
	for i := range zeros {
		zeros[i] = '0'
	}
	return zeros
}()

// follow parses the next line, and wants it to be linked to the one before. The
// first line may be linked to another file.
func (c *chain) follow(text []byte) (line, error) {
	l, err := parse(text)
	switch {
	case err != nil:
		return l, err
	case l.seq == 0, c.seq == 0 && l.seq == 1 && string(l.prev) != string(begin[:]):
		return l, errForm
	case c.seq != 0 && (string(l.prev) != string(c.head[:]) || l.seq != c.seq+1):
		return l, errChain
	}
	c.seq = l.seq
	copy(c.head[:], l.hash)
	return l, nil
}

// lineReader splits a stream into lines.
type lineReader struct {
	r      *bufio.Reader
	long   []byte // a line that is longer than the buffer of r
	number int    // of the last line, from 1
	size   int64  // of the lines so far, newlines included
	torn   int64  // bytes after the last newline, known at the end
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, readAhead)}
}

// next gives the next complete line without its newline; it is valid until the
// next one. Errors are io.EOF, errLong, after which the next line can be
// read, and those of the stream.
func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	length := int64(0)
	for {
		part, err := l.r.ReadSlice('\n')
		length += int64(len(part))
		switch {
		case err == bufio.ErrBufferFull:
			if length <= maxLine {
				l.long = append(l.long, part...)
			}
			continue
		case err == io.EOF:
			l.torn = length
			return nil, err
		case err != nil:
			return nil, err
		}
		l.number++
		l.size += length
		switch {
		case length > maxLine:
			return nil, errLong
		case length > int64(len(part)):
			l.long = append(l.long, part...)
			part = l.long
		}
		return part[:len(part)-1], nil
	}
}
