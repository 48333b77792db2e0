package model

import (
	"fmt"
	"strings"
	"time"
)

// told is an answer in a story.
func told(l landing) string {
	var keys []string
	for _, e := range l.doc {
		keys = append(keys, e.String())
	}
	s := "[" + strings.Join(keys, " ") + "]"
	if l.age > 0 {
		s += fmt.Sprintf(", %s old", l.age)
	}
	return s
}

func (l listing) String() string {
	s := l.key.label + "=" + l.kid
	at := func(m moment) string { return epoch.Add(m).Format(time.TimeOnly) }
	if l.notBefore != 0 {
		s += " nbf " + at(l.notBefore)
	}
	if l.expires != 0 {
		s += " exp " + at(l.expires)
	}
	if l.private {
		s += " with its private part"
	}
	if l.broken {
		s += " for encryption"
	}
	return s
}

// literal is a schedule as Go source, for [stories].
func literal(steps []step) string {
	var s strings.Builder
	s.WriteString("{\n")
	for _, e := range steps {
		fmt.Fprintf(&s, "\t{op: %q", e.op)
		for _, f := range []struct {
			name  string
			value int
		}{{"iss", e.iss}, {"key", e.key}, {"kid", e.kid}, {"n", e.n}} {
			if f.value != 0 {
				fmt.Fprintf(&s, ", %s: %d", f.name, f.value)
			}
		}
		for _, f := range []struct {
			name  string
			value time.Duration
		}{{"d", e.d}, {"e", e.e}} {
			if f.value != 0 {
				fmt.Fprintf(&s, ", %s: %d", f.name, f.value)
			}
		}
		s.WriteString("},\n")
	}
	return s.String() + "}"
}

// stories are schedules that once told guard and model apart.
var stories = map[string][]step{
	"a line whose time lies behind ends a grace that was ordered under a clock ahead": {
		{op: opPublish},
		{op: opClock, d: time.Minute},
		{op: opRetire, n: byThumb, d: time.Minute},
		{op: opFetch},
		{op: opConfig, n: 1, e: retiredLine, d: -time.Second},
	},
	"exp passes, nothing is written, and the clock steps back over a crash": {
		{op: opClock, key: 1, kid: 1, d: 7 * time.Second},
		{op: opPublish, key: 3, kid: 3, n: 2, d: 5 * time.Minute},
		{op: "deadline", key: 1, kid: 1, d: -time.Millisecond},
		{op: "deadline", key: 1, kid: 1, d: time.Millisecond},
		{op: "restart", key: 3, kid: 3, n: 1, d: time.Second, e: -30 * time.Second},
	},
	"a key that was dropped while pending gives its name back": {
		{op: opConfig, n: 4},
		{op: opPublish, key: 3, kid: 3},
		{op: opFetch},
		{op: opClear},
		{op: opPublish, key: 2, kid: 3, n: notYet, d: 5 * time.Minute},
		{op: opFetch},
		{op: opWithdraw, kid: 3},
		{op: opDeadline, d: time.Millisecond},
	},
	"a withdrawal that holds again, under a clock that has stepped meanwhile": {
		{op: opConfig, n: 2},
		{op: opPublish, key: 1, kid: 1},
		{op: opFetch},
		{op: opPublish, key: 4, kid: 1},
		{op: opFetch},
		{op: opClock, d: time.Hour},
		{op: opEdge, n: 1},
		{op: opFetch},
		{op: opFetch},
	},
	"the private part of a key is published under another issuer": {
		{op: opPublish, key: 4, kid: 1},
		{op: opPublish, key: 0, kid: 0},
		{op: opFetch},
		{op: opWithdraw, kid: 0},
		{op: opFetch},
		{op: opClock, d: 26 * time.Hour},
		{op: opFetch},
		{op: opPublish, iss: 1, key: 5, kid: 3, n: withPrivatePart},
		{op: opFetch},
		{op: opRestart, n: 1, e: -26 * time.Hour},
		{op: opFetch},
	},
	"killed as a reinstatement is written": {
		{op: opPublish, key: 2, kid: 3},
		{op: opFetch},
		{op: opRetire, key: 2, n: byThumb},
		{op: opDie, n: 2},
		{op: opRestore, key: 2, n: byThumb},
		{op: opFetch},
		{op: opToken, key: 2, kid: 3},
	},
	"a full disk, a retirement, and a guard that stops": {
		{op: opDisk, n: diskFull},
		{op: opRetire, key: 1, n: byThumb, d: time.Minute},
		{op: opRestart},
		{op: opPublish, key: 1, kid: 1},
		{op: opFetch},
		{op: opToken, key: 1, kid: 1},
	},
}
