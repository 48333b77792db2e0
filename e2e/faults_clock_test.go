package e2e

import (
	"errors"
	"time"
)

const day = 24 * time.Hour

// stepped is a step of the guard's wall clock, and of nobody else's. Times in tokens
// are the wall clock's: a good one is refused for as long as that is wrong.
func stepped(name string, by time.Duration, reason string) fault {
	return fault{
		name: name,
		begin: func(p *patient) {
			err := p.guard.StepWall(by)
			if errors.Is(err, errors.ErrUnsupported) {
				p.t.Skip(err)
			}
			p.must(err)
		},
		end:   func(p *patient) { p.must(p.guard.StepWall(0)) },
		users: []int{200, 401, 503}, settled: 401, reason: reason, ready: "200",
		told: []sign{logs("anomaly", `"anomaly":"clock_step"`), drift(func(v float64) bool { return v/by.Seconds() > 0.9 })},
		well: []sign{logs("anomaly", `"anomaly":"clock_step"`), {"", drift(func(v float64) bool { return v < 5 && v > -5 }).seen}},
	}
}

func drift(holds func(float64) bool) sign {
	return metered("`jwtguard_clock_drift_seconds`", "jwtguard_clock_drift_seconds", holds)
}

// metricsSignal is in the log's lines about metrics: traces fail and work on their own.
const metricsSignal = `"signal":"metrics"`

// wrongClocks are steps of the clock, and collectors that do not take telemetry.
var wrongClocks = []fault{
	stepped("wall clock a day ahead", day, "token_expired"),
	stepped("wall clock a day back", -day, "token_not_yet_valid"),
	{
		name:  "telemetry backend gone",
		begin: func(p *patient) { p.collector.stop() },
		end:   func(p *patient) { p.must(p.collector.start()) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: []sign{logs("otlp_push_failed", metricsSignal), present}, well: []sign{logs("otlp_push_works", metricsSignal)},
	},
	{
		name:  "telemetry backend hangs",
		begin: func(p *patient) { p.collector.hangs.Store(new(make(chan struct{}))) },
		end:   func(p *patient) { close(*p.collector.hangs.Swap(nil)) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: []sign{logs("otlp_push_failed", metricsSignal), present}, well: []sign{logs("otlp_push_works", metricsSignal)},
	},
}
