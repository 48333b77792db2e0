package config

import (
	"regexp"
	"time"
)

// zeroUnits are the units that a duration's own notation adds without need.
var zeroUnits = regexp.MustCompile(`([hm])0[ms](0s)?$`)

// Span writes a duration as a person does: 1h5m35s, 5m, 4h, 250ms. It can be
// read back as it is.
func Span(d time.Duration) string {
	return zeroUnits.ReplaceAllString(d.String(), "$1")
}
