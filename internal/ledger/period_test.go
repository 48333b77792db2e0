package ledger

import (
	"testing"
	"time"
)

// A date as an end includes that day; what cannot be read is named.
func TestPeriods(t *testing.T) {
	for _, c := range []struct{ from, to, first, last, wrong string }{
		{first: "0001-01-01T00:00:00Z", last: "0001-01-01T00:00:00Z"},
		{from: "2026-11-01", to: "2026-11-30", first: "2026-11-01T00:00:00Z", last: "2026-11-30T23:59:59.999999999Z"},
		{from: "2026-11-01", to: "2026-11-01", first: "2026-11-01T00:00:00Z", last: "2026-11-01T23:59:59.999999999Z"},
		{from: "2026-11-01T12:00:00.5Z", to: "2026-11-01T16:00:00+02:00", first: "2026-11-01T12:00:00.5Z", last: "2026-11-01T14:00:00Z"},
		{to: "2026-11-01T12:00:00Z", first: "0001-01-01T00:00:00Z", last: "2026-11-01T12:00:00Z"},
		{from: "yesterday", wrong: `from "yesterday": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`},
		{to: "2026-13-01", wrong: `to "2026-13-01": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`},
		{to: "2026-11-01T12:00:00", wrong: `to "2026-11-01T12:00:00": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`},
		{from: "2026-11-02", to: "2026-11-01", wrong: `to "2026-11-01": it is before the beginning of the period, 2026-11-02`},
		{from: "2026-11-01\n\x1b[31m", wrong: `from "2026-11-01\n\x1b[31m": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`},
	} {
		first, last, err := ReadPeriod(c.from, c.to)
		switch {
		case c.wrong != "" && (err == nil || err.Error() != c.wrong):
			t.Errorf("%q to %q: %v", c.from, c.to, err)
		case c.wrong == "" && (err != nil || first.Format(time.RFC3339Nano) != c.first || last.Format(time.RFC3339Nano) != c.last):
			t.Errorf("%q to %q: %v to %v, %v", c.from, c.to, first, last, err)
		}
	}
}
