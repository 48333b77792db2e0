package devissuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A got is what a client of the issuer saw.
type got struct {
	status int
	header http.Header
	body   string
	err    error
}

// get fetches once within two seconds, and reads at most a megabyte.
func get(t *testing.T, rt http.RoundTripper, url string, header ...string) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return got{resp.StatusCode, resp.Header, string(body), err}
}

func kids(t *testing.T, body string) []string {
	t.Helper()
	var set struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	out := []string{}
	for _, k := range set.Keys {
		out = append(out, k.Kid)
	}
	return out
}

func TestScriptedKeysAppearInTheDocument(t *testing.T) {
	i := devissuer.New("https://issuer.test/tenant")
	rt := devissuer.Transport{Handler: i}
	a, b := devissuer.SharedKey("a", "ES256"), devissuer.SharedKey("b", "ES256")
	check := func(want ...string) {
		t.Helper()
		if k := kids(t, get(t, rt, i.JWKSURI()).body); !slices.Equal(k, want) {
			t.Errorf("kids %q, want %q", k, want)
		}
	}
	check()
	i.Publish(a, b)
	check("a", "b")
	i.Withdraw("a")
	check("b")
	i.Publish(b.Renamed("c"), b)
	check("b", "c", "b")
	i.Replace(a)
	check("a")
	i.SetDocument(devissuer.JWKSPath, []byte(`{"keys":null}`))
	if g := get(t, rt, i.JWKSURI()); g.body != `{"keys":null}` {
		t.Errorf("literal document: %q", g.body)
	}
	i.SetDocument(devissuer.JWKSPath, nil)
	check("a")
	if g := get(t, rt, "https://issuer.test/jwks.json"); g.status != http.StatusNotFound {
		t.Errorf("outside the issuer's path: %d", g.status)
	}
}

