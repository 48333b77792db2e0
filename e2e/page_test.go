package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

var desk, phone = harness.Look{Width: 1280, Height: 900}, harness.Look{Width: 390, Height: 844}

const adminToken = "correct-horse-battery-staple"

// secretFile is a file with the token for changes.
func secretFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(harnesstest.TempDir(t), "token")
	if err := os.WriteFile(path, []byte(adminToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A rotation as the page shows it, without one reload: who is in use, what is
// refused, what is withdrawn; and retiring the old key by hand.
func TestPageFollowsARotation(t *testing.T) {
	c := browser(t)
	w := newWorld(t, setup{admin: freePort(t), top: "admin: { token_file: " + secretFile(t) + " }", keys: "grace: 10m"})
	p := open(t, c, w.admin, desk)
	old := w.key.KID
	p.await("the first key", row(old)+".querySelector('.state').textContent === 'active'")
	p.await("live", "document.querySelector('#live').textContent === 'Live'")
	p.await("it was never used", row(old)+".cells[4].textContent === '–'")

	inFlight := harness.Request{}.Bearer(w.token(nil))
	for range 3 {
		w.send(inFlight)
	}
	w.send(harness.Request{}.Bearer("nonsense"))
	p.await("it is used", row(old)+".cells[4].textContent.match(/now|ago/)")
	p.await("so many times a second", row(old)+".cells[3].textContent !== '0'")
	p.await("a refusal", "document.querySelector('#refusals').textContent.includes('token_malformed11')")
	p.await("it is not safe to retire", row(old)+".cells[6].querySelector('summary').textContent.startsWith('No: no successor in use')")

	next := devissuer.SharedKey("2026-12", "RS256")
	w.issuer.Publish(next)
	p.await("the next key", row(next.KID)+".querySelector('.bar .seg.active')")
	w.send(harness.Request{}.Bearer(next.Token(w.claims(nil))))
	w.issuer.Withdraw(old)
	p.await("the old one is withdrawn", row(old)+".querySelector('.state').textContent === 'grace'")
	p.await("and its bar says so", row(old)+".querySelector('.bar .seg.grace.ahead')")
	p.await("it is in the events", "document.querySelector('#events').textContent.includes('active → grace')")
	p.shoot("rotation", true)

	// Nothing can be changed without the token, and a wrong one changes nothing.
	if shown := ask[int](p, "[...document.querySelectorAll('#rows button')].filter((b) => b.checkVisibility()).length"); shown > 0 {
		t.Errorf("%d buttons without a token", shown)
	}
	order := func(token, action, kid, reason string) {
		t.Helper()
		p.into("#token", token)
		p.press("Enter")
		ask[any](p, fmt.Sprintf("%s.querySelectorAll('button')[%d].click()", row(kid), map[string]int{"retire": 0, "revoke": 1}[action]))
		p.await("the dialog", "document.querySelector('#order').open && document.activeElement.id === 'order-reason'")
		p.into("#order-reason", reason)
		p.press("Enter")
	}
	order("wrong", "retire", old, "rotated")
	p.await("refused", "document.querySelector('#order-answer').textContent.startsWith('Not authorized: ')")
	p.press("Escape")
	p.await("locked again", "!document.querySelector('#order').open && document.querySelector('#unlock-button').textContent === 'Unlock'")

	// What would cut tokens off takes a second deliberate step.
	order(adminToken, "retire", next.KID, "rotated <b>too</b> early")
	p.await("the objection", "document.querySelector('#order-answer').textContent.includes('it is the last usable key')")
	p.shoot("objection", false)
	if ask[bool](p, "document.querySelector('#order-do').disabled") != true {
		t.Error("force is one step away")
	}
	if state := w.rows()[next.KID].State; state != "active" {
		t.Errorf("it is %s before it was confirmed", state)
	}
	p.press("Space") // the focus is on the box
	p.await("the button", "document.querySelector('#order-do').textContent === 'Retire by force' && !document.querySelector('#order-do').disabled")
	p.click("#order-do")
	p.await("done", "document.querySelector('#order-answer').className === 'done'")
	p.press("Enter") // the focus is on the button that closes
	p.await("closed", "!document.querySelector('#order').open && document.activeElement.textContent === 'Retire …'")
	p.await("by force, in the events", "document.querySelector('#events').textContent.includes('ordered: retire by force · corp · rotated <b>too</b> early · token:token')")

	ask[any](p, row(old)+".querySelectorAll('button')[1].click()")
	p.into("#order-reason", "leaked")
	p.press("Enter")
	p.await("the objection", "document.querySelector('#order-answer').textContent.includes('it is the last usable key')")
	p.press("Space")
	p.press("Enter")
	p.await("revoked", row(old)+".querySelector('.state').textContent === 'revoked'")
	p.press("Enter")
	p.shoot("revoked", true)
	if resp, access := w.send(inFlight); resp.Status != http.StatusUnauthorized || value(access.Reason) != "key_revoked" {
		t.Errorf("%d: %s", resp.Status, access.Line)
	}
	if said := p.Complaints(); strings.Count(said, "\n")+1 != 3 || strings.Count(said, "status of 401") != 1 || strings.Count(said, "status of 409") != 2 { // what was refused
		t.Errorf("the console says:\n%s", said)
	}
	if kept := ask[int](p, "localStorage.length + sessionStorage.length + document.cookie.length + (document.documentElement.outerHTML.includes('"+adminToken+"') ? 1 : 0)"); kept > 0 {
		t.Error("the token is kept somewhere")
	}
}

// The page says when it is not live any more, and goes on by itself when the guard
// is back. What happened before that is told by the new guard, and shown once.
func TestPageOutlivesTheGuard(t *testing.T) {
	c := browser(t)
	w := newWorld(t, setup{alone: true, admin: freePort(t), state: newState(t)})
	p := open(t, c, w.admin, phone)
	p.await("live", "document.querySelector('#live').textContent === 'Live' && "+row(w.key.KID))
	ask[any](p, row(w.key.KID)+".querySelector('details').open = true")
	const events = "[...document.querySelectorAll('#events li')].map((e) => e.textContent)"
	p.await("the key's beginning", events+".some((e) => e.includes('first seen'))")
	before := ask[[]string](p, events)
	if err := w.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	p.await("not live", "document.querySelector('#live').textContent.startsWith('Not live: this is as of ')")
	p.shoot("broken", false)
	w.startGuard()
	p.await("live again", "document.querySelector('#live').textContent === 'Live'")
	if !ask[bool](p, row(w.key.KID)+".querySelector('details').open") {
		t.Error("what was open is not any more")
	}
	fresh := open(t, c, w.admin, phone)
	fresh.await("what the old guard saw", fmt.Sprintf("%s.length >= %d", events, len(before)))
	for _, p := range []*tab{p, fresh} {
		if diff := cmp.Diff(before, ask[[]string](p, events)); diff != "" {
			t.Errorf("-before +after the restart:\n%s", diff)
		}
	}
}

// Whatever number of keys there is, and whatever looks at them, nothing runs over
// the edge, and the console has nothing to say.
func TestPageFitsEveryScreen(t *testing.T) {
	c := browser(t)
	for _, tt := range []struct{ name, issuers, first string }{
		{"empty", "", "document.querySelector('#empty').textContent.startsWith('No keys yet')"},
		{"1", manyKeys(t, 1), "document.querySelectorAll('#rows tr').length === 1"},
		{"200", manyKeys(t, 200), "document.querySelectorAll('#rows tr').length === 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, metrics := freePort(t), freePort(t)
			dir := harnesstest.TempDir(t)
			config := fmt.Sprintf("guard: page-test\nlisten: { grpc: \"unix://%s/authz.sock\", admin: %q, metrics: %q, drain: 1ms }\nissuers:\n", dir, address, metrics) +
				"  - { name: down, issuer: \"https://127.0.0.1:1\", audiences: [a], optional: true }\n" + tt.issuers +
				"policies: { default: { issuers: [\"*\"] } }\n"
			g, err := harness.StartGuard(harnesstest.Step(t), harnesstest.GuardBinary(t), dir, config, metrics)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := g.Stop(); err != nil {
					t.Error(err)
				}
			}()
			for name, look := range map[string]harness.Look{"desk": desk, "phone": phone} {
				for scheme, dark := range map[string]bool{"light": false, "dark": true} {
					look.Dark = dark
					p := open(t, c, address, look)
					p.await("live", "document.querySelector('#live').textContent === 'Live' && "+tt.first)
					if wide := ask[[]string](p, `[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".skip, .bar, thead, .hidden-text") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 100))`); len(wide) > 0 {
						t.Errorf("%s: over the edge: %q", name, wide)
					}
					if dark != ask[bool](p, "getComputedStyle(document.body).backgroundColor === 'rgb(16, 20, 25)'") {
						t.Errorf("%s is not %s", name, scheme)
					}
					p.shoot(tt.name+"-"+name+"-"+scheme, tt.name != "200")
					// Chromium tells of the first paint when it has the time: -1 if it has not yet.
					t.Logf("%s, %s: painted after %.0f ms, live after %.0f ms", name, scheme,
						ask[float64](p, "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"), ask[float64](p, "performance.getEntriesByName('live')[0].startTime"))
					p.quiet()
					if err := p.Close(harnesstest.Step(t)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// manyKeys are issuers with so many keys, of kids that would like to be more than
// text.
func manyKeys(t testing.TB, n int) (issuers string) {
	t.Helper()
	const each = 100 // the most that a document may have
	for first := 0; first < n; first += each {
		var keys []devissuer.JWK
		for i := first; i < min(first+each, n); i++ {
			kid := fmt.Sprintf("key-%03d", i)
			switch i {
			case 0:
				kid = `<img src=x onerror="document.title='owned'">`
			case 1:
				kid = strings.Repeat("a-kid-without-end-", 12)
			}
			keys = append(keys, devissuer.NewKey(kid, "EdDSA").JWK())
		}
		path := filepath.Join(harnesstest.TempDir(t), "jwks.json")
		if err := os.WriteFile(path, devissuer.Document(keys...), 0o600); err != nil {
			t.Fatal(err)
		}
		issuers += fmt.Sprintf("  - { name: corp-%d, issuer: \"https://idp-%d.test\", audiences: [a], jwks: { file: %s, interval: 1s } }\n", first, first, path)
	}
	return issuers
}

// Everything can be reached by the keyboard, in the order in which it is read, and
// has a name for those who do not see it.
func TestPageByKeyboard(t *testing.T) {
	c := browser(t)
	w := newWorld(t, setup{alone: true, admin: freePort(t), top: "admin: { token_file: " + secretFile(t) + " }"})
	p := open(t, c, w.admin, desk)
	p.await("live", "document.querySelector('#live').textContent === 'Live' && "+row(w.key.KID))
	var got []string
	focus := "document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.slice(0, 16)"
	p.press("Tab")
	for range 9 {
		got = append(got, ask[string](p, focus))
		if !ask[bool](p, "document.activeElement.matches(':focus-visible') && (getComputedStyle(document.activeElement).outlineStyle !== 'none')") {
			t.Errorf("the focus on %s does not show", got[len(got)-1])
		}
		if id := got[len(got)-1]; id == "token" {
			if err := p.Type(harnesstest.Step(t), adminToken); err != nil {
				t.Fatal(err)
			}
		} else if id == "unlock-button" {
			p.press("Enter")
			p.await("unlocked", "document.querySelector('#unlock-button').textContent === 'Lock changes'")
		}
		p.press("Tab")
	}
	want := "Skip to the keys,events,filter,window,token,unlock-button,Retire key " + w.key.KID + " of corp,Revoke key " + w.key.KID + " of corp,No: no successor"
	if strings.Join(got, ",") != want {
		t.Errorf("the focus goes over %q, want %s", got, want)
	}
	if nameless := ask[[]string](p, `[...document.querySelectorAll("input, select, button")].filter((e) => !e.labels?.length && !e.textContent && !e.getAttribute("aria-label")).map((e) => e.id)`); len(nameless) > 0 {
		t.Errorf("without a name: %q", nameless)
	}
	if bar := ask[string](p, row(w.key.KID)+".querySelector('.bar').getAttribute('aria-label')"); !strings.HasPrefix(bar, "active since ") {
		t.Errorf("the bar is %q", bar)
	}
	p.quiet()
}
