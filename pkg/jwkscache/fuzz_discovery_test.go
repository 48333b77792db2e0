package jwkscache

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Whatever is served as an issuer's metadata, keys are asked for where it says, by
// another reader too, over https and nowhere that is never dialled; and what is said of
// it otherwise is one line of ASCII.
func FuzzDiscovery(f *testing.F) {
	const issuer = "https://idp.example"
	for _, uri := range []string{
		newKeys, "http://idp.example/k", "HTTPS://keys.example:0/", "https://u:p@keys.example/", "https://169.254.169.254/latest", "https://[fe80::1%25eth0]/k",
		"https://keys.example/?a=secret#x", "https://keys.example:/k", "https:keys", "//keys.example", "https://[::ffff:169.254.1.1]:443/",
	} {
		f.Add([]byte(metadata(issuer, uri)))
	}
	for _, body := range []string{
		metadata(issuer+"/", newKeys), `{"issuer":"https://idp.example","jwks_uri":"` + newKeys + `","jwks_uri":"https://evil.example"}`,
		`{"Issuer":"https://idp.example","JWKS_URI":"` + newKeys + `"}`, metadata(issuer, newKeys) + "{}", "<html>", "", "[]", "{\"issuer\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		i := &idp{bodies: map[string]string{wellKnown: string(body)}}
		_, err := mustFetcher(t, Source{Discovery: issuer, Transport: i}).fetch(t.Context(), false)
		var failed *FetchError
		if !errors.As(err, &failed) || !slices.Contains(Results(), failed.Result) {
			t.Fatalf("%q gives %v", body, err)
		}
		if text := err.Error(); strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) || strings.Contains(text, "secret") {
			t.Fatalf("%q is told as %q", body, text)
		}
		if len(i.asked) == 1 {
			return
		}
		var m struct {
			Issuer string
			URI    string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(body, &m); err != nil || m.Issuer != issuer || len(i.asked) != 2 {
			t.Fatalf("asked %q after %q: %v", i.asked, body, err)
		}
		said, err := url.Parse(m.URI)
		if err == nil {
			said.Host = strings.TrimSuffix(said.Host, ":") // as good as none: RFC 3986, section 6.2.3
		}
		if err != nil || !strings.HasPrefix(i.asked[1], "https://") || said.User != nil || said.String() != i.asked[1] {
			t.Fatalf("asked %q after %q", i.asked, body)
		}
		if a, err := netip.ParseAddr(said.Hostname()); err == nil && (a.Unmap().IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()) {
			t.Fatalf("asked %q after %q", i.asked, body)
		}
	})
}
