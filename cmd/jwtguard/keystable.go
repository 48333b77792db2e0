package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/jwtguard/jwtguard/internal/admin"
)

// urgency is the order of the states in the table: first what changes soon.
var urgency = map[string]int{"grace": 0, "pending": 1, "active": 2, "revoked": 3, "retired": 4}

// sortKeys puts the keys of each issuer in the order of urgency.
func sortKeys(keys []admin.Key) {
	until := func(key admin.Key) int64 {
		if key.State != "grace" || key.RetiresAt == nil {
			return 0
		}
		return key.RetiresAt.Unix()
	}
	slices.SortStableFunc(keys, func(a, b admin.Key) int {
		return cmp.Or(
			cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(urgency[a.State], urgency[b.State]),
			cmp.Compare(until(a), until(b)), cmp.Compare(a.Kid, b.Kid), cmp.Compare(a.Thumbprint, b.Thumbprint))
	})
}

const (
	// tableWidth is that of a wide terminal.
	tableWidth     = 132
	longThumbprint = 43 // all of it
	// shortThumbprint is how much of one tells keys apart by sight.
	shortThumbprint = 10
)

// rows are the keys under a headline. Times are relative: whoever reads them asks
// how long ago, and keys show has them exactly.
func rows(keys []admin.Key, now time.Time, thumbprint int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ISSUER\tKID\tSTATE\tSINCE\tUNTIL\tLAST USED\tLATEST EXPIRY\tALLOWED\tDENIED\tTHUMBPRINT")
	for _, key := range keys {
		t := thumbprintText(key.Thumbprint)
		if len(t) > thumbprint {
			t = t[:thumbprint] + "…"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			name(key.Issuer), name(key.Kid), key.State, agoOf(key.Since, now), until(key, now),
			agoOf(key.LastUsed, now), agoOf(key.LatestTokenExpiry, now), key.Allowed, key.Denied, t)
	}
	w.Flush() // into memory: it cannot fail
	return b.String()
}

func tooWide(text string) bool {
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(line)-1 > tableWidth {
			return true
		}
	}
	return false
}

func agoOf(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return ago(*t, now)
}

// until is when the key leaves its state.
func until(key admin.Key, now time.Time) string {
	switch {
	case key.State == "revoked", key.State == "retired" && key.Final:
		return "for ever"
	case key.State == "retired" || key.RetiresAt == nil:
		return "-"
	}
	return deadline(*key.RetiresAt, now)
}
