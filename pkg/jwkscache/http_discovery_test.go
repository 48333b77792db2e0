package jwkscache

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// idp answers in memory: bodies by URL, all with the same ETag, and 404 for the rest.
type idp struct {
	bodies map[string]string
	asked  []string
}

func (i *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	i.asked = append(i.asked, r.URL.String())
	body, known := i.bodies[r.URL.String()]
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`"1"`}}, Body: io.NopCloser(strings.NewReader(body))}
	switch {
	case !known:
		resp.StatusCode = 404
	case r.Header.Get("If-None-Match") == resp.Header.Get("ETag"):
		resp.StatusCode = 304
	}
	return resp, nil
}

func metadata(issuer, uri string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"https://x.example","jwks_uri":%q}`, issuer, uri)
}

const (
	wellKnown = "https://idp.example/.well-known/openid-configuration"
	oldKeys   = "https://idp.example/old/keys"
	newKeys   = "https://keys.example/new"
)

func TestDiscoveryIsRepeatedHourlyAndAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{bodies: map[string]string{wellKnown: metadata("https://idp.example", oldKeys), oldKeys: keySet}}
		f := mustFetcher(t, Source{Discovery: "https://idp.example", Transport: i})
		step := func(story string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, i.asked); diff != "" {
				t.Errorf("%s:\n%s", story, diff)
			}
			i.asked = nil
		}

		fetchOK(t, f, false)
		step("first", wellKnown, oldKeys)
		time.Sleep(time.Hour - time.Second)
		if a := fetchOK(t, f, false); !a.NotModified {
			t.Error("not asked with the validator")
		}
		step("within the hour", oldKeys)
		time.Sleep(time.Second)
		if a := fetchOK(t, f, false); !a.NotModified {
			t.Error("the same address, but not asked with the validator")
		}
		step("after an hour", wellKnown, oldKeys)

		i.bodies = map[string]string{wellKnown: metadata("https://idp.example", newKeys), newKeys: keySet}
		if e := fetchFails(t, f); e.Status != 404 || !strings.HasPrefix(e.Error(), oldKeys) {
			t.Error(e)
		}
		step("moved", oldKeys)
		if a := fetchOK(t, f, false); a.NotModified {
			t.Error("a validator of another address was used")
		}
		step("found again", wellKnown, newKeys)

		i.bodies[newKeys] = "<html>"
		if _, err := f.fetch(t.Context(), true); err != nil { // and not accepted
			t.Fatal(err)
		}
		step("a page instead of keys", newKeys)
		if _, err := f.fetch(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		step("found again, since that was no key set", wellKnown, newKeys)
	})
}

func TestFailedDiscoveryUsesNoOldAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &idp{bodies: map[string]string{wellKnown: metadata("https://idp.example", oldKeys), oldKeys: keySet}}
		f := mustFetcher(t, Source{Discovery: "https://idp.example", Transport: i})
		fetchOK(t, f, false)
		time.Sleep(time.Hour)
		delete(i.bodies, wellKnown)
		for range 2 {
			if e := fetchFails(t, f); e.Status != 404 || !strings.HasPrefix(e.Error(), wellKnown) {
				t.Error(e)
			}
		}
		if n := len(i.asked); n != 4 {
			t.Errorf("asked %v", i.asked)
		}
	})
}

// OpenID Connect Discovery 1.0, section 4: where the metadata is.
func TestWhereMetadataIs(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://idp.example":           wellKnown,
		"https://idp.example/":          wellKnown, // the slash still counts when issuers are compared
		"https://idp.example/realms/a":  "https://idp.example/realms/a/.well-known/openid-configuration",
		"https://idp.example/realms/a/": "https://idp.example/realms/a/.well-known/openid-configuration",
		"https://idp.example/a%2Fb":     "https://idp.example/a%2Fb/.well-known/openid-configuration",
		"https://idp.example:8443":      "https://idp.example:8443/.well-known/openid-configuration",
	} {
		i := &idp{bodies: map[string]string{want: metadata(issuer, oldKeys), oldKeys: keySet}}
		fetchOK(t, mustFetcher(t, Source{Discovery: issuer, Transport: i}), false)
		if i.asked[0] != want {
			t.Errorf("%s: asked %s", issuer, i.asked[0])
		}
	}
}

func TestMetadataThatIsNotBelieved(t *testing.T) {
	tests := []struct {
		name, issuer, body, says string
		insecure                 bool
	}{
		{"another issuer", "https://idp.example", metadata("https://evil.example", oldKeys),
			`it is the metadata of issuer "https://evil.example", not of "https://idp.example"`, false},
		{"a slash more", "https://idp.example", metadata("https://idp.example/", oldKeys), "they must be equal, a slash at the end included", false},
		{"a slash less", "https://idp.example/", metadata("https://idp.example", oldKeys), "they must be equal", false},
		{"no issuer", "https://idp.example", `{"jwks_uri":"https://idp.example/k"}`, `issuer ""`, false},
		{"issuer twice", "https://idp.example", `{"issuer":"https://evil.example","issuer":"https://idp.example","jwks_uri":"https://idp.example/k"}`, "duplicate", false},
		{"other case", "https://idp.example", `{"Issuer":"https://idp.example","jwks_uri":"https://idp.example/k"}`, `issuer ""`, false},
		{"issuer is a number", "https://idp.example", `{"issuer":1}`, "not the metadata of an OpenID provider", false},
		{"an array", "https://idp.example", `[]`, "not the metadata", false},
		{"null", "https://idp.example", `null`, `issuer ""`, false},
		{"trailing data", "https://idp.example", metadata("https://idp.example", oldKeys) + "{}", "not the metadata", false},
		{"a web page", "https://idp.example", "<html>sign in", "looks like a web page", false},
		{"empty", "https://idp.example", "", "not the metadata", false},
		{"too big", "https://idp.example", strings.Repeat(" ", maxDocument+1), "more than 524288 bytes", false},
		{"no jwks_uri", "https://idp.example", `{"issuer":"https://idp.example"}`, "its jwks_uri must be an https URL", false},
		{"jwks_uri with a password", "https://idp.example", metadata("https://idp.example", "https://user:secret@idp.example/k"), "its jwks_uri must not hold a user name or password", false},
		{"plain http", "https://idp.example", metadata("https://idp.example", "http://idp.example/k"), "its jwks_uri must be https", false},
		{"plain http to this machine", "https://idp.example", metadata("https://idp.example", "http://localhost:15000/k"), "its jwks_uri must be https, as the issuer is", false},
		{"metadata address", "https://idp.example", metadata("https://idp.example", "http://169.254.169.254/latest"), "its jwks_uri address 169.254.169.254 is refused", true},
		{"file", "https://idp.example", metadata("https://idp.example", "file:///etc/passwd"), "its jwks_uri must be an https URL", true},
		{"line feeds", "https://idp.example", metadata("https://idp.example\nlevel=info msg=fine", oldKeys), "issuer \"https://idp.example?level=info", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := &idp{bodies: map[string]string{wellKnown: tt.body, oldKeys: keySet}}
			f := mustFetcher(t, Source{Discovery: tt.issuer, Transport: i, AllowInsecureHTTP: tt.insecure})
			e := fetchFails(t, f)
			t.Log(e)
			if e.Result != ResultMalformed && e.Result != ResultTooLarge || !strings.Contains(e.Error(), tt.says) || !strings.HasPrefix(e.Error(), wellKnown) {
				t.Errorf("%s: %v, want %q", e.Result, e, tt.says)
			}
			if len(i.asked) != 1 {
				t.Errorf("asked %v", i.asked)
			}
			if strings.Contains(e.Error(), "secret") {
				t.Error("it repeats a password")
			}
		})
	}
}

func TestInsecureDiscoveryIsAChoice(t *testing.T) {
	issuer, keys := "http://idp.example", "http://idp.example/keys"
	i := &idp{bodies: map[string]string{issuer + "/.well-known/openid-configuration": metadata(issuer, keys), keys: keySet}}
	fetchOK(t, mustFetcher(t, Source{Discovery: issuer, Transport: i, AllowInsecureHTTP: true}), false)
}
