package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// ChromiumBinary is the path of the Chromium to run, by the rule of
// tools/chromium.sh. It installs nothing: without one it is an error that says what
// to do.
func ChromiumBinary() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "tools", "chromium.sh"), "--installed").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return "", errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// Chromium is a running browser without a window, driven by the DevTools protocol
// over a pipe: JSON messages, each ended by a zero byte.
type Chromium struct {
	*Process
	in *os.File

	mu      sync.Mutex
	last    int                  // by mu: id of the newest call
	calls   map[int]chan message // by mu: those that wait for an answer
	notices map[string]func(message)
	ended   error // by mu: no more answers come
}

// message is a call, its answer, or an event of a tab (a session).
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *failure        `json:"error,omitempty"`
}

// failure is an answer that says no.
type failure struct{ Message string }

// StartChromium runs a browser with a new profile in dir. The caller stops it.
func StartChromium(binary, dir string) (*Chromium, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary,
		"--headless", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--no-first-run", "--no-sandbox", // as root there is none to be had; it sees nothing but our page
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
		"--hide-scrollbars", "--force-color-profile=srgb", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // as 3 and 4
	p, err := startProcess("chromium", cmd)
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		return nil, err
	}
	c := &Chromium{Process: p, in: in, calls: map[int]chan message{}, notices: map[string]func(message){}}
	go c.read(out) // until the browser ends
	return c, nil
}

// read hands out answers and events.
func (c *Chromium) read(out *os.File) {
	defer out.Close()
	messages := bufio.NewScanner(out)
	messages.Buffer(nil, 64<<20) // screenshots
	messages.Split(func(data []byte, _ bool) (int, []byte, error) {
		if n := bytes.IndexByte(data, 0); n >= 0 {
			return n + 1, data[:n], nil
		}
		return 0, nil, nil
	})
	for messages.Scan() {
		var m message
		if json.Unmarshal(messages.Bytes(), &m) != nil {
			continue
		}
		c.mu.Lock()
		answer, notice := c.calls[m.ID], c.notices[m.Session]
		delete(c.calls, m.ID)
		c.mu.Unlock()
		switch {
		case answer != nil:
			answer <- m
		case notice != nil:
			notice(m)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = fmt.Errorf("chromium ended: %s", c.Stderr)
	for id, answer := range c.calls {
		close(answer)
		delete(c.calls, id)
	}
}

// call asks for something and waits for the answer, which goes into result unless
// that is nil.
func (c *Chromium) call(ctx context.Context, session, method string, params, result any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	c.mu.Lock()
	if c.ended != nil {
		c.mu.Unlock()
		return c.ended
	}
	c.last++
	m := message{ID: c.last, Session: session, Method: method, Params: text}
	c.calls[m.ID] = answer
	if text, err = json.Marshal(m); err == nil {
		_, err = c.in.Write(append(text, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: chromium ended", method)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}
