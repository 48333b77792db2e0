package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// maxRow bounds a row of an export: the longest line with every character
	// escaped, or the history of a key that changed a hundred thousand times.
	maxRow = 6*maxLine + 8
	// maxHead bounds what precedes the lines: 100,000 keys with long histories.
	maxHead = 256 << 20
)

// What can be wrong with what is given as an export.
var (
	// ErrNotEvidence says that it is something else.
	ErrNotEvidence = errors.New("not an evidence export")
	// ErrNewerEvidence says that a newer version wrote it.
	ErrNewerEvidence = errors.New("written by a newer version")
)

// BrokenError says where an export is not what the ledger gave.
type BrokenError struct {
	Row    int    // of the file, from 1
	Member string // of the object; empty: as a whole
	What   string
}

func (e *BrokenError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("line %d: %s", e.Row, e.What)
	}
	return fmt.Sprintf("line %d: %s: %s", e.Row, e.Member, e.What)
}

// CheckConfig says how an export is checked.
type CheckConfig struct {
	ReadKey func(jwk []byte) (keyset.Listed, error) // as in [Config]
	Heads   []string                                // hashes that may occur in the chain
	Hashes  bool                                    // keep those of all lines, to compare chains
}

// Checked is an export that is what its lines give.
type Checked struct {
	Evidence
	Heads     []string // of those asked for, the ones in its chain
	Uncounted bool     // what was counted just before its end may not be in it
	Stopped   bool     // it ends where the guard began to drain
	chains    []stretch
}

// stretch is a part of a ledger without a break in the chain.
type stretch struct {
	first  uint64
	hashes [][sha256.Size]byte
}

// CheckEvidence reads an export and makes every figure in it again from its lines.
// It needs nothing else. Errors are a *[BrokenError] where it was altered, cut or
// put together otherwise, [ErrNotEvidence], [ErrNewerEvidence], or one of r.
func CheckEvidence(ctx context.Context, r io.Reader, cfg CheckConfig) (*Checked, error) {
	c := &checking{rows: newRowReader(r), cfg: cfg}
	if err := c.head(); err != nil {
		return nil, err
	}
	if err := c.ledger(ctx); err != nil {
		return nil, err
	}
	if err := c.compare(); err != nil {
		return nil, err
	}
	return &Checked{
		Evidence: c.claimed, Heads: c.found, chains: c.chains,
		Uncounted: !c.reach.until(c.claimed.To), Stopped: c.reach.stopped(),
	}, nil
}

// checking is an export that is being checked.
type checking struct {
	rows    *rowReader
	cfg     CheckConfig
	text    []byte // what precedes the lines
	claimed Evidence
	recount *recount
	at      int // the row of the first line
	last    int // the row of the hash
	altered bool
	found   []string
	reach   reach
	chains  []stretch
}

func (c *checking) broken(member, what string, args ...any) error {
	return &BrokenError{Row: max(c.rows.number, 1), Member: member, What: fmt.Sprintf(what, args...)}
}

// head reads what precedes the lines.
func (c *checking) head() error {
	for {
		row, err := c.rows.next()
		switch {
		case err == io.EOF && c.rows.number <= 1:
			return fmt.Errorf("%w: it is empty, or cut in its first line", ErrNotEvidence)
		case err == io.EOF:
			return c.broken("", "it ends before the lines of the ledger: it was cut")
		case err != nil:
			return err
		}
		if c.rows.number == 1 {
			if err := c.format(string(row)); err != nil {
				return err
			}
		}
		if c.text = append(c.text, row...); len(c.text) > maxHead {
			return c.broken("", "more than %d bytes precede the lines of the ledger", maxHead)
		}
		if string(row) == rowLedger {
			break
		}
	}
	whole := append(c.text, "]}"...)
	var claimed struct {
		Evidence
		Ledger []string `json:"ledger"`
	}
	if err := json.Unmarshal(whole, &claimed, json.RejectUnknownMembers(true)); err != nil {
		member, what := "", err.Error()
		var semantic *json.SemanticError
		var syntactic *jsontext.SyntacticError
		offset := int64(0)
		switch {
		case errors.As(err, &semantic):
			offset, member = semantic.ByteOffset, pointer(string(semantic.JSONPointer))
		case errors.As(err, &syntactic):
			offset, member = syntactic.ByteOffset, pointer(string(syntactic.JSONPointer))
		}
		row := 1 + bytes.Count(whole[:min(int(offset), len(whole))], []byte("\n"))
		return &BrokenError{Row: row, Member: member, What: "not as an export has it: " + what}
	}
	c.claimed = claimed.Evidence
	if c.claimed.To.Before(c.claimed.From) {
		return c.broken("to", "%s is before from, which is %s", moment(c.claimed.To), moment(c.claimed.From))
	}
	return nil
}

