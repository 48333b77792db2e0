package jwkscache

import (
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Each story of this file is a row of the contract's table of key lives, as a
// running cache lives it.

func TestPublishedKeyIsActiveFromTheNextRefresh(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.wantKeys(c, "a=active")
		w.wantEvents("idp.test key_first_seen a", "idp.test key_state a >active")

		idp.Publish(keyOf("b"))
		pass(4 * time.Minute)
		w.wantKeys(c, "a=active") // the interval less a tenth is not over
		pass(2 * time.Minute)
		w.wantKeys(c, "a=active b=active")
		w.wantEvents("idp.test key_first_seen b", "idp.test key_state b >active")
	})
}

func TestNewKeyWaitsForItsActivation(t *testing.T) {
	for _, tt := range []struct {
		name  string
		delay time.Duration
		nbf   time.Duration
		opens time.Duration // from the start
	}{
		{"activation_delay", 10 * time.Minute, 0, 10 * time.Minute},
		{"nbf", 0, 10 * time.Minute, 10 * time.Minute},
		{"the later one counts", 10 * time.Minute, 20 * time.Minute, 20 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test")
				jwk := keyOf("a").JWK()
				if tt.nbf > 0 {
					jwk["nbf"] = time.Now().Add(tt.nbf).Unix()
				}
				idp.PublishJWK(jwk)
				cfg := configOf(idp)
				cfg.Params.ActivationDelay = tt.delay
				c := w.adopt(cfg)
				pass(time.Second)
				w.wantKeys(c, "a=pending")
				if c.Status().Usable {
					t.Error("usable without an active key")
				}
				pass(tt.opens - 2*time.Second)
				w.wantKeys(c, "a=pending")
				pass(2 * time.Second) // the first fetch was up to half a second late
				w.wantKeys(c, "a=active")
				w.wantEvents("idp.test key_first_seen a", "idp.test key_state a >pending", "idp.test key_state a pending>active")
				if !c.Status().Usable {
					t.Error("not usable once the key is active")
				}
			})
		})
	}
}

func TestPendingKeyThatLeavesWasNeverThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		cfg := configOf(idp)
		cfg.Params.ActivationDelay = time.Hour
		c := w.adopt(cfg)
		pass(time.Second)
		w.events()
		idp.Withdraw("b")
		pass(6 * time.Minute)
		w.wantKeys(c, "a=pending")
		w.wantEvents("idp.test key_dropped b")
	})
}

// The withdrawal in full: noticed, confirmed past all caches, grace, retired at
// the deadline, final, and refused for ever.
func TestWithdrawnKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(6 * time.Minute)
		w.events()
		idp.Withdraw("a")

		missed := w.next(idp, 6*time.Minute)
		if missed.Header.Get("If-None-Match") == "" {
			t.Error("a regular refresh did not ask for changes only")
		}
		w.wantKeys(c, "a=active b=active")
		w.wantEvents("idp.test key_left a")

		confirm := w.next(idp, time.Minute)
		if after := confirm.At.Sub(missed.At); after < 30*time.Second || after > 31*time.Second {
			t.Errorf("confirmed after %s", after)
		}
		if !pastCaches(confirm) {
			t.Errorf("the confirmation may come from a cache: %v", confirm.Header)
		}
		w.wantKeys(c, "a=grace b=active")
		w.wantEvents("idp.test key_removal_confirmed a", "idp.test key_state a active>grace")

		deadline := missed.At.Add(time.Hour)
		w.until(deadline.Add(-time.Nanosecond))
		w.wantKeys(c, "a=grace b=active")
		pass(time.Nanosecond)
		ref, _ := c.Set().Lookup("a")
		if s := ref.State(w.group.clock.Now()); s != keyset.Retired {
			t.Errorf("%s at the deadline", s)
		}
		pass(time.Millisecond)
		w.wantKeys(c, "a=retired! b=active")
		w.wantEvents("idp.test key_state a grace>retired", "idp.test key_final a")

		idp.Publish(keyOf("a"), keyOf("c"))
		pass(6 * time.Minute)
		w.wantKeys(c, "a=retired! b=active c=active")
		w.wantEvents("idp.test anomaly a retired_key_returned", "idp.test key_first_seen c", "idp.test key_state c >active")
		pass(time.Hour)
		w.wantEvents() // once is enough
	})
}

