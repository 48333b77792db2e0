package jwkscache

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

func TestPlansThatAreRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		good := configOf(idp)
		c := w.adopt(good)
		pass(time.Second)
		before, n := c.Set(), len(asked(idp))

		noInterval, noSource, http := good, good, good
		noInterval.Params.Interval = 0
		noSource.Source = Source{}
		http.Source = Source{URI: "http://idp.test/keys"}
		inline := func(doc string) []Config {
			cfg := good
			cfg.Source = Source{Inline: []byte(doc)}
			return []Config{cfg}
		}
		for _, tt := range []struct {
			name string
			cfgs []Config
			says string
		}{
			{"twice", []Config{good, good}, "issuers: https://idp.test stands there twice"},
			{"no interval", []Config{noInterval}, "issuers: idp.test: jwks.interval: must be positive"},
			{"no source", []Config{noSource}, "issuers: idp.test: jwks: names no source"},
			{"plain http", []Config{http}, "issuers: idp.test: jwks.uri: must be https"},
			{"inline, not a key set", inline("no"), "issuers: idp.test: jwks.inline: not a key set: "},
			{"inline, without keys", inline(`{"keys":[]}`), "issuers: idp.test: jwks.inline: holds no key"},
			{"inline, a bad key", inline(`{"keys":[{"kty":"oct","kid":"k","k":"AA"}]}`), `issuers: idp.test: jwks.inline: the key with kid "k" cannot be used: symmetric`},
		} {
			if p, err := w.group.Plan(tt.cfgs); p != nil || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
			}
		}
		pass(time.Minute)
		if c.Set() != before || len(asked(idp)) != n {
			t.Error("a refused plan changed something")
		}
	})
}

func TestGroupNeedsItsParts(t *testing.T) {
	if _, err := NewGroup(GroupConfig{Clock: NewClock(nil, time.Time{}), Report: func(Fetch) {}}); err == nil ||
		err.Error() != "jwkscache: Clock, Journal and Report are required" {
		t.Error(err)
	}
}

// A plan that is not adopted does nothing at all: to caches that run, to those
// that it leaves out, and to the issuers that it adds.
func TestPlanWithoutAdoptChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp, other := newIssuer("idp.test", "a"), newIssuer("other.test", "a")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		before := c.Set()
		changed := configOf(idp)
		changed.Source.URI = idp.URL + "/elsewhere"
		changed.Orders = []keyset.Order{order1(keyset.Revoke, "a")}
		revoking := configOf(other)
		revoking.Orders = []keyset.Order{order1(keyset.Revoke, "a")}
		for _, cfgs := range [][]Config{{changed, revoking}, {}} {
			if _, err := w.group.Plan(cfgs); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Minute)
		if c.Set() != before || c.Config().Source.URI != idp.JWKSURI() || len(asked(other)) > 0 || len(idp.Requests("/elsewhere")) > 0 {
			t.Error("the plan changed something")
		}
		w.wantEvents()
	})
}

// An issuer that is removed is not asked any more; when it returns, its cache
// knows what it knew.
func TestRemovedIssuerKeepsItsTombstones(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp, other := newIssuer("idp.test", "a", "b", "c"), newIssuer("other.test", "d")
		cfg, stays := configOf(idp), configOf(other)
		cfg.Orders = []keyset.Order{order1(keyset.Revoke, "c")}
		w.adopt(cfg, stays)
		pass(time.Second)
		idp.Withdraw("a")
		pass(2 * time.Hour)

		w.adopt(stays)
		n := len(asked(idp))
		w.events()
		pass(time.Hour)
		if len(asked(idp)) != n {
			t.Error("a removed issuer is asked")
		}
		w.wantEvents()
		// While it was away, one of its keys was revoked under another issuer.
		revoke := order1(keyset.Revoke, "")
		revoke.Thumbprint = keyOf("b").Thumbprint()
		stays.Orders = []keyset.Order{revoke}
		w.adopt(stays)
		pass(time.Hour)

		idp.Replace(keyOf("a"), keyOf("b"), keyOf("c"), keyOf("e"))
		cfg.Orders = nil
		p, err := w.group.Plan([]Config{cfg, stays})
		if err != nil {
			t.Fatal(err)
		}
		c := p.Cache(cfg.Issuer)
		if len(c.Set().Keys()) > 0 {
			t.Error("keys before the plan is in force, and so before the orders that it holds")
		}
		w.group.Adopt(p)
		w.wantKeys(c, "c=revoked! a=retired! b=revoked!") // from the first moment
		pass(time.Second)
		w.wantKeys(c, "c=revoked! a=retired! b=revoked! e=active")
	})
}

