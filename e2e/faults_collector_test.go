package e2e

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// A collector takes telemetry by OTLP over HTTP, and forgets it.
type collector struct {
	address string
	server  *http.Server
	pushes  atomic.Int64
	hangs   atomic.Pointer[chan struct{}] // nil: it answers; else once this is closed
}

func (c *collector) start() error {
	l, err := net.Listen("tcp", c.address)
	if err != nil {
		return err
	}
	c.server = &http.Server{Handler: http.HandlerFunc(c.take)}
	go c.server.Serve(l) // until stop
	return nil
}

func (c *collector) stop() { c.server.Close() }

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	if until := c.hangs.Load(); until != nil {
		select {
		case <-*until:
		case <-r.Context().Done():
		}
	}
	c.pushes.Add(1)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK) // and an empty message
}

// pushTelemetry has the guard push to a collector, and often.
func pushTelemetry(p *patient) {
	p.collector = &collector{address: freePort(p.t)}
	p.must(p.collector.start())
	p.t.Cleanup(func() { p.collector.stop() })
	script, err := harness.Wrap(p.guardDir, p.binary, fmt.Sprintf(
		"export OTEL_EXPORTER_OTLP_ENDPOINT=http://%s OTEL_EXPORTER_OTLP_TIMEOUT=1000 OTEL_METRIC_EXPORT_INTERVAL=500"+
			" OTEL_METRIC_EXPORT_TIMEOUT=1000 OTEL_BSP_SCHEDULE_DELAY=200 OTEL_TRACES_SAMPLER=always_on", p.collector.address))
	p.must(err)
	p.restartAs(script)
	p.until("telemetry arrives", func() bool { return p.collector.pushes.Load() > 3 })
}