// Where final keys come back under another name, or as half of them.
func TestRetiredMaterialReturnsInDisguise(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "b")
		rsa := devissuer.SharedKey("rsa", "RS256")
		idp.Publish(rsa)
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Withdraw("rsa")
		pass(2 * time.Hour)
		w.wantKeys(c, "b=active rsa=retired!")
		w.events()

		renamed := rsa.Renamed("new-name").JWK()
		exponent := rsa.Renamed("other-exponent").JWK()
		exponent["e"] = "Aw" // 3: another thumbprint, the same secret
		idp.PublishJWK(renamed, exponent)
		pass(6 * time.Minute)
		w.wantKeys(c, "b=active rsa=retired!")
		w.wantEvents("idp.test anomaly new-name retired_key_returned", "idp.test anomaly other-exponent retired_key_returned")
		for _, kid := range []string{"new-name", "other-exponent"} {
			if ref, ok := c.Set().Lookup(kid); !ok || ref.State(w.group.clock.Now()) != keyset.Retired {
				t.Errorf("%s is not answered as the retired key: %v %v", kid, ref, ok)
			}
		}
	})
}

func TestFlappingEdgeChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		for range 10 {
			idp.Withdraw("a")
			w.next(idp, 6*time.Minute)
			w.wantKeys(c, "a=active b=active")
			idp.Publish(keyOf("a"))
			w.next(idp, time.Minute)
			w.wantKeys(c, "a=active b=active")
			w.wantEvents("idp.test key_left a", "idp.test key_returned a")
		}
	})
}

// An absence that cannot be confirmed, since the issuer fails, counts after two
// intervals all the same.
func TestUnconfirmedAbsenceCountsAfterTwoIntervals(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		idp.Withdraw("a")
		missed := w.next(idp, 6*time.Minute)
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(500))
		w.until(missed.At.Add(10*time.Minute - time.Second))
		w.wantKeys(c, "a=active b=active")
		pass(2 * time.Second)
		w.wantKeys(c, "a=grace b=active")
		w.wantEvents("idp.test key_left a", "idp.test key_state a active>grace")
		w.until(missed.At.Add(time.Hour + time.Second))
		w.wantKeys(c, "a=retired b=active") // one observation lacked it: not final

		idp.Heal()
		pass(6 * time.Minute)
		w.wantKeys(c, "a=retired! b=active")
	})
}

// The grace of a key that was withdrawn during an outage begins no later than
// when the last sight of it grew stale.
func TestOutageDoesNotProlongTheGrace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
		idp.Withdraw("a")
		seen := c.Set().Observed().Life
		pass(4*time.Hour + 30*time.Minute)
		if !c.Set().Stale(w.group.clock.Now()) {
			t.Error("not stale after four and a half hours")
		}
		idp.Heal()
		pass(7 * time.Minute)
		ref, _ := c.Set().Lookup("a")
		if want := seen.Add(5 * time.Hour); !ref.GraceUntil.Equal(want) {
			t.Errorf("grace until %s, want %s", ref.GraceUntil, want)
		}
		w.wantKeys(c, "a=grace b=active")
		w.until(seen.Add(5*time.Hour + time.Second))
		w.wantKeys(c, "a=retired! b=active")
	})
}

// An empty key set withdraws everything, but nothing becomes final before there
// are real keys again.
func TestEmptyKeySet(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		idp.Replace()
		pass(6 * time.Minute)
		w.wantKeys(c, "a=grace b=grace")
		w.wantEvents("idp.test key_left a", "idp.test key_left b", "idp.test anomaly mass_removal",
			"idp.test key_removal_confirmed a", "idp.test key_removal_confirmed b",
			"idp.test key_state a active>grace", "idp.test key_state b active>grace")
		pass(90 * time.Minute)
		w.wantKeys(c, "a=retired b=retired")
		w.wantEvents("idp.test key_state a grace>retired", "idp.test key_state b grace>retired")

		idp.Publish(keyOf("a"), keyOf("c")) // one of them, and a new one
		pass(6 * time.Minute)
		w.wantKeys(c, "a=active b=retired! c=active")
		w.wantEvents("idp.test key_returned a", "idp.test anomaly a removal_reverted", "idp.test key_state a retired>active",
			"idp.test key_first_seen c", "idp.test key_state c >active", "idp.test key_final b")
	})
}

