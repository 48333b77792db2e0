package ledger

import (
	"fmt"
	"time"
)

// ReadPeriod reads the two ends of a period as people write them: a time (RFC
// 3339), or a date, of which the end takes the whole day, in UTC. An empty text is
// the zero time. An error begins with the word from or to.
func ReadPeriod(from, to string) (first, last time.Time, err error) {
	if first, err = readMoment(from, false); err != nil {
		return first, last, fmt.Errorf("from %w", err)
	}
	if last, err = readMoment(to, true); err != nil {
		return first, last, fmt.Errorf("to %w", err)
	}
	if !last.IsZero() && last.Before(first) {
		return first, last, fmt.Errorf("to %+q: it is before the beginning of the period, %s", to, from)
	}
	return first, last, nil
}

func readMoment(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%+q: write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01", text)
	}
	if end {
		t = t.AddDate(0, 0, 1).Add(-time.Nanosecond)
	}
	return t, nil
}
