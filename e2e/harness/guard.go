package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// A Guard is a running jwtguard.
type Guard struct {
	*Process
	Metrics string // host:port of /metrics, /healthz and /readyz
}

// StartGuard runs `jwtguard serve` with the given configuration text and waits
// until it is ready. dir is a directory for the file; metrics is the host:port
// that the text names in listen.metrics; flags are more of serve's.
func StartGuard(ctx context.Context, binary, dir, config, metrics string, flags ...string) (*Guard, error) {
	g, err := LaunchGuard(binary, dir, config, metrics, flags...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := g.Ready(ctx); err != nil {
		g.Kill()
		return nil, fmt.Errorf("start jwtguard: %w: %s", err, g.Stderr)
	}
	return g, nil
}

// LaunchGuard is StartGuard without waiting.
func LaunchGuard(binary, dir, config, metrics string, flags ...string) (*Guard, error) {
	file := filepath.Join(dir, "jwtguard.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	args := append([]string{"serve", "-c", file, "--log-format", "json"}, flags...)
	p, err := StartProcess("jwtguard", binary, args...)
	if err != nil {
		return nil, err
	}
	return &Guard{Process: p, Metrics: metrics}, nil
}

// Ready waits until the guard says that it is.
func (g *Guard) Ready(ctx context.Context) error {
	return poll(ctx, g.Process, func() error {
		_, err := get(ctx, "http://"+g.Metrics+"/readyz")
		return err
	})
}

// The range of FreePort lies below the ports that kernels give to outgoing
// connections, which could otherwise take the port before its user does.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePort is a loopback host:port that nobody listens on at the moment.
func FreePort() (string, error) {
	var err error
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no free port between %d and %d: %w", firstPort, lastPort, err)
}
