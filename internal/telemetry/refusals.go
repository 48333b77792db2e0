package telemetry

import "github.com/jwtguard/jwtguard/pkg/verify"

// Refusals counts the requests that were refused since the start, by reason. What a
// policy in shadow mode would have refused is not among them.
func (t *Telemetry) Refusals() map[verify.Reason]uint64 {
	sums := map[verify.Reason]uint64{}
	for _, v := range t.metrics.counts.policies.all() {
		v.at(verify.Deny).each(func(r verify.Reason, n uint64) { sums[r] += n })
	}
	return sums
}
