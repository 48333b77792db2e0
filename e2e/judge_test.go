package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// judged counts the requests of judge, so that each has a path of its own.
var judged atomic.Int64

// judge sends a token and gives Envoy's access log line about it, whatever else
// passes through Envoy meanwhile.
func (w *world) judge(token string) harness.Access {
	w.t.Helper()
	ctx := harnesstest.Step(w.t)
	target := fmt.Sprintf("/judged/%d", judged.Add(1))
	from := w.envoy.Stdout.Len()
	if _, err := (harness.Request{Target: target}).Bearer(token).HTTP1(ctx, w.envoy.Address); err != nil {
		w.t.Fatal(err)
	}
	line, _, err := w.envoy.Stdout.Next(ctx, from, func(l string) bool { return strings.Contains(l, `"`+target+`"`) })
	if err != nil {
		w.t.Fatal(err)
	}
	a := harness.Access{Line: line}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		w.t.Fatalf("%v: %s", err, line)
	}
	return a
}

// expect wants a token to be judged so.
func (w *world) expect(what, token string, status int, reason, state string) {
	w.t.Helper()
	a := w.judge(token)
	if a.Status != status || value(a.Reason) != reason || value(a.KeyState) != state {
		w.t.Fatalf("%s: want %d %s %s: %s", what, status, reason, state, a.Line)
	}
}

// await waits until a token is judged so.
func (w *world) await(what, token string, status int, reason string) {
	w.t.Helper()
	var a harness.Access
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if a = w.judge(token); a.Status == status && value(a.Reason) == reason {
			return
		}
	}
	w.t.Fatalf("%s: want %d %s: %s", what, status, reason, a.Line)
}

// of is a good token of a key.
func (w *world) of(k *devissuer.Key) string { return k.Token(w.claims(nil)) }
