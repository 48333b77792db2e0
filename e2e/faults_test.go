package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A ward is one mesh with its guard and its issuer, which suffers one fault after the
// other: that it is well again before the next one is half of what is tested.
type ward struct {
	name    string
	setup   setup
	prepare func(*patient) // what the faults need besides; may be nil
	faults  []fault
}

// wards share nothing but the machine.
var wards = []ward{
	{"keys, unreachable", setup{jwks: "timeout: 1s"}, nil, unreachableKeys},
	{"keys, wrong", setup{jwks: "timeout: 1s"}, nil, wrongKeys},
	{"keys, aging", setup{jwks: "timeout: 1s\nmax_stale: 5s"}, nil, agingKeys},
	{"the way to the keys", setup{jwks: "timeout: 2s"}, resolveNames, lostWays},
	{"disk and process", setup{}, nil, brokenProcesses},
	{"Envoy and operators", setup{}, restartableEnvoy, brokenNeighbours},
	{"clock and telemetry", setup{}, pushTelemetry, wrongClocks},
}

// Each of these befalls a guard one night. None lets a token pass that was refused
// before, the operator is told, and once the cause is gone, all is well without
// anybody's help.
func TestFaults(t *testing.T) {
	var table faultTable
	var all sync.WaitGroup
	for _, w := range wards {
		// Not by t.Parallel, which runs as many at once as there are processors: what
		// these do is wait.
		all.Go(func() { t.Run(w.name, func(t *testing.T) { w.run(t, &table) }) })
	}
	all.Wait()
	t.Logf("faults through Envoy, of %d:\n%s", table.len(), table.String())
}

func (w ward) run(t *testing.T, table *faultTable) {
	s := w.setup
	var d disk
	if w.name == "disk and process" {
		d = anyDisk(t)
		s.state = d.state
	} else {
		s.state = newState(t)
	}
	p := admit(t, s)
	p.disk = d
	if w.prepare != nil {
		w.prepare(p)
	}
	p.watch()
	defer p.neverPassed(t)
	for _, f := range w.faults {
		ok := t.Run(f.name, func(t *testing.T) {
			p.t = t
			table.add(p.suffer(f))
		})
		p.t, p.wellSince = t, time.Now()
		if !ok {
			t.Fatalf("those after %q would not begin well", f.name)
		}
	}
}

// admit starts a world with keys out of service, all of which the issuer still lists.
func admit(t *testing.T, s setup) *patient {
	t.Helper()
	p := &patient{
		world:    newWorld(t, s),
		retired:  devissuer.SharedKey("retired-2025", "ES256"),
		revoked:  devissuer.SharedKey("revoked-2025", "ES256"),
		stranger: devissuer.SharedKey("stranger", "ES256"),
	}
	p.iss = p.issuer.URL
	p.moved()
	p.listed = []*devissuer.Key{p.key, p.retired, p.revoked}
	p.issuer.Replace(p.listed...)
	p.refresh()
	p.order("retire", "--grace", "0s", "--force", "corp", p.retired.KID)
	p.order("revoke", "corp", p.revoked.KID)
	return p
}