func TestMassRemoval(t *testing.T) {
	for _, tt := range []struct {
		name   string
		leaves []string
		is     bool
	}{
		{"three of four", []string{"a", "b", "c"}, true},
		{"half of four", []string{"a", "b"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a", "b", "c", "d")
				w.adopt(configOf(idp))
				pass(time.Second)
				w.events()
				idp.Withdraw(tt.leaves...)
				w.next(idp, 6*time.Minute)
				var want []string
				for _, kid := range tt.leaves {
					want = append(want, "idp.test key_left "+kid)
				}
				if tt.is {
					want = append(want, "idp.test anomaly mass_removal")
				}
				w.wantEvents(want...)
			})
		})
	}
}

// A key that returns from its grace and leaves again soon has not earned a
// second grace.
func TestKeyThatComesBackAndLeavesAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Withdraw("a")
		missed := w.next(idp, 6*time.Minute)
		pass(time.Minute)
		w.wantKeys(c, "a=grace b=active")
		w.events()
		idp.Publish(keyOf("a"))
		pass(6 * time.Minute)
		w.wantKeys(c, "a=active b=active")
		w.wantEvents("idp.test key_returned a", "idp.test anomaly a removal_reverted", "idp.test key_state a grace>active")

		idp.Withdraw("a")
		pass(6*time.Minute + 30*time.Second)
		w.wantKeys(c, "a=grace b=active")
		ref, _ := c.Set().Lookup("a")
		if want := missed.At.Add(time.Hour); !ref.GraceUntil.Equal(want) {
			t.Errorf("grace until %s, want the first deadline %s", ref.GraceUntil, want)
		}
	})
}

func TestKeyExpiryIsNotFinal(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "b")
		jwk := keyOf("a").JWK()
		jwk["exp"] = time.Now().Add(20 * time.Minute).Unix()
		idp.PublishJWK(jwk)
		c := w.adopt(configOf(idp))
		pass(19 * time.Minute)
		w.wantKeys(c, "b=active a=active")
		w.events()
		pass(time.Minute + time.Millisecond)
		w.wantKeys(c, "b=active a=retired")
		w.wantEvents("idp.test key_state a active>retired") // told at the deadline, without a fetch
		idp.Withdraw("a")
		jwk["exp"] = time.Now().Add(time.Hour).Unix()
		idp.PublishJWK(jwk)
		pass(6 * time.Minute)
		w.wantKeys(c, "b=active a=active")
	})
}

func TestKidReused(t *testing.T) {
	other := devissuer.NewKey("a", "EdDSA")
	for _, tt := range []struct {
		name    string
		replace bool
		keys    string
	}{
		{"refuse", false, "b=active a=grace"},
		{"replace", true, "b=active a=grace a=active"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "b", "a")
				cfg := configOf(idp)
				cfg.Params.ReplaceReused = tt.replace
				c := w.adopt(cfg)
				pass(time.Second)
				idp.Replace(keyOf("b"), other)
				pass(7 * time.Minute)
				w.wantKeys(c, tt.keys)
				ref, _ := c.Set().Lookup("a")
				if (ref.Thumbprint == other.Thumbprint()) != tt.replace {
					t.Errorf("a names %s", ref.Thumbprint)
				}
			})
		})
	}
}

