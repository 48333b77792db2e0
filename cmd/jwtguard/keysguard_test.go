package main

import (
	"strings"
	"syscall"
	"testing"
)

// configured writes a configuration of the guard, with more lines in it.
func (g *fakeGuard) configured(more string) string {
	address := strings.TrimPrefix(g.admin, "http://")
	return g.file("jwtguard.yaml", "listen: {admin: \""+address+"\"}\nissuers: [{name: corp, issuer: https://issuer.example.com, audiences: [a]}]\n"+more, 0o600)
}

// Over TCP a change takes the token, and nothing else is told it.
func TestKeysSendTheTokenWithChangesOverTCPAlone(t *testing.T) {
	answers := map[string]fakeAnswer{
		"GET /api/v1/keys":                  {status: 200, body: `{"keys":[{"issuer":"corp","kid":"k","state":"active"}]}`},
		"POST /api/v1/keys/corp/k/revoke":   {status: 200, body: `{"changed":true,"in_force":true,"durable":true}`},
		"POST /api/v1/issuers/corp/refresh": {status: 302}, // to another place
	}
	const (
		list    = "GET /api/v1/keys"
		issuers = "GET /api/v1/keys/-/-"
		revoke  = "POST /api/v1/keys/corp/k/revoke"
		refresh = "POST /api/v1/issuers/corp/refresh"
		order   = ` {"reason":"x"}`
	)
	for network, bearer := range map[string]string{"tcp": " Bearer s3cret-of-operators", "unix": ""} {
		withGuard(t, network, answers, func(g *fakeGuard) {
			token, other := g.file("token", "s3cret-of-operators\n", 0o640), g.file("other", " s3cret-of-operators ", 0o600)
			for _, where := range [][]string{
				{"-c", g.configured("admin: {token_file: token}\n")},
				{"-c", g.configured("admin: {token_file: other}\n"), "--token-file", token},
				{"--admin", g.admin, "--token-file", other},
			} {
				for _, args := range [][]string{{"list"}, {"revoke", "--reason", "x", "corp", "k"}, {"refresh", "corp"}} {
					g.bare(append(args, where...)...)
				}
				g.wasAsked(list, issuers, revoke+bearer+order, refresh+bearer)
			}
		})
	}
}