func TestDiscoveryNamesIssuerAndKeys(t *testing.T) {
	i := devissuer.New("https://issuer.test")
	var doc struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	g := get(t, devissuer.Transport{Handler: i}, i.URL+devissuer.DiscoveryPath)
	if err := json.Unmarshal([]byte(g.body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Issuer != i.URL || doc.JWKS != i.JWKSURI() {
		t.Errorf("%+v", doc)
	}
}

func TestETagsAndRecords(t *testing.T) {
	i := devissuer.New("https://issuer.test")
	rt := devissuer.Transport{Handler: i}
	i.SetHeader("Cache-Control", "max-age=60")
	first := get(t, rt, i.JWKSURI())
	tag := first.header.Get("ETag")
	if tag == "" || first.header.Get("Cache-Control") != "max-age=60" {
		t.Fatalf("header: %v", first.header)
	}
	if g := get(t, rt, i.JWKSURI(), "If-None-Match", tag); g.status != http.StatusNotModified || g.body != "" {
		t.Errorf("unchanged: %+v", g)
	}
	i.Publish(devissuer.SharedKey("a", "ES256"))
	if g := get(t, rt, i.JWKSURI(), "If-None-Match", tag); g.status != http.StatusOK {
		t.Errorf("changed: %+v", g)
	}
	i.SetETags(false)
	if g := get(t, rt, i.JWKSURI(), "If-None-Match", tag); g.status != http.StatusOK || g.header.Get("ETag") != "" {
		t.Errorf("without ETags: %+v", g)
	}
	if n := i.Count(devissuer.JWKSPath); n != 4 {
		t.Errorf("%d requests counted, want 4", n)
	}
	if n := i.Count(devissuer.DiscoveryPath); n != 0 {
		t.Errorf("%d discovery requests counted", n)
	}
	if r := i.Requests(""); len(r) != 4 || r[1].Header.Get("If-None-Match") != tag {
		t.Errorf("requests: %+v", r)
	}
}

// Each fault must look the same over the wire and in-process: whoever tests
// with fake time relies on it.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault devissuer.Fault
		check func(t *testing.T, g got)
	}{
		{"status with a header", devissuer.StatusFault(429, "Retry-After", "120"), func(t *testing.T, g got) {
			if g.status != 429 || g.header.Get("Retry-After") != "120" || g.body != "" {
				t.Errorf("%+v", g)
			}
		}},
		{"age", devissuer.HeaderFault("Age", "30", "Cache-Control", "max-age=90"), func(t *testing.T, g got) {
			if g.status != 200 || g.header.Get("Age") != "30" || g.header.Get("Cache-Control") != "max-age=90" {
				t.Errorf("%+v", g)
			}
			if k := kids(t, g.body); !slices.Equal(k, []string{"a"}) {
				t.Errorf("kids: %q", k)
			}
		}},
		{"html", devissuer.HTMLFault(), func(t *testing.T, g got) {
			if g.status != 200 || g.header.Get("Content-Type") != "text/html" || !strings.Contains(g.body, "<title>") {
				t.Errorf("%+v", g)
			}
		}},
		{"redirect", devissuer.RedirectFault("http://169.254.169.254/"), func(t *testing.T, g got) {
			if g.status != 302 || g.header.Get("Location") != "http://169.254.169.254/" {
				t.Errorf("%+v", g)
			}
		}},
		{"literal body", devissuer.BodyFault(`{"error":"no"}`), func(t *testing.T, g got) {
			if g.status != 200 || g.body != `{"error":"no"}` {
				t.Errorf("%+v", g)
			}
		}},
		{"truncated", devissuer.Fault{Truncate: true}, func(t *testing.T, g got) {
			if g.status != 200 || !errors.Is(g.err, io.ErrUnexpectedEOF) || g.body == "" || json.Valid([]byte(g.body)) {
				t.Errorf("%+v", g)
			}
		}},
		{"reset", devissuer.Fault{Reset: true}, func(t *testing.T, g got) {
			if g.err == nil || errors.Is(g.err, context.DeadlineExceeded) {
				t.Errorf("%+v", g)
			}
		}},
		{"delay", devissuer.Fault{Delay: time.Hour}, func(t *testing.T, g got) {
			if !errors.Is(g.err, context.DeadlineExceeded) {
				t.Errorf("%+v", g)
			}
		}},
		{"endless", devissuer.Fault{Drip: 100 * time.Millisecond}, func(t *testing.T, g got) {
			if g.status != 200 || !errors.Is(g.err, context.DeadlineExceeded) {
				t.Errorf("%+v", g)
			}
			if n := len(g.body) - len(strings.TrimRight(g.body, " ")); n < 5 || n > 20 {
				t.Errorf("%d bytes dripped in two seconds, want about 20", n)
			}
		}},
		{"flood", devissuer.Fault{Flood: 600 << 10}, func(t *testing.T, g got) {
			if g.err != nil || len(g.body) < 600<<10 {
				t.Errorf("%d bytes, %v", len(g.body), g.err)
			}
		}},
	} {
		t.Run(c.name+"/in-process", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := devissuer.New("https://issuer.test")
				i.Publish(devissuer.SharedKey("a", "ES256"))
				i.FailNext(devissuer.JWKSPath, c.fault)
				rt := devissuer.Transport{Handler: i}
				c.check(t, get(t, rt, i.JWKSURI()))
				if g := get(t, rt, i.JWKSURI()); g.status != 200 || !slices.Equal(kids(t, g.body), []string{"a"}) {
					t.Errorf("after one fault: %+v", g)
				}
			})
		})
		t.Run(c.name+"/https", func(t *testing.T) {
			t.Parallel()
			s, rt := start(t)
			s.Publish(devissuer.SharedKey("a", "ES256"))
			s.Fail(devissuer.JWKSPath, c.fault)
			c.check(t, get(t, rt, s.JWKSURI()))
			s.Heal()
			if g := get(t, rt, s.JWKSURI()); g.status != 200 || !slices.Equal(kids(t, g.body), []string{"a"}) {
				t.Errorf("after Heal: %+v", g)
			}
		})
	}
}

func TestAnUnreadAnswerLeavesNothingRunning(t *testing.T) {
	// A bubble fails when a goroutine of it cannot end.
	synctest.Test(t, func(t *testing.T) {
		i := devissuer.New("https://issuer.test")
		i.Fail(devissuer.JWKSPath, devissuer.Fault{Flood: 1 << 30, Drip: time.Second})
		req, _ := http.NewRequest("GET", i.JWKSURI(), nil)
		resp, err := devissuer.Transport{Handler: i}.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
}

func TestResetLooksLikeOne(t *testing.T) {
	i := devissuer.New("https://issuer.test")
	i.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true})
	g := get(t, devissuer.Transport{Handler: i}, i.JWKSURI())
	if !errors.Is(g.err, syscall.ECONNRESET) {
		t.Errorf("%v", g.err)
	}
}
