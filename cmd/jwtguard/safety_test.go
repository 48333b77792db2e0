package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// verdicts is what is said of whether a key is safe to retire.
type verdicts struct{ API, Page, CLI, Metric string }

// Whether a key is safe to retire is one calculation: API, page, command and metric
// change their minds in the same instant.
func TestSafeToRetireIsOneCalculation(t *testing.T) {
	w := newWorld(t)
	next := devissuer.SharedKey("next", "ES256")
	w.write("listen: {metrics: \"\", admin: \"unix://" + w.path("admin.sock") + "\"}\nissuers:\n" + w.fixed("", next.JWK()))
	synctest.Test(t, func(t *testing.T) {
		file := &configFile{path: w.file}
		c, err := file.load()
		w.must(err)
		g, err := newGuard(file, c, nil, slog.New(slog.DiscardHandler))
		w.must(err)
		g.since.Life = g.since.Life.Add(10 * time.Minute) // as if it had taken that long to begin
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 2)
		go func() { ended <- g.run(ctx) }()
		go func() { ended <- g.feed.Run(ctx) }()
		defer func() { stop(); <-ended; <-ended }()
		synctest.Wait()
		used, ok := g.current.Load().caches[w.issuer.URL].Set().Lookup("next")
		if !ok {
			t.Fatal("no key")
		}
		now := g.clock.Now()
		used.Allow(now.Life, now.Wall.Add(time.Hour), now.Wall)

		time.Sleep(g.since.Life.Add(time.Hour - time.Second).Sub(g.clock.Now().Life))
		if diff := cmp.Diff(verdicts{"no", "no", "no", "no"}, g.safeToRetire(t, w)); diff != "" {
			t.Errorf("a second before: %s", diff)
		}
		time.Sleep(time.Second)
		if diff := cmp.Diff(verdicts{"yes", "yes", "yes", "yes"}, g.safeToRetire(t, w)); diff != "" {
			t.Errorf("at that time: %s", diff)
		}
	})
}

// safeToRetire asks about the usual key in all ways. Time does not pass meanwhile.
func (g *guard) safeToRetire(t *testing.T, w *world) (v verdicts) {
	t.Helper()
	api, err := g.newAPI()
	w.must(err)
	l, err := net.Listen("unix", w.path("admin.sock"))
	w.must(err)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: api}}
	s.Start()
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.path("admin.sock"))
	}}}
	get := func(path string) io.ReadCloser {
		t.Helper()
		resp, err := client.Get("http://localhost" + path)
		w.must(err)
		return resp.Body
	}
	type row struct {
		Kid          string
		SafeToRetire struct{ OK bool } `json:"safe_to_retire"`
	}
	word := map[bool]string{true: "yes", false: "no"}

	body := get("/api/v1/keys/corp/" + w.key.KID)
	var one row
	w.must(json.NewDecoder(body).Decode(&one))
	body.Close()
	v.API = word[one.SafeToRetire.OK]

	body = get("/api/v1/events")
	text := ""
	for buffer := make([]byte, 4096); !strings.Contains(text, "event: refusals"); {
		n, err := body.Read(buffer)
		w.must(err)
		text += string(buffer[:n])
	}
	body.Close()
	_, rows, _ := strings.Cut(text, "event: usage\ndata: ")
	var usage struct{ Keys []row }
	w.must(json.NewDecoder(strings.NewReader(rows)).Decode(&usage))
	for _, r := range usage.Keys {
		if r.Kid == w.key.KID {
			v.Page = word[r.SafeToRetire.OK]
		}
	}

	v.CLI = strings.Trim(strings.Fields(strings.SplitN(w.keys("show", "corp", w.key.KID).stdout+"\nsafe to retire ?", "safe to retire", 2)[1])[0], ",;")

	scrape := httptest.NewRecorder()
	g.events.Handler().ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(scrape.Body.String()) {
		if strings.HasPrefix(line, "jwtguard_key_safe_to_retire{") && strings.Contains(line, `kid="`+w.key.KID+`"`) {
			v.Metric = word[strings.HasSuffix(line, " 1\n")]
		}
	}
	return v
}