// An observation that was on its way when the issuer was removed is not half
// lost: what was told is kept.
func TestRemovalDuringAFetch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Second})
		cfg := configOf(idp)
		w.adopt(cfg)
		w.next(idp, time.Second)
		w.adopt()
		pass(time.Minute)
		if f := w.reports(); len(f) > 0 {
			t.Errorf("%v", f)
		}
		c := w.adopt(cfg)
		pass(3 * time.Second)
		w.wantKeys(c, "a=active")
	})
}

// Another source: the fetch under way is abandoned, nothing of it counts, and
// the new source is asked as soon as the budget allows, past the other one's
// back-off.
func TestAnotherSource(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault devissuer.Fault
	}{
		{"fetch under way", devissuer.Fault{Delay: 30 * time.Second}},
		{"back-off", devissuer.StatusFault(429, "Retry-After", "300")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "old")
				idp.Fail(devissuer.JWKSPath, tt.fault)
				idp.SetDocument("/moved", documentOf("new"))
				cfg := configOf(idp)
				cfg.Source.Timeout = time.Minute
				c := w.adopt(cfg)
				old := w.next(idp, time.Second)
				w.reports()
				cfg.Source.URI = idp.URL + "/moved"
				w.adopt(cfg)
				pass(12 * time.Second)
				w.wantKeys(c, "new=active")
				moved := idp.Requests("/moved")
				if len(moved) != 1 || !pastCaches(moved[0]) || moved[0].At.Sub(old.At) < 10*time.Second {
					t.Errorf("%+v", moved)
				}
				if f := w.reports(); len(f) != 1 || f[0].Cause != CauseConfig || f[0].Err != nil {
					t.Errorf("fetches: %v", f)
				}
			})
		})
	}
}

// The source that is asked is that of the configuration adopted last, even where
// a cache had no time to take in the one between.
func TestQuickReloadsEndWithTheLastSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		idp := newIssuer("idp.test", "a")
		idp.SetDocument("/wrong", documentOf("wrong"))
		right := configOf(idp)
		wrong := right
		wrong.Source.URI = idp.URL + "/wrong"
		var c *Cache
		for _, cfg := range []Config{right, wrong, right} { // none of them is taken in yet
			c = w.adopt(cfg)
		}
		defer w.run()()
		pass(time.Minute)
		w.wantKeys(c, "a=active")
		if c.Config().Source.URI != right.Source.URI || len(idp.Requests("/wrong")) > 0 {
			t.Errorf("%s is in force, and the other one was asked %d times", c.Config().Source.URI, len(idp.Requests("/wrong")))
		}
	})
}

// A reload that changes nothing about an issuer's source does not ask it; a
// shorter interval counts at once.
func TestReloadAsksOnlyWhatChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		cfg := configOf(idp)
		cfg.Params.Interval = time.Hour
		c := w.adopt(cfg)
		pass(time.Minute)
		cfg.Params.Grace = time.Minute
		w.adopt(cfg)
		pass(time.Minute)
		if n := len(asked(idp)); n != 1 {
			t.Errorf("asked %d times", n)
		}
		cfg.Params.Interval = time.Minute
		w.adopt(cfg)
		if c.Config().Params.Interval != time.Minute || c.Set().Params().Interval != time.Minute {
			t.Error("not in force")
		}
		w.next(idp, 66*time.Second)
		w.next(idp, 67*time.Second)
	})
}