// format tells by the first row what is given.
func (c *checking) format(row string) error {
	rest, ok := strings.CutPrefix(row, `{"format":`)
	var format uint64
	if _, err := fmt.Sscanf(rest, "%d,", &format); !ok || err != nil {
		if strings.HasPrefix(row, markdownTitle) {
			return fmt.Errorf("%w that can be checked: this is the Markdown; give the JSON of the same export", ErrNotEvidence)
		}
		return fmt.Errorf("%w: it begins otherwise; give the file as jwtguard evidence export wrote it, not laid out anew", ErrNotEvidence)
	}
	if format > evidenceFormat {
		return fmt.Errorf("%w (format %d; this one knows format %d): verify it with that version", ErrNewerEvidence, format, evidenceFormat)
	}
	return nil
}

// ledger takes the lines in.
func (c *checking) ledger(ctx context.Context) error {
	c.recount = newRecount(c.claimed.From, c.claimed.To)
	if c.recount.from.IsZero() {
		return c.broken("from", "it is missing")
	}
	c.at = c.rows.number + 1
	var text []byte
	for n := 0; ; n++ {
		row, err := c.rows.next()
		at := fmt.Sprintf("ledger[%d]", n)
		switch {
		case err == io.EOF:
			return c.broken("ledger", "it ends amid the lines of the ledger, after %d of them: it was cut", n)
		case err != nil:
			return err
		}
		row = bytes.TrimSuffix(row, []byte("\n"))
		quoted, more := bytes.CutSuffix(row, []byte(","))
		if text, err = jsontext.AppendUnquote(text[:0], quoted); err != nil {
			return c.broken(at, "not a string of JSON")
		}
		l, err := c.recount.check(text)
		if err == nil {
			err = c.recount.take(&l)
		}
		if err != nil {
			return c.broken(at, "%v", err)
		}
		c.note(&l)
		c.reach.note(string(l.event), l.life)
		if !more {
			break
		}
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if c.recount.kept.lines != c.recount.lines {
		return c.broken(fmt.Sprintf("ledger[%d]", c.recount.lines-1), "it is of after the period")
	}
	return c.end()
}

// note keeps what is asked of the chain.
func (c *checking) note(l *line) {
	if len(c.cfg.Heads) > 0 && slices.Contains(c.cfg.Heads, string(l.hash)) {
		c.found = append(c.found, string(l.hash))
	}
	if !c.cfg.Hashes {
		return
	}
	if n := len(c.chains); n == 0 || string(l.event) == eventOpened && l.seq != c.chains[n-1].first+uint64(len(c.chains[n-1].hashes)) ||
		string(l.prev) == string(begin[:]) {
		c.chains = append(c.chains, stretch{first: l.seq})
	}
	s := &c.chains[len(c.chains)-1]
	var h [sha256.Size]byte
	hex.Decode(h[:], l.hash)
	s.hashes = append(s.hashes, h)
}

// end reads what follows the lines.
func (c *checking) end() error {
	sum := c.rows.sum
	row, err := c.rows.last()
	if err == io.EOF {
		return c.broken("hash", "it is missing: the file was cut")
	}
	if err != nil {
		return err
	}
	c.last = c.rows.number
	claimed, ok := strings.CutPrefix(string(row), "]"+hashMark)
	claimed, ok2 := strings.CutSuffix(claimed, "\"}\n")
	if !ok || !ok2 || len(claimed) != hashSize {
		return c.broken("hash", "not as an export ends")
	}
	sum.Write([]byte("]"))
	if claimed != hex.EncodeToString(sum.Sum(nil)) {
		c.altered = true
	}
	if _, err := c.rows.next(); err != io.EOF || c.rows.tail > 0 {
		return c.broken("", "something follows its end")
	}
	return nil
}

// compare holds the figures against those of the lines.
func (c *checking) compare() error {
	want, err := c.recount.finish(c.cfg.ReadKey)
	if err != nil {
		var of lineError
		if errors.As(err, &of) {
			return &BrokenError{Row: c.at + of.number - 1, Member: fmt.Sprintf("ledger[%d]", of.number-1), What: err.Error()}
		}
		return c.broken("ledger", "%v", err)
	}
	want.About, want.Promises = c.claimed.About, c.claimed.Promises
	same := &sameWriter{rest: c.text}
	if err := want.writeHead(same); err != nil {
		return err
	}
	if len(same.rest) == 0 && !same.other {
		if c.altered {
			return &BrokenError{Row: c.last, Member: "hash", What: "it does not match the content: the file was altered after it was written"}
		}
		return nil
	}
	row := 1 + bytes.Count(c.text[:len(c.text)-len(same.rest)], []byte("\n"))
	member, what := difference(want, &c.claimed)
	if member == "" {
		what = "not in the form of an export: give the file as it was written"
	}
	return &BrokenError{Row: row, Member: member, What: what}
}