// An order of the configuration holds from before the first request, and when it
// comes with a reload.
func TestOrdersOfTheConfiguration(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b", "c", "d")
		cfg := configOf(idp)
		cfg.Orders = []keyset.Order{order1(keyset.Revoke, "a")}
		c := w.adopt(cfg)
		if ref, ok := c.Set().Lookup("a"); !ok || ref.State(w.group.clock.Now()) != keyset.Revoked {
			t.Error("the order is not in force before the first fetch")
		}
		pass(time.Second)
		w.wantKeys(c, "a=revoked! b=active c=active d=active")
		w.events()

		retire := order1(keyset.Retire, "b")
		retire.At, retire.Grace = time.Now().Add(time.Minute), time.Minute
		now := order1(keyset.Retire, "c")
		cfg.Orders = append(cfg.Orders, retire, now)
		w.adopt(cfg)
		w.wantKeys(c, "a=revoked! b=active! c=retired! d=active")
		pass(time.Minute + time.Millisecond)
		w.wantKeys(c, "a=revoked! b=grace! c=retired! d=active")
		pass(time.Minute + time.Millisecond)
		w.wantKeys(c, "a=revoked! b=retired! c=retired! d=active")

		// Removing the lines gives nothing back, nor does listing the keys.
		cfg.Orders = nil
		w.adopt(cfg)
		pass(time.Hour)
		w.wantKeys(c, "a=revoked! b=retired! c=retired! d=active")

		reinstate := order1(keyset.Reinstate, "b")
		reinstate.At = time.Now()
		revoked := order1(keyset.Reinstate, "a")
		revoked.At = time.Now()
		cfg.Orders = []keyset.Order{retire, reinstate, revoked}
		w.adopt(cfg)
		pass(6 * time.Minute)
		w.wantKeys(c, "a=revoked! b=active c=retired! d=active")
		w.events()
		w.adopt(cfg) // reading it again retires and reinstates nothing in turn
		pass(time.Second)
		w.wantKeys(c, "a=revoked! b=active c=retired! d=active")
		w.wantEvents()
	})
}

// Trust never crosses issuers, distrust does: whether a key is revoked by an
// order at start, by one that a reload brings, or by its private part in a
// document. Issuers that come later learn of it too.
func TestRevokedMaterialIsRefusedUnderEveryIssuer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		revoke func(w *world, idp *devissuer.Issuer, cfg Config, others ...Config)
	}{
		{"order", func(w *world, _ *devissuer.Issuer, cfg Config, others ...Config) {
			cfg.Orders = []keyset.Order{order1(keyset.Revoke, "a")}
			w.adopt(append([]Config{cfg}, others...)...)
			pass(time.Millisecond)
		}},
		{"order of an issuer that is new", func(w *world, _ *devissuer.Issuer, cfg Config, others ...Config) {
			last := configOf(newIssuer("new.test"))
			last.Orders = []keyset.Order{{Action: keyset.Revoke, Thumbprint: keyOf("a").Thumbprint()}}
			w.adopt(append([]Config{cfg, last}, others...)...)
			pass(time.Millisecond)
		}},
		{"private key", func(w *world, idp *devissuer.Issuer, _ Config, _ ...Config) {
			idp.Withdraw("a")
			idp.PublishJWK(keyOf("a").PrivateJWK())
			w.next(idp, 6*time.Minute)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two, three := newIssuer("one.test", "a", "b"), newIssuer("two.test"), newIssuer("three.test")
				two.Publish(keyOf("a").Renamed("mine"), keyOf("b"))
				three.Publish(keyOf("a").Renamed("late"), keyOf("c"))
				cfg, other := configOf(one), configOf(two)
				c := w.adopt(cfg, other)
				d := w.group.members[two.URL].Cache
				pass(time.Second)
				w.wantKeys(d, "mine=active b=active")

				tt.revoke(w, one, cfg, other)
				w.wantKeys(c, "a=revoked! b=active")
				w.wantKeys(d, "mine=revoked! b=active") // in the same instant

				w.adopt(cfg, other, configOf(three))
				pass(time.Second)
				last := w.group.members[three.URL].Cache
				w.wantKeys(last, "late=revoked! c=active")
				if ref, ok := last.Set().Lookup("late"); !ok || ref.State(w.group.clock.Now()) != keyset.Revoked {
					t.Errorf("late: %v, %v", ref, ok)
				}
			})
		})
	}
}