// Keys never cross issuers, even under one kid.
func TestSameKidOfTwoIssuers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := newIssuer("one.test"), newIssuer("two.test")
		mine, theirs := devissuer.NewKey("k", "ES256"), devissuer.NewKey("k", "ES256")
		one.Publish(mine, keyOf("other"))
		two.Publish(theirs)
		cfg, other := configOf(one), configOf(two)
		p, err := w.group.Plan([]Config{cfg, other})
		if err != nil {
			t.Fatal(err)
		}
		w.group.Adopt(p)
		pass(time.Second)
		for iss, want := range map[string]string{one.URL: mine.Thumbprint(), two.URL: theirs.Thumbprint()} {
			if ref, ok := p.Cache(iss).Set().Lookup("k"); !ok || ref.Thumbprint != want {
				t.Errorf("%s: k is %v", iss, ref.Key)
			}
		}
		cfg.Orders = []keyset.Order{order1(keyset.Revoke, "k")} // of a kid: no matter of the other issuer
		w.adopt(cfg, other)
		pass(time.Second)
		w.wantKeys(p.Cache(one.URL), "k=revoked! other=active")
		now := w.group.clock.Now()
		if ref, _ := p.Cache(two.URL).Set().Lookup("k"); ref.State(now) != keyset.Active {
			t.Errorf("the other issuer's k is %s", ref.State(now))
		}
	})
}

// crowd is a transport that counts who is inside.
type crowd struct {
	next         http.RoundTripper
	inside, most atomic.Int32
}

func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	n := c.inside.Add(1)
	defer c.inside.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	return c.next.RoundTrip(r)
}

// A thousand issuers start at once, and are refreshed without ever asking all of
// them together.
func TestThousandIssuers(t *testing.T) {
	const issuers = manyIssuers
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b") // all of them are one server
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 20 * time.Millisecond})
		transport := &crowd{next: devissuer.Transport{Handler: idp}}
		var cfgs []Config
		for i := range issuers {
			cfg := configOf(idp)
			cfg.Issuer = fmt.Sprintf("https://idp.test/%d", i)
			cfg.Source.Transport = transport
			cfgs = append(cfgs, cfg)
		}
		before := runtime.NumGoroutine()
		p, err := w.group.Plan(cfgs)
		if err != nil {
			t.Fatal(err)
		}
		w.group.Adopt(p)
		start := time.Now()
		usable := func() (n int) {
			for _, cfg := range cfgs {
				if p.Cache(cfg.Issuer).Status().Usable {
					n++
				}
			}
			return n
		}
		for usable() < issuers && time.Since(start) < time.Minute {
			pass(100 * time.Millisecond)
		}
		if took := time.Since(start); took > 1500*time.Millisecond { // 1000 * 20 ms / 32, and the jitter
			t.Errorf("usable after %s", took)
		}
		if n := transport.most.Load(); n > concurrentFetches {
			t.Errorf("%d fetches at once", n)
		}
		pass(time.Minute)
		// Those that are about to end still count, for a moment of real time.
		for range 100 {
			if runtime.NumGoroutine()-before <= issuers+10 {
				break
			}
			pass(time.Millisecond)
		}
		if n := runtime.NumGoroutine() - before; n > issuers+10 {
			t.Errorf("%d goroutines for %d idle issuers", n, issuers)
		}

		w.adopt(cfgs...) // a reload that changes nothing
		pass(time.Minute)
		if n := len(asked(idp)); n != issuers {
			t.Errorf("%d fetches before the interval is over", n)
		}
		pass(4 * time.Minute) // and some
		perSecond := map[int64]int{}
		for _, r := range asked(idp)[issuers:] {
			perSecond[r.At.Unix()]++
		}
		// They come within a minute, 17 a second on the average.
		for second, n := range perSecond {
			if n > 50 {
				t.Errorf("%d fetches in second %d", n, second)
			}
		}
		if len(perSecond) < 50 {
			t.Errorf("all fetches within %d seconds", len(perSecond))
		}
	})
}

