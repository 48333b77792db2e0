package verify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxQuoted is how much of a value from a token an operator gets to see: enough to
// recognise it, too little to flood a terminal.
const maxQuoted = 120

// quote makes text of a token printable. Nothing in it can move a terminal's
// cursor or begin a line.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return strconv.QuoteToASCII(s)
}

func quoteAll(all []string) string {
	const shown = 8
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range all {
		if i == shown {
			fmt.Fprintf(&b, " and %d more", len(all)-shown)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(quote(s))
	}
	b.WriteByte(']')
	return b.String()
}

// when writes a NumericDate for people.
func when(n int64) string { return time.Unix(n, 0).UTC().Format(time.RFC3339) }

// ago writes a number of seconds for people.
func ago(n int64) string {
	const most = int64(1<<63-1) / int64(time.Second)
	return (time.Duration(min(n, most)) * time.Second).String()
}
