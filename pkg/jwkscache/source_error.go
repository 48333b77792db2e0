package jwkscache

import (
	"fmt"
	"strings"
	"time"
)

// Result is how a fetch ended. The set is closed: it is a metric's label.
type Result string

// The results of a fetch.
const (
	ResultOK          Result = "ok"
	ResultNotModified Result = "not_modified"
	ResultHTTPStatus  Result = "http_status" // an answer other than 200 and 304
	ResultNetwork     Result = "network"     // no answer, or half of one; a file that cannot be read
	ResultTLS         Result = "tls"         // the server could not prove who it is
	ResultTimeout     Result = "timeout"
	ResultTooLarge    Result = "too_large"
	ResultMalformed   Result = "malformed" // a complete answer that is not what it should be
)

// Results lists every result, in the order above.
func Results() []Result {
	return []Result{
		ResultOK, ResultNotModified,
		ResultHTTPStatus, ResultNetwork, ResultTLS, ResultTimeout, ResultTooLarge, ResultMalformed,
	}
}

// FetchError says how a fetch went wrong, for the metric, for the schedule, and
// in a text for whoever reads the log at night: where, what, and what to do. The
// text is one line of ASCII and holds neither the body, nor a query, nor a
// password.
type FetchError struct {
	Result     Result
	Status     int           // of the HTTP answer; 0 if there was none
	RetryAfter time.Duration // what the server asked for, uncapped; 0 if it did not
	text       string
	err        error
}

func (e *FetchError) Error() string { return e.text }

// Unwrap gives the cause. Its own text may hold what a log must not.
func (e *FetchError) Unwrap() error { return e.err }

// Foreign bytes in a text are cut at these lengths: enough to tell the cause.
const (
	maxText  = 600
	maxPlace = 200
	maxHint  = 80
)

// failedFetch composes the error of a fetch from place. The cause may be nil;
// format says all that is to be read.
func failedFetch(r Result, place string, cause error, format string, args ...any) *FetchError {
	text := printable(place, maxPlace) + ": " + fmt.Sprintf(format, args...)
	return &FetchError{Result: r, text: printable(text, maxText), err: cause}
}

// printable gives s as ASCII without control characters, cut after max bytes:
// foreign text must not forge lines of a log, nor fill it.
func printable(s string, max int) string {
	cut := ""
	if len(s) > max {
		s, cut = s[:max], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s) + cut
}
