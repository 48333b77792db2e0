package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysSayThatNoGuardAnswers(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			withGuard(t, network, nil, func(g *fakeGuard) {
				gone, why := "unix://"+g.path("none.sock"), "no such file or directory"
				if network == "tcp" {
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					l.Close()
					gone, why = "http://"+l.Addr().String(), "connection refused"
				}
				address := strings.NewReplacer("http://", "", g.dir, "DIR").Replace(gone)
				g.bare("list", "--admin", gone).is(t, 1, "", "jwtguard keys list: no guard answers at "+address+": "+why+
					"; is it running? A guard tells the log where it listens (msg \"listening\", what \"http\")\n")
			})
		})
	}
}

// What answers there may be anybody, and may do anything.
func TestKeysKnowAGuardFromAnotherServer(t *testing.T) {
	const (
		lost   = "jwtguard keys retire: something answers at ADMIN, but not as a guard does; it is not known whether the order is in force: look with jwtguard keys show --admin ADMIN corp k\n"
		strays = "but not as a guard does: is its admin listener there?\n"
	)
	for name, c := range map[string]struct {
		answer             fakeAnswer
		list, show, retire string
	}{
		"a page":           {fakeAnswer{status: 200, body: "<html>"}, "something answers at ADMIN, but not as a guard does\n", "something answers at ADMIN, but not as a guard does\n", lost},
		"other JSON":       {fakeAnswer{status: 200, body: `{"key":1}`}, "something answers at ADMIN", "something answers at ADMIN", lost},
		"no JSON object":   {fakeAnswer{status: 200, body: `null`}, "something answers at ADMIN", "something answers at ADMIN", lost},
		"keys of its own":  {fakeAnswer{status: 200, body: `{"keys":[{"issuer":"corp","kid":"k","state":"fine"}],"state":"fine","issuer":"corp","kid":"k","in_force":"yes"}`}, "something answers at ADMIN", "something answers at ADMIN", lost},
		"a redirect":       {fakeAnswer{status: 302}, "something answers 302 at ADMIN, " + strays, "something answers 302", "something answers 302"},
		"another problem":  {fakeAnswer{status: 404, kind: "text/html", body: `{"detail":"x"}`}, "something answers 404 at ADMIN, " + strays, "something answers 404", "something answers 404"},
		"a silent problem": {fakeAnswer{status: 403, body: `{}`}, "something answers 403 at ADMIN, " + strays, "something answers 403", "something answers 403"},
		"no news":          {fakeAnswer{status: 204}, "something answers 204", "something answers 204", "something answers 204"},
		"it hangs up": {fakeAnswer{}, "jwtguard keys list: ADMIN gives no answer: EOF\n", "jwtguard keys show: ADMIN gives no answer: EOF\n",
			"jwtguard keys retire: ADMIN gives no answer: EOF; it is not known whether the order is in force: look with jwtguard keys show --admin ADMIN corp k\n"},
	} {
		t.Run(name, func(t *testing.T) {
			withGuard(t, "unix", map[string]fakeAnswer{
				"GET /api/v1/keys": c.answer, "GET /api/v1/keys/corp/k": c.answer, "POST /api/v1/keys/corp/k/retire": c.answer,
			}, func(g *fakeGuard) {
				for want, said := range map[string]said{
					c.list:          g.keys("list"),
					c.show + " ":    g.keys("show", "corp", "k"),
					c.retire + "  ": g.keys("retire", "corp", "k", "--reason", "x"),
				} {
					said.says(t, 1, strings.TrimRight(want, " "))
					if said.stdout != "" {
						t.Errorf("stdout %q", said.stdout)
					}
				}
			})
		})
	}
	endless := fakeAnswer{status: 200, body: strings.Repeat(" ", maxKeysAnswer+1)}
	withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys": endless}, func(g *fakeGuard) {
		g.keys("list").is(t, 1, "", "jwtguard keys list: the answer of ADMIN is longer than 64 MiB: is a guard there? If it has that many keys, keys show asks for one alone\n")
	})
	// JSON is passed on if it is some.
	withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys": {status: 200, body: "<html>"}}, func(g *fakeGuard) {
		g.keys("list", "--json").is(t, 1, "", "jwtguard keys list: something answers at ADMIN, but not as a guard does\n")
	})
}

// connected is a run of a command with a guard at the other end of dial.
func connected(command string, errs io.Writer, dial func(context.Context) (net.Conn, error)) *keysRun {
	k := &keysRun{stdout: io.Discard, stderr: errs, guard: adminClient{address: "ADMIN", host: "localhost", dial: dial}}
	k.admin, k.issuer, k.kid, k.reason = "ADMIN", "corp", "k", "x"
	for _, c := range keysCommands {
		if c.name == command {
			k.command = c
		}
	}
	return k
}

func TestKeysDoNotWaitForEver(t *testing.T) {
	for command, want := range map[string]string{
		"list":    "jwtguard keys list: ADMIN does not answer within 10s\n",
		"refresh": "jwtguard keys refresh: ADMIN does not answer within 20s\n",
		"revoke":  "jwtguard keys revoke: ADMIN does not answer within 10s; it is not known whether the order is in force: look with jwtguard keys show --admin ADMIN corp k\n",
	} {
		for name, serve := range map[string]func(net.Conn){
			"it says nothing": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			"it drips": func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1)) // an answer before the question is none
				go func() { _, _ = io.Copy(io.Discard, c) }()
				_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
				for ; err == nil; time.Sleep(time.Second) {
					_, err = io.WriteString(c, " ")
				}
			},
		} {
			t.Run(command+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var (
						errs   bytes.Buffer
						served sync.WaitGroup
					)
					defer served.Wait()
					k := connected(command, &errs, func(context.Context) (net.Conn, error) {
						here, there := net.Pipe()
						served.Go(func() { serve(there) })
						return here, nil
					})
					begun := time.Now()
					if status := k.command.run(k); status != 1 || errs.String() != want {
						t.Errorf("status %d, %s", status, &errs)
					}
					if took := time.Since(begun); took != k.command.patience() {
						t.Errorf("it took %s", took)
					}
				})
			})
		}
	}
}

func TestKeysSayWhoMayAsk(t *testing.T) {
	var errs bytes.Buffer
	k := connected("revoke", &errs, func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}
	})
	want := "jwtguard keys revoke: you may not open ADMIN: ask as a user who may (listen.socket_mode)\n"
	if status := k.command.run(k); status != 1 || errs.String() != want {
		t.Errorf("status %d, %s", status, &errs)
	}
}

func TestKeysAreNotDoneIfNobodyCouldReadIt(t *testing.T) {
	withGuard(t, "unix", listAnswers(everyState, "corp"), func(g *fakeGuard) {
		for _, more := range []string{"--json", "--retired"} {
			var errs bytes.Buffer
			status := run([]string{"keys", "list", "--admin", g.admin, more}, strings.NewReader(""), closedPipe{}, &errs)
			if status != exitUsage || !strings.Contains(errs.String(), "jwtguard keys list: write the answer: ") {
				t.Errorf("status %d, %s", status, &errs)
			}
		}
	})
}
