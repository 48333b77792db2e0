package jwkscache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSourcesThatAreRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		source Source
		says   string
	}{
		{"none", Source{}, "jwks: names no source; set one of uri, discovery, file, inline"},
		{"two", Source{URI: "https://idp.example", File: "/f"}, "jwks: names several sources"},
		{"negative timeout", Source{URI: "https://idp.example", Timeout: -time.Second}, "jwks.timeout: -1s is negative"},
		{"big inline", Source{Inline: make([]byte, maxDocument+1)}, "jwks.inline: 524289 bytes; a key set has 524288 at most"},
		{"http", Source{URI: "http://idp.example/k"}, "jwks.uri: must be https"},
		{"http to a private address", Source{URI: "http://10.0.0.7/k"}, "jwks.uri: must be https"},
		{"http to what looks like loopback", Source{URI: "http://localhost.example/k"}, "jwks.uri: must be https"},
		{"http discovery", Source{Discovery: "http://idp.example"}, "jwks.discovery: issuer must be https"},
		{"another scheme", Source{URI: "ftp://idp.example/k", AllowInsecureHTTP: true}, "jwks.uri: must be an https URL"},
		{"no scheme", Source{URI: "idp.example/k"}, "jwks.uri: must be an https URL"},
		{"no host", Source{URI: "https:///k"}, "jwks.uri: has no host"},
		{"opaque", Source{URI: "https:idp.example"}, "jwks.uri: is not a URL; write https://host/path"},
		{"password", Source{URI: "https://user:secret@idp.example/k"}, "jwks.uri: must not hold a user name or password"},
		{"password of the issuer", Source{Discovery: "https://user:secret@idp.example"}, "jwks.discovery: issuer must not hold a user name or password"},
		{"password as port", Source{URI: "https://user:secret"}, "jwks.uri: is not a URL"},
		{"port", Source{URI: "https://idp.example:65536/"}, "jwks.uri: has a port outside 1 to 65535"},
		{"metadata address", Source{URI: "http://169.254.169.254/k", AllowInsecureHTTP: true}, "jwks.uri: address 169.254.169.254 is refused: link-local"},
		{"metadata address, mapped", Source{URI: "https://[::ffff:169.254.169.254]/k"}, "is refused: link-local"},
		{"link-local with a zone", Source{URI: "https://[fe80::1%25eth0]/k"}, "is refused: link-local"},
		{"issuer with a query", Source{Discovery: "https://idp.example?a=b"}, "must not hold a query or a fragment"},
		{"issuer with a fragment", Source{Discovery: "https://idp.example#"}, "must not hold a query or a fragment"},
		{"no CA file", Source{URI: "https://idp.example", CAFile: empty + "x"}, "jwks.ca_file: open " + empty + "x: no such file"},
		{"CA file is a directory", Source{URI: "https://idp.example", CAFile: filepath.Dir(empty)}, "not a regular file"},
		{"CA file without certificates", Source{Discovery: "https://idp.example", CAFile: empty}, "holds no certificate; it must be PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := newFetcher(tt.source)
			if err == nil {
				t.Fatalf("accepted: %#v", f)
			}
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}

func TestSourcesThatAreAccepted(t *testing.T) {
	for _, s := range []Source{
		{URI: "https://idp.example/k?tenant=a"},
		{URI: "HTTPS://idp.example"},
		{URI: "http://localhost:8080/k"},
		{URI: "http://127.0.0.1/k"},
		{URI: "http://[::1]:8080/k"},
		{URI: "http://idp.example/k", AllowInsecureHTTP: true},
		{URI: "https://10.0.0.7/k"},
		{Discovery: "https://idp.example/realms/a/"},
		{File: "/nowhere/yet.json"}, // another container may write it later
		{Inline: []byte(keySet)},
	} {
		if _, err := newFetcher(s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestInlineIsAlwaysTheSame(t *testing.T) {
	f := mustFetcher(t, Source{Inline: []byte(keySet)})
	for range 2 {
		if a := fetchOK(t, f, true); string(a.Body) != keySet || a.NotModified {
			t.Errorf("%+v", a)
		}
	}
}

// A query may hold a signature or a key; a text names the rest.
func TestTextsHoldNoQuery(t *testing.T) {
	f := mustFetcher(t, Source{URI: "http://" + deadAddress(t) + "/a%20b?sig=secret"})
	e := fetchFails(t, f)
	if !strings.Contains(e.Error(), "/a%20b?...: ") || strings.Contains(e.Error(), "secret") {
		t.Error(e)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\r\nb\tc\x1b[0m": "a??b?c?[0m", "é\xff": "??", "123456789": "12345678...",
	} {
		if got := printable(in, 8); !strings.HasPrefix(got, want[:min(len(want), 8)]) || strings.ContainsAny(got, "\r\n\x1b") {
			t.Errorf("%q: %q", in, got)
		}
	}
}
