package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// slow is a guard with a check under way that takes until the issuer answers: one
// with an unknown kid.
func slow(t *testing.T, drain string) (*guardRun, chan checked) {
	t.Helper()
	w := newWorld(t)
	g := w.startReady(strings.Replace(w.listen(), "drain: 10ms", "drain: "+drain, 1) + "issuers:\n" +
		w.corp(", jwks: {ca_file: ca.pem, interval: 1s, unknown_kid_wait: 1m, timeout: 1m}"))
	next := devissuer.SharedKey("next", "ES256")
	w.issuer.Publish(next)
	w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 1500 * time.Millisecond})
	asked := w.issuer.Count(devissuer.JWKSPath)
	e := g.envoy()
	answer := make(chan checked, 1)
	go func() {
		v, err := e.check(w.tokenOf(next, nil))
		answer <- checked{v, err}
	}()
	for deadline := time.Now().Add(patienceOfTests); w.issuer.Count(devissuer.JWKSPath) == asked; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks the issuer")
		}
	}
	return g, answer
}

type checked struct {
	verdict
	err error
}

func TestStopLetsChecksUnderWayFinish(t *testing.T) {
	g, answer := slow(t, "0s")
	g.signals <- syscall.SIGTERM
	g.event(0, `"msg":"stopping"`)
	g.signals <- syscall.SIGHUP // asks for no hurry
	g.must(g.wait())
	if a := <-answer; a.err != nil || a.Reason != "ok" {
		t.Errorf("%+v", a)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	for name, drain := range map[string]string{"while it drains": "1m", "while checks finish": "0s"} {
		t.Run(name, func(t *testing.T) {
			g, answer := slow(t, drain)
			g.signals <- syscall.SIGTERM
			g.event(0, `"msg":"stopping"`)
			start := time.Now()
			g.signals <- syscall.SIGINT
			g.must(g.wait())
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			if a := <-answer; status.Code(a.err) != codes.Unavailable {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestStopAnswersUntilTheDrainIsOver(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(strings.Replace(w.listen(), "drain: 10ms", "drain: 400ms", 1) + "issuers:\n" + w.fixed(""))
	e := g.envoy()
	start := time.Now()
	g.signals <- syscall.SIGTERM
	g.event(0, `"msg":"stopping"`)
	e.gets(w.token(), "ok")
	g.must(g.wait())
	if took := time.Since(start); took < 400*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	g.event(0, `"msg":"stopped"`)
}

func TestStopBeforeItIsReady(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
	g := w.start(w.config())
	g.must(g.stop())
}

// A guard that is told to stop as it becomes ready, or before, answers whoever
// was sent to it.
func TestDrainBeforeItIsReadyAnswers(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
	g := w.start(strings.NewReplacer("drain: 10ms", "drain: 1m", "ca_file:", "unknown_kid_wait: 0s, ca_file:").Replace(w.config()))
	start := time.Now()
	g.signals <- syscall.SIGTERM
	g.envoy().gets(w.token(), "keys_unavailable")
	if took := time.Since(start); took > firstKeysWithin*3/4 {
		t.Errorf("it took %v", took)
	}
	g.signals <- syscall.SIGTERM
	g.must(g.wait())
}

func TestListenerThatBreaksIsAnError(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.listen() + "issuers:\n" + w.fixed(""))
	g.envoy().gets(w.token(), "ok") // it is served by now
	g.service.grpc[0].Listener.Close()
	if err := g.wait(); err == nil || !strings.Contains(err.Error(), "listen.grpc: unix://"+w.path("authz.sock")+": ") {
		t.Errorf("%v", err)
	}
}
