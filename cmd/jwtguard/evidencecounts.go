package main

import (
	"bytes"
	"time"
)

// counts watches the rows of an export go by, and learns how far its counts reach. A
// guard writes what it has counted every 5 minutes, when it is asked for evidence,
// and when it stops.
type counts struct {
	row  []byte    // the beginning of the present one
	last time.Time // of the last line
	why  string    // the event for which all that was counted until then is in; empty: it may not be
}

const (
	// rowBeginning is as much of a row as tells the time and the event of a line: 230
	// bytes or so.
	rowBeginning = 512
	rowOfLine    = `"{\"seq\":` // and no other row begins so

	guardStopped     = "guard_stopped"
	evidenceExported = "evidence_exported"
)

// Write takes a part of the export. It keeps nothing of it but the beginning of a row.
func (c *counts) Write(text []byte) (int, error) {
	n := len(text)
	for {
		part, rest, ended := bytes.Cut(text, []byte("\n"))
		c.row = append(c.row, part[:min(len(part), rowBeginning-len(c.row))]...)
		if !ended {
			return n, nil
		}
		c.line()
		c.row, text = c.row[:0], rest
	}
}

// line takes a row that has ended. The counts themselves follow the line that says
// why they were written, or precede it.
func (c *counts) line() {
	if !bytes.HasPrefix(c.row, []byte(rowOfLine)) {
		return
	}
	c.last, _ = time.Parse(time.RFC3339, c.member("life"))
	switch event := c.member("event"); event {
	case guardStopped, evidenceExported:
		c.why = event
	case "usage":
	default:
		c.why = ""
	}
}

// member is a text of the line, which is quoted itself; it has no quotes.
func (c *counts) member(name string) string {
	_, text, _ := bytes.Cut(c.row, []byte(`\"`+name+`\":\"`))
	text, _, _ = bytes.Cut(text, []byte(`\"`))
	return string(text)
}

// until tells whether all is in that was counted until to, the end of the export.
func (c *counts) until(to time.Time) bool {
	return c.stopped() || c.why == evidenceExported && !to.After(c.last)
}

// stopped tells whether the last line is that of a guard that stops: it writes nothing
// more, though it goes on answering while it drains.
func (c *counts) stopped() bool { return c.why == guardStopped }
