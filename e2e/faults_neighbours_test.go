package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// hotEnvoy is an Envoy that another one may take over from.
type hotEnvoy struct {
	config string
	base   uint32
	old    *harness.Envoy
}

// restartableEnvoy replaces Envoy by one that has a port of its own, at which it can
// be found again, and that can be restarted hot.
func restartableEnvoy(p *patient) {
	text, err := os.ReadFile(filepath.Join(p.dir, "envoy.yaml"))
	p.must(err)
	admin, rest, found := strings.Cut(string(text), "\n  listeners:")
	_, port, err := net.SplitHostPort(freePort(p.t))
	p.must(err)
	if !found || !strings.Contains(rest, "port_value: 0 ") {
		p.t.Fatal("the shipped configuration has another form")
	}
	p.hot.config = admin + "\n  listeners:" + strings.Replace(rest, "port_value: 0 ", "port_value: "+port+" ", 1)
	p.hot.base = 1000 + rand.Uint32N(100_000_000) // all Envoys of a machine share the names that come of it
	p.must(p.envoy.Stop())
	p.startHotEnvoy(0)
	p.t.Cleanup(func() {
		p.envoy.Stop()
		// Envoy leaves it, for an epoch that might come; elsewhere there is none.
		_ = os.Remove(fmt.Sprintf("/dev/shm/envoy_shared_memory_%d", p.hot.base*10))
	})
}

func (p *patient) startHotEnvoy(epoch int) {
	p.t.Helper()
	e, err := harness.StartHotEnvoy(harnesstest.Step(p.t), harnesstest.EnvoyBinary(p.t), p.dir, p.hot.config, p.hot.base, epoch)
	p.must(err)
	p.envoy = e
	p.moved()
}

// brokenNeighbours are what happens to Envoy, and what operators and their tools do.
var brokenNeighbours = []fault{
	{
		name:  "Envoy killed, and started again",
		begin: func(p *patient) { p.must(p.envoy.Kill()) },
		end:   func(p *patient) { p.startHotEnvoy(0) },
		users: []int{noAnswer, 200}, settled: noAnswer, ready: "200",
		told: []sign{present, {"Envoy's `/ready` does not answer", func(p *patient) bool {
			ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
			defer cancel()
			_, err := p.envoy.AdminGet(ctx, "/ready")
			return err != nil
		}}},
		well: []sign{present},
	},
	{
		name: "Envoy restarted hot",
		begin: func(p *patient) {
			p.hot.old = p.envoy
			p.startHotEnvoy(1)
		},
		end:   func(*patient) {},
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: []sign{{"the old Envoy ends", func(p *patient) bool {
			select {
			case <-p.hot.old.Done():
				return true
			default:
				return false
			}
		}}},
		well: []sign{present},
	},
	{
		name:  "configuration: garbage",
		begin: func(p *patient) { p.write("\x00 - {{{") },
		end:   func(p *patient) { p.write(p.config) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: badReload, well: []sign{logs("config_reloaded")},
	},
	{
		name:  "configuration: permits `alg` none",
		begin: func(p *patient) { p.write(strings.Replace(p.config, "algorithms: [", "algorithms: [none, ", 1)) },
		end:   func(p *patient) { p.write(p.config) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: badReload, well: []sign{logs("config_reloaded")},
	},
	{
		name:  "configuration: gone",
		begin: func(p *patient) { p.must(os.Remove(p.configFile())) },
		end:   func(p *patient) { p.write(p.config) },
		users: []int{200}, settled: 200, reason: "ok", ready: "200",
		told: badReload, well: []sign{logs("config_reloaded")},
	},
	hangingScrapers,
}

var badReload = []sign{logs("config_reload_failed"), rises(`jwtguard_config_reloads_total{result="error"}`)}

func (p *patient) configFile() string { return filepath.Join(p.guardDir, "jwtguard.yaml") }

// write replaces the configuration file in one step.
func (p *patient) write(config string) {
	p.t.Helper()
	p.must(os.WriteFile(p.configFile()+".new", []byte(config), 0o644))
	p.must(os.Rename(p.configFile()+".new", p.configFile()))
}

const (
	// scrapers is more than the guard holds connections for.
	scrapers = 200
	// unread is how many answers each asks for, so that they do not fit into the
	// kernel's buffers.
	unread = 100
)

// hangingScrapers ask for metrics and never read them.
var hangingScrapers = fault{
	name: "200 metrics scrapers that hang",
	begin: func(p *patient) {
		before, err := p.guard.Descriptors()
		if err != nil {
			p.t.Skipf("the guard's descriptors are not to be seen: %v", err)
		}
		p.limit = uint64(before)
		for range scrapers {
			conn, err := net.DialTimeout("tcp", p.metrics, time.Second)
			p.must(err)
			p.hanging = append(p.hanging, func() { conn.Close() })
			p.must(conn.(*net.TCPConn).SetReadBuffer(1))
			p.must(conn.SetDeadline(time.Now().Add(limit)))
			// That the guard cuts the connection is what is hoped for.
			_, _ = io.WriteString(conn, strings.Repeat(fmt.Sprintf("GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", p.metrics), unread))
		}
	},
	end: func(p *patient) {
		for _, hang := range p.hanging {
			hang()
		}
	},
	users: []int{200}, settled: 200, reason: "ok", ready: "200",
	told: []sign{present, {"the guard holds 64 of them", func(p *patient) bool {
		n, err := p.guard.Descriptors()
		return err == nil && n > int(p.limit)+30 && n < int(p.limit)+80
	}}},
	well: []sign{present, {"", func(p *patient) bool {
		n, err := p.guard.Descriptors()
		return err == nil && n < int(p.limit)+20
	}}},
}
