package ledger

import (
	"testing"
	"time"
)

// An export says by its lines how far its counts reach.
func TestCountsThatAnExportMayLack(t *testing.T) {
	type line struct {
		minute int
		event  string
	}
	at := func(minute int) time.Time { return time.Date(2026, 11, 1, 0, minute, 0, 5e8, time.UTC) }
	for name, c := range map[string]struct {
		lines []line
		to    time.Time
		all   bool
	}{
		"asked of a running guard":    {[]line{{1, "observed"}, {2, "evidence_exported"}}, at(2), true},
		"with the counts after it":    {[]line{{2, "evidence_exported"}, {2, "usage"}, {2, "usage"}}, at(2), true},
		"something came after it":     {[]line{{2, "evidence_exported"}, {3, "observed"}}, at(3), false},
		"the period goes on after it": {[]line{{2, "evidence_exported"}}, at(3), false},
		"of a guard that has stopped": {[]line{{2, "usage"}, {3, "guard_stopped"}}, at(59), true},
		"it was started again":        {[]line{{3, "guard_stopped"}, {4, "guard_started"}}, at(4), false},
		"counts that were due":        {[]line{{3, "observed"}, {5, "usage"}}, at(5), false},
		"another event":               {[]line{{3, "admin_refused"}}, at(3), false},
		"no lines":                    {nil, at(0), false},
	} {
		var r reach
		for _, l := range c.lines {
			r.note(l.event, at(l.minute))
		}
		if got := r.until(c.to); got != c.all {
			t.Errorf("%s: %t", name, got)
		}
	}
}
