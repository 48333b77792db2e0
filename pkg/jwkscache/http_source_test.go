package jwkscache

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scripted answers each request in turn with the next of its handlers, and keeps
// the requests.
type scripted struct {
	t        *testing.T
	handlers []http.HandlerFunc
	requests []*http.Request
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests = append(s.requests, r)
	if len(s.handlers) == 0 {
		s.t.Error("asked too often")
		return
	}
	h := s.handlers[0]
	s.handlers = s.handlers[1:]
	h(w, r)
}

func script(t *testing.T, handlers ...http.HandlerFunc) (*scripted, fetcher) {
	t.Helper()
	s := &scripted{t: t, handlers: handlers}
	return s, mustFetcher(t, Source{URI: serve(t, s.ServeHTTP) + "/keys"})
}

// tagged answers with a document and its validators.
func tagged(body, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now().UTC()
		w.Header().Set("ETag", etag)
		w.Header().Set("Last-Modified", now.Add(-time.Hour).Format(http.TimeFormat))
		w.Header().Set("Date", now.Format(http.TimeFormat))
		w.Header().Set("Cache-Control", "max-age=600")
		w.Header().Set("Age", "7")
		io.WriteString(w, body)
	}
}

func unchanged(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }

func TestRequestSaysWhatItWants(t *testing.T) {
	s, f := script(t, tagged(keySet, `"1"`))
	fetchOK(t, f, false)
	r := s.requests[0]
	want := http.Header{
		"Accept":          {"application/jwk-set+json, application/json"},
		"Accept-Encoding": {"identity"},
		"User-Agent":      {"jwtguard"},
		"Connection":      {"close"},
	}
	if diff := cmp.Diff(want, r.Header); diff != "" || r.Method != "GET" || r.URL.Path != "/keys" {
		t.Errorf("%s %s\n%s", r.Method, r.URL, diff)
	}
}

func TestAnswerTellsItsAge(t *testing.T) {
	_, f := script(t, tagged(keySet, `"1"`))
	a := fetchOK(t, f, false)
	if string(a.Body) != keySet || a.NotModified || a.Age != 7*time.Second || !a.HasMaxAge || a.MaxAge != 10*time.Minute {
		t.Errorf("%+v", a)
	}
}

func TestNotModifiedDeliversTheAcceptedDocument(t *testing.T) {
	s, f := script(t, tagged(keySet, `"1"`), unchanged, unchanged)
	fetchOK(t, f, false)
	for range 2 {
		a := fetchOK(t, f, false)
		if string(a.Body) != keySet || !a.NotModified || a.Age != 0 || a.MaxAge != 10*time.Minute || !a.HasMaxAge {
			t.Errorf("%+v", a)
		}
	}
	for _, r := range s.requests[1:] {
		if r.Header.Get("If-None-Match") != `"1"` || r.Header.Get("If-Modified-Since") == "" {
			t.Errorf("%v", r.Header)
		}
	}
}

// A page that was no key set must not be confirmed by a 304 later.
func TestRejectedAnswerIsNeverTheBaseOfNotModified(t *testing.T) {
	s, f := script(t, tagged(keySet, `"1"`), tagged("<html>", `"2"`), unchanged)
	fetchOK(t, f, false)
	if _, err := f.fetch(t.Context(), false); err != nil { // and not accepted
		t.Fatal(err)
	}
	a := fetchOK(t, f, false)
	if got := s.requests[2].Header.Get("If-None-Match"); got != `"1"` {
		t.Errorf("asked with %s", got)
	}
	if string(a.Body) != keySet || !a.NotModified {
		t.Errorf("%+v", a)
	}
}

func TestFirstAnswerRejectedLeavesNothingToConfirm(t *testing.T) {
	s, f := script(t, tagged("<html>", `"1"`), unchanged)
	if _, err := f.fetch(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if e := fetchFails(t, f); e.Status != 304 {
		t.Error(e)
	}
	if got := s.requests[1].Header.Get("If-None-Match"); got != "" {
		t.Errorf("asked with %s", got)
	}
}

func TestFreshAsksPastAllCaches(t *testing.T) {
	s, f := script(t, tagged(keySet, `"1"`), unchanged, tagged(`{"keys":[1]}`, `"2"`), unchanged)
	fetchOK(t, f, false)
	if _, err := f.fetch(t.Context(), true); err == nil || !strings.Contains(err.Error(), "although the whole document was asked for") {
		t.Errorf("a 304 to a fresh request: %v", err)
	}
	fetchOK(t, f, true)
	for _, r := range s.requests[1:3] {
		h := r.Header
		if h.Get("Cache-Control") != "no-cache" || h.Get("Pragma") != "no-cache" || h.Get("If-None-Match") != "" || h.Get("If-Modified-Since") != "" {
			t.Errorf("%v", h)
		}
	}
	fetchOK(t, f, false)
	h := s.requests[3].Header
	if h.Get("Cache-Control") != "" || h.Get("If-None-Match") != `"2"` {
		t.Errorf("after it: %v", h)
	}
}

func TestFailureForgetsNothing(t *testing.T) {
	s, f := script(t, tagged(keySet, `"1"`), http.NotFound, unchanged)
	fetchOK(t, f, false)
	fetchFails(t, f)
	if a := fetchOK(t, f, false); string(a.Body) != keySet || s.requests[2].Header.Get("If-None-Match") != `"1"` {
		t.Errorf("%+v", a)
	}
}

// Run again as a process of its own, since net/http reads the environment once.
func TestProxyOfTheEnvironment(t *testing.T) {
	if os.Getenv("JWTGUARD_TEST_PROXY") != "" {
		f := mustFetcher(t, Source{URI: "https://idp.example/keys"})
		e := fetchFails(t, f)
		t.Log(e.Result, e)
		return
	}
	var asked []string
	proxy := mustURL(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	}))
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "JWTGUARD_TEST_PROXY=1", "HTTPS_PROXY=http://user:secret@"+proxy.Host)
	out, err := cmd.CombinedOutput()
	want := "network https://idp.example/keys: connecting: the proxy " + proxy.Host + " answered 403 Forbidden"
	if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "secret") {
		t.Errorf("%v\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"CONNECT idp.example:443"}, asked); diff != "" {
		t.Error(diff)
	}
}
