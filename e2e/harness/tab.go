package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Tab is a page that is open in a browser.
type Tab struct {
	browser *Chromium
	session string
	target  string

	mu         sync.Mutex
	complaints []string // by mu
}

// Look is how a tab is looked at.
type Look struct {
	Width, Height int
	Dark          bool
}

// Open opens a tab.
func (c *Chromium) Open(ctx context.Context, url string, look Look) (*Tab, error) {
	t := &Tab{browser: c}
	var made struct{ TargetID, SessionID string }
	if err := c.call(ctx, "", "Target.createTarget", object{"url": "about:blank"}, &made); err != nil {
		return nil, err
	}
	t.target = made.TargetID
	if err := c.call(ctx, "", "Target.attachToTarget", object{"targetId": t.target, "flatten": true}, &made); err != nil {
		return nil, err
	}
	t.session = made.SessionID
	c.mu.Lock()
	c.notices[t.session] = t.notice
	c.mu.Unlock()
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	for _, s := range []struct {
		method string
		params object
	}{
		{"Runtime.enable", object{}},
		{"Log.enable", object{}},
		{"Emulation.setDeviceMetricsOverride", object{"width": look.Width, "height": look.Height, "deviceScaleFactor": 1, "mobile": false}},
		{"Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Page.navigate", object{"url": url}},
	} {
		if err := c.call(ctx, t.session, s.method, s.params, nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

type object = map[string]any

// notice keeps what the page's console says of errors: exceptions, what the
// Content-Security-Policy stopped, what could not be loaded.
func (t *Tab) notice(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled":
		t.mu.Lock()
		defer t.mu.Unlock()
		t.complaints = append(t.complaints, string(m.Params))
	}
}

// Complaints is what the console said so far.
func (t *Tab) Complaints() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.complaints, "\n")
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and
// puts its value into result.
func (t *Tab) Eval(ctx context.Context, expression string, result any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := t.browser.call(ctx, t.session, "Runtime.evaluate", object{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer); err != nil {
		return err
	}
	if e := answer.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil || len(answer.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, result)
}

// Press presses and releases a key: Tab, Enter, Escape or Space.
func (t *Tab) Press(ctx context.Context, key string) error {
	code, text, name := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32}[key], map[string]string{"Enter": "\r", "Space": " "}[key], key
	if key == "Space" {
		name = " "
	}
	down := object{"type": "keyDown", "key": name, "code": key, "windowsVirtualKeyCode": code}
	if text != "" {
		down["text"] = text
	}
	if err := t.browser.call(ctx, t.session, "Input.dispatchKeyEvent", down, nil); err != nil {
		return err
	}
	return t.browser.call(ctx, t.session, "Input.dispatchKeyEvent", object{"type": "keyUp", "key": name, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// Type types a text into what has the focus.
func (t *Tab) Type(ctx context.Context, text string) error {
	return t.browser.call(ctx, t.session, "Input.insertText", object{"text": text}, nil)
}

// Screenshot is what the tab shows, as PNG; whole: also what is below the fold.
func (t *Tab) Screenshot(ctx context.Context, whole bool) ([]byte, error) {
	var picture struct{ Data []byte }
	err := t.browser.call(ctx, t.session, "Page.captureScreenshot", object{"format": "png", "captureBeyondViewport": whole}, &picture)
	return picture.Data, err
}

// Close closes the tab.
func (t *Tab) Close(ctx context.Context) error {
	return t.browser.call(ctx, "", "Target.closeTarget", object{"targetId": t.target}, nil)
}