// Servers that hang hold up others only by their turn in the slots, and neither
// files nor keys of the configuration at all. Waiting for a turn is no excuse to
// ask twice within the gap.
func TestHangingServersHoldUpNoLocalSource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		hang, idp := newIssuer("hang.test"), newIssuer("idp.test", "a")
		hang.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
		var cfgs []Config
		for i := range concurrentFetches {
			cfg := configOf(hang)
			cfg.Issuer = fmt.Sprintf("https://hang.test/%d", i)
			cfg.Source.Timeout = 20 * time.Second
			cfgs = append(cfgs, cfg)
		}
		w.adopt(cfgs...)
		pass(time.Second)
		inline := configOf(newIssuer("inline.test"))
		inline.Source, inline.Params.MaxStale = Source{Inline: documentOf("b")}, 0
		cfgs = append(cfgs, configOf(idp), inline)
		w.adopt(cfgs...)
		pass(time.Second)
		if !w.group.members[inline.Issuer].Status().Usable {
			t.Error("inline keys wait for somebody else's server")
		}
		c := w.group.members[idp.URL].Cache
		pass(17 * time.Second)
		w.wantKeys(c, "")
		c.Refresh(t.Context(), 0)
		pass(2 * time.Second) // the first ones have timed out
		w.wantKeys(c, "a=active")
		w.step(time.Hour)
		pass(20 * time.Second)
		requests := asked(idp)
		for i, r := range requests[1:] {
			if d := r.At.Sub(requests[i].At); d < 10*time.Second {
				t.Errorf("asked again after %s", d)
			}
		}
		if len(requests) < 2 {
			t.Error("not asked again after a step of the clock")
		}
	})
}

// Reloads, requests and time go on together; the race detector watches.
func TestEverythingAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := newIssuer("one.test", "a", "b"), newIssuer("two.test", "a")
		cfg, other := configOf(one), configOf(two)
		c := w.adopt(cfg, other)
		var busy sync.WaitGroup
		for range 4 {
			busy.Go(func() {
				for range 200 {
					c.Refresh(t.Context(), 10*time.Millisecond)
					_, _, _ = c.Set().Keys(), c.Status(), c.Config()
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		busy.Go(func() {
			for i := range 100 {
				next := []Config{cfg}
				if i%3 > 0 {
					next = append(next, other)
				}
				next[0].Source.Timeout = time.Duration(1+i%2) * time.Second
				if p, err := w.group.Plan(next); err == nil {
					w.group.Adopt(p)
				}
				if i%4 > 0 { // some of them in a row
					time.Sleep(90 * time.Millisecond)
				}
			}
		})
		busy.Wait()
		pass(15 * time.Second)
		w.wantKeys(c, "a=active b=active")
	})
}

// A group that has stopped can be adopted into, and run once more.
func TestRunReturnsWithNothingLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		idp := newIssuer("idp.test", "a")
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Drip: time.Second})
		w.adopt(configOf(idp))
		for range 2 {
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
			if err := w.group.Run(ctx); err != nil {
				t.Error(err)
			}
			if time.Now().Nanosecond() != 0 {
				t.Errorf("it waited for the server: %s", time.Now())
			}
			stop()
			n := len(asked(idp))
			pass(time.Hour)
			if len(asked(idp)) != n || n == 0 {
				t.Errorf("%d requests, then %d", n, len(asked(idp)))
			}
		}
		// synctest fails the test if a goroutine is left.
	})
}

// A reload may name the same configurations as before in a slice that the caller
// uses again.
func TestPlanKeepsItsOwnConfigurations(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfgs := []Config{configOf(newIssuer("one.test", "a")), configOf(newIssuer("two.test", "a"))}
		w.adopt(cfgs...)
		names := func() (all []string) {
			for _, m := range w.group.members {
				all = append(all, m.Config().Name)
			}
			slices.Sort(all)
			return all
		}
		cfgs[0].Name, cfgs[1].Name = "x", "y"
		if diff := cmp.Diff([]string{"one.test", "two.test"}, names()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSameSource(t *testing.T) {
	idp := newIssuer("idp.test")
	a := Source{URI: "u", Timeout: 1, CAFile: "c", Transport: devissuer.Transport{Handler: idp}}
	if !sameSource(a, a) {
		t.Error("a source is not the same as itself")
	}
	for name, change := range map[string]func(*Source){
		"URI": func(s *Source) { s.URI = "v" }, "Discovery": func(s *Source) { s.Discovery = "d" },
		"File": func(s *Source) { s.File = "f" }, "Inline": func(s *Source) { s.Inline = []byte("i") },
		"Timeout": func(s *Source) { s.Timeout = 2 }, "CAFile": func(s *Source) { s.CAFile = "d" },
		"AllowInsecureHTTP": func(s *Source) { s.AllowInsecureHTTP = true }, "Transport": func(s *Source) { s.Transport = nil },
	} {
		b := a
		b.Inline = bytes.Clone(a.Inline)
		if change(&b); sameSource(a, b) {
			t.Errorf("%s does not count", name)
		}
	}
}
