package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// startLimit is how long Envoy or the guard may take until it is ready, on a
// machine that is busy with other tests.
const startLimit = 30 * time.Second

// Envoy is a running Envoy.
type Envoy struct {
	*Process
	Address string // host:port where clients come in
	Admin   string // host:port of the admin interface
}

// StartEnvoy runs Envoy with the given configuration text and waits until it
// takes requests. dir is a directory for its files. The configuration's first
// listener is where clients come in.
func StartEnvoy(ctx context.Context, binary, dir, config string) (*Envoy, error) {
	// Hot restart would claim an id that all Envoys of a host share.
	return startEnvoy(ctx, binary, filepath.Join(dir, "envoy"), config, "--disable-hot-restart")
}

// startEnvoy starts one whose files have names that begin with path.
func startEnvoy(ctx context.Context, binary, path, config string, more ...string) (*Envoy, error) {
	file, adminFile := path+".yaml", path+"-admin.txt"
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(adminFile); err != nil {
		return nil, err
	}
	p, err := StartProcess("envoy", binary, append([]string{
		"-c", file,
		"--concurrency", "2",
		"--log-level", "warning",
		"--admin-address-path", adminFile,
		"--file-flush-interval-msec", "20",
	}, more...)...)
	if err != nil {
		return nil, err
	}
	e := &Envoy{Process: p}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := e.ready(ctx, adminFile); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start envoy: %w: %s", err, p.Stderr)
	}
	return e, nil
}

// ready waits until Envoy says that it is live, and learns its addresses.
func (e *Envoy) ready(ctx context.Context, adminFile string) error {
	return poll(ctx, e.Process, func() error {
		admin, err := os.ReadFile(adminFile)
		if err != nil {
			return err
		}
		e.Admin = strings.TrimSpace(string(admin))
		if _, err := e.AdminGet(ctx, "/ready"); err != nil {
			return err
		}
		e.Address, err = e.listener(ctx)
		return err
	})
}

// listener is the address of the first listener.
func (e *Envoy) listener(ctx context.Context) (string, error) {
	body, err := e.AdminGet(ctx, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	var doc struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		return "", err
	}
	if len(doc.Statuses) == 0 {
		return "", errors.New("no listener yet")
	}
	a := doc.Statuses[0].Address.Socket
	return net.JoinHostPort(a.Address, strconv.Itoa(a.Port)), nil
}

// AdminGet gives what the admin interface answers; a status other than 200 is
// an error.
func (e *Envoy) AdminGet(ctx context.Context, path string) (string, error) {
	return get(ctx, "http://"+e.Admin+path)
}

// Validate runs `envoy --mode validate` on a configuration text; the error
// holds what Envoy says.
func Validate(ctx context.Context, binary, dir, config string) error {
	file := filepath.Join(dir, "validate.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	p, err := StartProcess("envoy --mode validate", binary,
		"--mode", "validate", "--log-level", "warning", "--disable-hot-restart", "-c", file)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
	}
	if p.ExitCode() != 0 {
		return fmt.Errorf("validate the envoy configuration: %s", p.Stderr)
	}
	return nil
}

// poll tries until try succeeds, the process ends or ctx does.
func poll(ctx context.Context, p *Process, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.Done():
			return p.ended()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// get fetches a small document; a status other than 200 is an error.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}
