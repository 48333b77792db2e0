package admin

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tokenFile writes a token file of a mode.
func tokenFile(t testing.TB, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "operator.token")
	writeToken(t, path, content, mode)
	return path
}

func writeToken(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// overTCP is an order that comes over TCP with these Authorization headers.
func overTCP(t *testing.T, authorization ...string) *http.Request {
	r := request("POST", "/api/v1/keys/corp/old/retire", because).WithContext(t.Context())
	r.Host = "localhost"
	if len(authorization) > 0 {
		r.Header["Authorization"] = authorization
	}
	return r
}

func TestChangesOverTCPNeedTheToken(t *testing.T) {
	for _, tt := range []struct {
		name          string
		authorization []string
		reason        Reason // empty: carried out
	}{
		{"the token", []string{"Bearer s3cret-of-operators-token"}, ""},
		{"the scheme in another case", []string{"bEARER  s3cret-of-operators-token "}, ""},
		{"none", nil, NoToken},
		{"another scheme", []string{"Basic s3cret-of-operators-token"}, NoToken},
		{"no scheme", []string{"s3cret-of-operators-token"}, NoToken},
		{"an empty one", []string{"Bearer "}, NoToken},
		{"two", []string{"Bearer s3cret-of-operators-token", "Bearer s3cret-of-operators-token"}, NoToken},
		{"another one", []string{"Bearer s3cret-of-operators-tokem"}, WrongToken},
		{"the beginning of it", []string{"Bearer s3cret-of-operators-toke"}, WrongToken},
		{"more than it", []string{"Bearer s3cret-of-operators-token0"}, WrongToken},
		{"in another case", []string{"Bearer S3CRET-OF-OPERATORS-TOKEN"}, WrongToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			w.serve(t, Config{TokenFile: tokenFile(t, "\n s3cret-of-operators-token \r\n", 0o640)})
			a, seen := w.do(t, overTCP(t, tt.authorization...)), w.seen()
			if tt.reason == "" {
				if a.Status != 200 || len(w.orders) != 1 || w.orders[0].Actor != "token:operator.token" || len(seen) > 0 {
					t.Errorf("%+v: %+v, recorded %+v", a, w.orders, seen)
				}
				return
			}
			want := []Refusal{{From: "192.0.2.1:1234", Method: "POST", Path: "/api/v1/keys/corp/old/retire", Status: 401, Reason: tt.reason, Detail: a.Detail}}
			if a.Status != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" || len(w.orders) > 0 {
				t.Errorf("%+v: %+v", a, w.orders)
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(a.Detail, "s3cret") {
				t.Errorf("the answer has the token: %s", a.Detail)
			}
		})
	}
}

func TestNoTokenFileNoChangesOverTCP(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	a, seen := w.do(t, overTCP(t, "Bearer ")), w.seen()
	if a.Status != 401 || a.Detail != "changes over TCP need admin.token_file in the configuration; changes over a unix socket (listen.admin) do not" ||
		len(seen) != 1 || seen[0].Reason != BadTokenFile || len(w.orders) > 0 {
		t.Errorf("%+v, recorded %+v", a, seen)
	}
}

// A file that is not fit to hold a token holds none. The answer, which anybody may
// get, does not say what is wrong with it; the record does.
func TestTokenFilesThatAreNotTaken(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"readable by everybody", tokenFile(t, "s3cret-of-operators", 0o604), "can be read by every user (mode 0604): run chmod o-r on it, and exchange the token"},
		{"empty", tokenFile(t, "", 0o600), "is empty: make a token with openssl rand -hex 32"},
		{"blank", tokenFile(t, " \n", 0o600), "is empty"},
		{"too large", tokenFile(t, "s3cret-of-operators"+strings.Repeat("\n", maxTokenFile-5), 0o600), "is larger than 4096 bytes: it must hold the token alone"},
		{"two lines", tokenFile(t, "s3cret-of-operators\nanother", 0o600), "must hold one token of printable ASCII characters without spaces"},
		{"no ASCII", tokenFile(t, "s3crét", 0o600), "must hold one token of printable ASCII"},
		{"not there", filepath.Join(dir, "none"), "no such file"},
		{"a folder", dir, "is not a regular file: write the token into one"},
		{"a pipe that nobody writes to", pipe, "is not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			w.serve(t, Config{TokenFile: tt.path})
			a, seen := w.do(t, overTCP(t, "Bearer s3cret-of-operators")), w.seen()
			if a.Status != 401 || a.Detail != "admin.token_file cannot be used; the guard's log says why" || len(w.orders) > 0 {
				t.Errorf("%+v", a)
			}
			if len(seen) != 1 || seen[0].Reason != BadTokenFile || !strings.HasPrefix(seen[0].Detail, "admin.token_file "+tt.path+": ") || !strings.Contains(seen[0].Detail, tt.want) {
				t.Errorf("recorded %+v", seen)
			}
		})
	}
}

// A token that was exchanged counts at once, even by one of the same length within
// the same instant; so does a mode.
func TestTheTokenIsExchangedWithoutARestart(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	path := tokenFile(t, "first-0123456789", 0o600)
	w.serve(t, Config{TokenFile: path})
	when := time.Now()
	status := func(token string) int { return w.do(t, overTCP(t, "Bearer "+token)).Status }
	stamp := func() {
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	stamp()
	if got := []int{status("first-0123456789"), status("second0123456789")}; !cmp.Equal(got, []int{200, 401}) {
		t.Errorf("before: %v", got)
	}
	writeToken(t, path, "second0123456789", 0o600)
	stamp()
	if got := []int{status("first-0123456789"), status("second0123456789")}; !cmp.Equal(got, []int{401, 200}) {
		t.Errorf("after: %v", got)
	}
	writeToken(t, path, "second0123456789", 0o644)
	if got := status("second0123456789"); got != 401 {
		t.Errorf("readable by everybody: %d", got)
	}
}

// Guessing is bounded: beyond so many wrong tokens a second not even the right one
// is taken, over TCP.
func TestGuessingIsBounded(t *testing.T) {
	path := tokenFile(t, "s3cret-of-operators", 0o600)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		w.serve(t, Config{TokenFile: path})
		for n := range 2 * guessesPerSecond {
			if a, want := w.do(t, overTCP(t, "Bearer guess")), map[bool]int{true: 401, false: 429}[n < guessesPerSecond]; a.Status != want {
				t.Fatalf("guess %d: %+v", n, a)
			}
		}
		if a := w.do(t, overTCP(t, "Bearer s3cret-of-operators")); a.Status != 429 || a.Header.Get("Retry-After") != "1" || len(w.orders) > 0 {
			t.Errorf("%+v", a)
		}
		if a := w.order(t, "corp/old/retire", because); a.Status != 200 {
			t.Errorf("over the unix socket: %+v", a)
		}
		time.Sleep(time.Second)
		for range 3 * guessesPerSecond { // right ones are not counted
			if a := w.do(t, overTCP(t, "Bearer s3cret-of-operators")); a.Status != 200 {
				t.Fatalf("a second later: %+v", a)
			}
		}
	})
}

// Through a real server: the token over TCP, and no user by ConnContext.
func TestOverARealConnection(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	w.serve(t, Config{TokenFile: tokenFile(t, "s3cret-of-operators", 0o600)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := serveOn(t, w.api, l)
	for token, want := range map[string]int{"s3cret-of-operators": 200, "guess": 401, "": 401} {
		r, err := http.NewRequest("POST", "http://"+l.Addr().String()+"/api/v1/keys/corp/old/retire", strings.NewReader(because))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%q: %s", token, resp.Status)
		}
	}
}
