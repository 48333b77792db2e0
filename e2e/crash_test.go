package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// kills is how often the guard is killed.
const kills = 50

// Whatever is acknowledged outlasts a kill at any moment.
func TestNoAcknowledgedOrderIsLostByAKill(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CRASH_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("CRASH_SEED=%d repeats the choices, though not the moments", seed)
	state := newState(t)
	o := &ordeal{
		world:  newWorld(t, setup{state: state}),
		random: rand.New(rand.NewPCG(seed, 0)), out: map[string]*subject{},
	}
	anchor := harness.Request{}.Bearer(o.token(nil))
	client := harness.NewHTTP1()
	defer client.CloseIdleConnections()
	requests, cancel := context.WithCancel(t.Context())
	defer cancel()
	load := harness.StartLoad(requests, 50, func(ctx context.Context) error {
		// Between two lives, Envoy asks again until it gives up: that is no pass.
		_, _ = anchor.Over(ctx, client, o.envoy.Address)
		return o.tryRefused(ctx, client)
	})
	for range kills {
		o.live()
		ledgerText(t, state)
		o.startGuard()
		o.compare()
	}
	_, _, failures := load.Stop()
	for _, f := range failures {
		t.Error(f)
	}

	// At last, the issuer lists all that may be read, and it shows in the verdicts.
	last := o.keys[max(0, len(o.keys)-mostListed):]
	o.issuer.Replace(o.key)
	for _, k := range last {
		o.issuer.Publish(k.Key)
	}
	o.refresh()
	o.compare()
	good := 0
	for _, k := range last {
		a := o.judge(k.token)
		pass := a.Status == http.StatusOK
		if pass != (k.is == inService) {
			t.Errorf("%s is %s: %s", k.KID, k.is, a.Line)
		}
		if pass {
			good++
		}
	}
	t.Logf("%d acknowledged orders about %d keys; of the last %d, %d are in service", o.acked, len(o.keys), len(last), good)
	if o.acked < kills || good == 0 || good == len(last) {
		t.Error("that is no ordeal")
	}
	if err := o.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	if text := ledgerText(t, state); !strings.HasSuffix(text, "\"}\n") {
		t.Error("the ledger of a guard that stopped by itself has a torn line")
	}
}