// A key that is revoked before this guard ever saw it crosses issuers once its
// material is known: by thumbprint, and by modulus, for whoever has one private
// key of a modulus has them all.
func TestMaterialThatWasRevokedUnseen(t *testing.T) {
	rsa := devissuer.SharedKey("rsa", "RS256")
	exponent := rsa.Renamed("other-exponent").JWK()
	exponent["e"] = "Aw"
	for _, tt := range []struct {
		name   string
		order  keyset.Order
		theirs devissuer.JWK
	}{
		{"by kid", keyset.Order{Action: keyset.Revoke, Kid: "rsa"}, rsa.Renamed("mine").JWK()},
		{"by thumbprint, another exponent", keyset.Order{Action: keyset.Revoke, Thumbprint: rsa.Thumbprint()}, exponent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := newIssuer("one.test", "b"), newIssuer("two.test", "b")
				two.PublishJWK(tt.theirs)
				cfg, other := configOf(one), configOf(two)
				cfg.Orders = []keyset.Order{tt.order}
				w.adopt(cfg, other)
				d := w.group.members[two.URL].Cache
				pass(time.Second)
				kid := tt.theirs["kid"].(string)
				if ref, ok := d.Set().Lookup(kid); !ok || ref.State(w.group.clock.Now()) != keyset.Active {
					t.Errorf("%s before the key was seen: %v", kid, ok)
				}
				one.Publish(rsa)
				pass(6 * time.Minute)
				ref, ok := d.Set().Lookup(kid)
				if !ok || ref.State(w.group.clock.Now()) != keyset.Revoked {
					t.Errorf("%s: %v", kid, ref.State(w.group.clock.Now()))
				}
			})
		})
	}
}

func TestPrivateKeyPublishedIsRevokedAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		// Even where only an old copy of the document showed it.
		idp.PublishJWK(keyOf("a").Renamed("c").PrivateJWK())
		idp.SetHeader("Age", "3600")
		w.next(idp, 6*time.Minute)
		w.wantKeys(c, "a=revoked! b=active")
		w.wantEvents("idp.test anomaly c private_key_published", "idp.test key_state a active>revoked")
		idp.Heal()
		idp.SetHeader("Age", "")
		idp.Replace(keyOf("a"), keyOf("b"))
		pass(6 * time.Minute)
		w.wantKeys(c, "a=revoked! b=active")
	})
}

// Deadlines that stand may come nearer by a new configuration, never go away.
func TestReloadWithAnotherGrace(t *testing.T) {
	for _, tt := range []struct {
		name        string
		grace, want time.Duration // want: from the withdrawal
	}{
		{"shorter", 10 * time.Minute, 10 * time.Minute},
		{"longer", 10 * time.Hour, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a", "b")
				cfg := configOf(idp)
				c := w.adopt(cfg)
				pass(time.Second)
				idp.Withdraw("a")
				missed := w.next(idp, 6*time.Minute)
				pass(time.Minute)
				cfg.Params.Grace = tt.grace
				w.adopt(cfg)
				w.until(missed.At.Add(tt.want - time.Second))
				w.wantKeys(c, "a=grace b=active")
				pass(time.Second + time.Millisecond)
				w.wantKeys(c, "a=retired! b=active")
			})
		})
	}
}

// A reload says that it is in force when it is: no request that begins after
// Adopt meets a key that the plan revoked, whichever issuer lists it.
func TestOrdersAreInForceWhenAdoptReturns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := newIssuer("one.test", "a", "b"), newIssuer("two.test")
		two.Publish(keyOf("a").Renamed("mine"), keyOf("b"))
		cfg, other := configOf(one), configOf(two)
		c := w.adopt(cfg, other)
		d := w.group.members[two.URL].Cache
		pass(time.Second)

		cfg.Orders = []keyset.Order{order1(keyset.Revoke, "a")}
		p, err := w.group.Plan([]Config{cfg, other})
		if err != nil {
			t.Fatal(err)
		}
		w.group.Adopt(p)
		w.wantKeys(c, "a=revoked! b=active")
		w.wantKeys(d, "mine=revoked! b=active")
	})
}
