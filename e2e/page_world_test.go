package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// browser starts a Chromium until the test ends. Without one the test is skipped,
// or fails where CI=true.
func browser(t testing.TB) *harness.Chromium {
	t.Helper()
	binary, err := harness.ChromiumBinary()
	harnesstest.Need(t, err)
	c, err := harness.StartChromium(binary, harnesstest.TempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Kill() })
	return c
}

// tab is the page of a guard in a browser.
type tab struct {
	*harness.Tab
	t testing.TB
}

func open(t testing.TB, c *harness.Chromium, address string, look harness.Look) *tab {
	t.Helper()
	opened, err := c.Open(harnesstest.Step(t), "http://"+address+"/", look)
	if err != nil {
		t.Fatal(err)
	}
	return &tab{opened, t}
}

// ask is the value of an expression.
func ask[V any](p *tab, expression string) (v V) {
	p.t.Helper()
	if err := p.Eval(harnesstest.Step(p.t), expression, &v); err != nil {
		p.t.Fatal(err)
	}
	return v
}

// await waits until an expression is true.
func (p *tab) await(what, expression string) {
	p.t.Helper()
	// The page looks again whenever something in it changes.
	waiting := fmt.Sprintf(`new Promise((done) => {
		const look = () => { let v = false; try { v = !!(%s); } catch {} return v; };
		if (look()) return done(true);
		const o = new MutationObserver(() => { if (look()) { o.disconnect(); clearTimeout(t); done(true); } });
		o.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		const t = setTimeout(() => { o.disconnect(); done(look()); }, %d);
	})`, expression, (limit - 5*time.Second).Milliseconds())
	for deadline := time.Now().Add(limit); ; {
		var ok bool
		if err := p.Eval(harnesstest.Step(p.t), waiting, &ok); err == nil && ok {
			return
		} else if time.Now().After(deadline) || err == nil { // the document may just be replaced
			p.t.Fatalf("%s: %s is not so: %v\n%s", what, expression, err, ask[string](p, "document.body.innerText"))
		}
	}
}

// click clicks what a selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	ask[any](p, fmt.Sprintf("document.querySelector(%s).click()", quoted(selector)))
}

// into types a text into the field that a selector finds.
func (p *tab) into(selector, text string) {
	p.t.Helper()
	ask[any](p, fmt.Sprintf("(() => { const e = document.querySelector(%s); e.focus(); e.select(); })()", quoted(selector)))
	if err := p.Type(harnesstest.Step(p.t), text); err != nil {
		p.t.Fatal(err)
	}
}

// press presses a key.
func (p *tab) press(key string) {
	p.t.Helper()
	if err := p.Press(harnesstest.Step(p.t), key); err != nil {
		p.t.Fatal(err)
	}
}

// shoot keeps a picture in the directory that PAGE_SHOTS names, for people.
func (p *tab) shoot(name string, whole bool) {
	p.t.Helper()
	dir := os.Getenv("PAGE_SHOTS")
	if dir == "" {
		return
	}
	picture, err := p.Screenshot(harnesstest.Step(p.t), whole)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// quiet tells that the console had nothing to complain about.
func (p *tab) quiet() {
	p.t.Helper()
	if said := p.Complaints(); said != "" {
		p.t.Errorf("the console says:\n%s", said)
	}
}

// row is an expression for the row of the key of this kid.
func row(kid string) string {
	return fmt.Sprintf("[...document.querySelectorAll('#rows tr')].find((r) => r.querySelector('.kid').textContent === %s)", quoted(kid))
}

// quoted is a string of the page's language.
func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
