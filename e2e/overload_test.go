package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// envoyWaits is Envoy's default deadline for a check. A good token is answered
// within it, whoever floods the guard.
const envoyWaits = 200 * time.Millisecond

// OVERLOAD_SECONDS=10 makes each flood that long and holds the 95th percentile to
// the deadline, on a machine that does nothing else; the short form holds the median.
const overloadSeconds = "OVERLOAD_SECONDS"

// floods are what the guard is put through. Each is another process, of one
// processor.
var floods = []struct {
	name  string
	flags string // of e2e/flood
	envoy bool   // through Envoy; else where Envoy is
}{
	{name: "nobody else"},
	{"bad signatures", "-kind checks -connections 4 -tokens forged", false},
	{"unknown kids", "-kind checks -connections 4 -tokens unknown", false},
	{"forged, of a retired key", "-kind checks -connections 4 -tokens retired", false},
	{"bad signatures, 10,000/s", "-kind checks -connections 4 -rate 10000 -tokens forged", false},
	{"120 KiB of metadata", "-kind large-headers -connections 4 -tokens forged", false},
	{"15 MiB of body", "-kind large-bodies -connections 4", false},
	{"headers that never end", "-kind continuation -connections 4", false},
	{"headers a byte a time", "-kind slow-headers -connections 200 -rate 2000", false},
	{"checks that are begun", "-kind slow-streams -connections 50 -streams 4096", false},
	{"bodies without an end", "-kind slow-bodies -connections 2 -streams 4096", false},
	{"connections that say nothing", "-kind half-open -connections 2000", false},
	{"idle connections", "-kind idle -connections 2000", false},
	{"a connection for each check", "-kind churn -connections 50 -tokens forged", false},
	{"resets", "-kind resets -connections 4 -tokens forged", false},
	{"pings", "-kind pings -connections 4", false},
	{"settings", "-kind settings -connections 4", false},
	{"empty data", "-kind empty-data -connections 4", false},
	{"answers without a window", "-kind no-window -connections 100 -streams 4096", false},
	{"answers that nobody reads", "-kind unread -connections 100", false},
	{"through Envoy: nobody else", "", true},
	{"through Envoy: bad signatures", "-envoy -kind checks -connections 4 -streams 25 -tokens forged", true},
	{"the same, 2,000/s", "-envoy -kind checks -connections 4 -streams 25 -rate 2000 -tokens forged", true},
	{"through Envoy: unknown kids", "-envoy -kind checks -connections 4 -streams 25 -tokens unknown", true},
	{"through Envoy: 50 KiB tokens", "-envoy -kind checks -connections 4 -streams 25 -tokens large", true},
	{"through Envoy: resets", "-envoy -kind resets -connections 4 -tokens forged", true},
}

func TestGoodTokensAreAnsweredUnderAnyFlood(t *testing.T) {
	retired := devissuer.SharedKey("retired-2025", "ES256")
	w := newWorld(t, setup{keys: "retired:\n  - { kid: retired-2025, thumbprint: " + retired.Thumbprint() + " }"})
	w.issuer.Publish(retired)
	s := newSiege(t, w, retired)
	fmt.Fprintln(t.Output(), headline)
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) { s.bears(t, f.name, strings.Fields(f.flags), f.envoy) })
	}
}

// forgeries are files of tokens, by name.
func (w *world) forgeries(t testing.TB, retired *devissuer.Key) string {
	t.Helper()
	dir := harnesstest.TempDir(t)
	stranger := devissuer.SharedKey("stranger", "ES256")
	for name, token := range map[string]func(i int) string{
		"forged":  func(i int) string { return stranger.Renamed(w.key.KID).Token(w.claims(devissuer.Claims{"n": i})) },
		"retired": func(i int) string { return stranger.Renamed(retired.KID).Token(w.claims(devissuer.Claims{"n": i})) },
		"unknown": func(i int) string { return stranger.Renamed(fmt.Sprint("unknown-", i)).Token(w.claims(nil)) },
		"large": func(i int) string {
			return stranger.Token(w.claims(devissuer.Claims{"n": i, "x": strings.Repeat("x", 37<<10)}))
		},
	} {
		var text strings.Builder
		for i := range 500 {
			text.WriteString(token(i) + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
