package ledger

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// rowAhead is how much of an export is read at once: a hundred lines or so.
const rowAhead = 64 << 10

// rowReader gives the rows of a file, and hashes them.
type rowReader struct {
	r      *bufio.Reader
	sum    hash.Hash
	long   []byte
	number int
	tail   int // bytes after the last newline
}

func newRowReader(r io.Reader) *rowReader {
	return &rowReader{r: bufio.NewReaderSize(r, rowAhead), sum: sha256.New()}
}

// next gives the next row with its newline; it is valid until the next one.
func (r *rowReader) next() ([]byte, error) {
	row, err := r.last()
	r.sum.Write(row)
	return row, err
}

// last is next for a row that is not hashed.
func (r *rowReader) last() ([]byte, error) {
	r.long = r.long[:0]
	r.number++
	for {
		part, err := r.r.ReadSlice('\n')
		if len(r.long)+len(part) > maxRow {
			return nil, &BrokenError{Row: r.number, What: fmt.Sprintf("longer than %d bytes", maxRow)}
		}
		switch {
		case err == bufio.ErrBufferFull:
			r.long = append(r.long, part...)
		case err != nil:
			r.tail = len(r.long) + len(part)
			return nil, err
		case len(r.long) == 0:
			return part, nil
		default:
			r.long = append(r.long, part...)
			return r.long, nil
		}
	}
}