func TestKeysRefuseATokenFileThatIsNone(t *testing.T) {
	withGuard(t, "tcp", nil, func(g *fakeGuard) {
		if err := syscall.Mkfifo(g.path("pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			g.path("none"): "no such file or directory",
			g.dir:          "is not a regular file: write the token into one",
			g.path("pipe"): "is not a regular file: write the token into one",
			g.file("open", "s3cret-of-operators", 0o644):             "can be read by every user (mode 0644): run chmod o-r on it, and exchange the token",
			g.file("empty", "\n", 0o600):                             "is empty: make a token with openssl rand -hex 32",
			g.file("big", strings.Repeat("x", 4097), 0o600):          "is larger than 4096 bytes: it must hold the token alone",
			g.file("two", "s3cret-of-operators\nX-Forged: 1", 0o600): "must hold one token of printable ASCII characters without spaces: no header can carry another one",
			g.file("binary", "\x00\xff", 0o600):                      "must hold one token of printable ASCII characters without spaces: no header can carry another one",
		} {
			said := g.keys("revoke", "corp", "k", "--reason", "x", "--token-file", name)
			said.is(t, 2, "", "jwtguard keys revoke: token file "+strings.Replace(name, g.dir, "DIR", 1)+": "+want+"\n")
		}
		g.keys("revoke", "corp", "k", "--reason", "x").is(t, 2, "", "jwtguard keys revoke: changes over TCP take a token: add --token-file FILE, "+
			"which holds what the guard's admin.token_file does, or ask over its unix socket\n")
		g.bare("refresh", "corp", "-c", g.configured("")).is(t, 2, "", "jwtguard keys refresh: changes over TCP take a token, and DIR/jwtguard.yaml has no admin.token_file: "+
			"set it and start the guard anew, or add --token-file FILE\n")
		g.wasAsked()
	})
	// At a unix socket nobody looks at it.
	withGuard(t, "unix", nil, func(g *fakeGuard) {
		g.keys("refresh", "corp", "--token-file", g.path("none")).says(t, 1, "no issuer has that name")
	})
}

func TestKeysSayWhatIsWrongWithATokenThatTheGuardRefuses(t *testing.T) {
	withGuard(t, "tcp", map[string]fakeAnswer{
		"POST /api/v1/keys/corp/k/revoke":   {status: 401, body: `{"detail":"the token is not the content of admin.token_file"}`},
		"POST /api/v1/issuers/corp/refresh": {status: 403, body: `{"detail":"the Host header must be an IP address"}`},
	}, func(g *fakeGuard) {
		token := g.file("token", "wrong-0123456789", 0o600)
		g.keys("revoke", "corp", "k", "--reason", "x", "--token-file", token).is(t, 1, "",
			"jwtguard keys revoke: refused: the token is not the content of admin.token_file\n"+
				"  to do: compare DIR/token with the guard's admin.token_file, or ask over its unix socket\n")
		g.keys("refresh", "corp", "--token-file", token).is(t, 1, "",
			"jwtguard keys refresh: the Host header must be an IP address\n  to do: give --admin the guard's IP address\n")
	})
}

func TestKeysFindTheGuard(t *testing.T) {
	withGuard(t, "tcp", listAnswers(`{"keys":[]}`, "corp"), func(g *fakeGuard) {
		for _, args := range [][]string{{"-c", g.configured("")}, {"--admin", g.admin}, {"--admin=" + g.admin + "/"}} {
			g.bare(append([]string{"list"}, args...)...).says(t, 0, "no keys of 1 issuer: corp")
		}
	})
	withGuard(t, "unix", nil, func(g *fakeGuard) {
		for url, want := range map[string]string{
			"https://127.0.0.1:9192":     "write http://HOST:PORT or unix:///PATH, and nothing else",
			"127.0.0.1:9192":             "write http://HOST:PORT or unix:///PATH, and nothing else",
			"http://a:b@127.0.0.1:9192":  "write http://HOST:PORT or unix:///PATH, and nothing else",
			"http://127.0.0.1:9192?a=b":  "write http://HOST:PORT or unix:///PATH, and nothing else",
			"http://127.0.0.1:9192#a":    "write http://HOST:PORT or unix:///PATH, and nothing else",
			"http://127.0.0.1:9192/api/": "leave the path out: write http://HOST:PORT",
			"http://127.0.0.1":           "write host and port, as in http://127.0.0.1:9192",
			"http://127.0.0.1:0":         "write host and port, as in http://127.0.0.1:9192",
			"http://127.0.0.1:99999":     "write host and port, as in http://127.0.0.1:9192",
			"http://:9192":               "write host and port, as in http://127.0.0.1:9192",
			"unix://run/admin.sock":      "write the socket's absolute path, as in unix:///run/jwtguard/admin.sock",
			"unix:run/admin.sock":        "write the socket's absolute path, as in unix:///run/jwtguard/admin.sock",
			"unix:///run/":               "write the socket's absolute path, as in unix:///run/jwtguard/admin.sock",
			"file:///run/admin.sock":     "write http://HOST:PORT or unix:///PATH, and nothing else",
		} {
			g.bare("list", "--admin", url).is(t, 2, "", "jwtguard keys list: --admin \""+url+"\": "+want+"\n")
		}
		none := g.file("none.yaml", "listen: {admin: \"\"}\nissuers: [{issuer: https://issuer.example.com, audiences: [a]}]\n", 0o600)
		g.bare("list", "-c", none).is(t, 2, "", "jwtguard keys list: DIR/none.yaml: listen.admin is \"\": such a guard takes no questions; set an address and start it anew\n")
		bad := g.file("bad.yaml", "issuers: [{issuer: ftp://a}]\nlisten: {grp: x}\n", 0o600)
		said := g.bare("list", "-c", bad)
		if lines := strings.Count(said.stderr, "\nDIR/bad.yaml:"); said.status != 2 || said.stdout != "" || !strings.HasPrefix(said.stderr, "DIR/bad.yaml:1:") || lines < 1 {
			t.Errorf("%+v", said)
		}
		g.bare("list", "-c", g.path("no.yaml")).is(t, 2, "", "DIR/no.yaml: cannot be read: no such file or directory\n"+
			"jwtguard keys list: the guard was not asked. If it runs, ask it without the file: --admin unix:///PATH or --admin http://HOST:PORT in place of -c\n")
	})
}
