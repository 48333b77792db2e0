package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// rolePrefix begins the first argument of a process of this program that is one of
// the servers beside the guard.
const rolePrefix = "role="

// roles are those servers. Each gets one argument, where it listens, and serves
// until it is told to stop.
var roles = map[string]func(at string) error{
	"empty":      serveEmpty,
	"floor":      serveFloor,
	"parrot":     serveParrot,
	"observed":   func(at string) error { return servePrepared(at, true) },
	"unobserved": func(at string) error { return servePrepared(at, false) },
	"collector":  serveCollector,
}

// play is the process in one of its roles, if it is to have one.
func play(args []string) (bool, error) {
	if len(args) != 2 || !strings.HasPrefix(args[0], rolePrefix) {
		return false, nil
	}
	serve, known := roles[strings.TrimPrefix(args[0], rolePrefix)]
	if !known {
		return true, fmt.Errorf("there is no %s", args[0])
	}
	return true, serve(args[1])
}

// cast starts this program in a role.
func cast(role, at string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process, err := harness.StartProcess(role, self, rolePrefix+role, at)
	if err != nil {
		return nil, err
	}
	return &server{process: process}, nil
}

// serveUntilTold serves gRPC on a unix socket until SIGTERM.
func serveUntilTold(socket string, s *grpc.Server) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	onStop(s.Stop)
	return s.Serve(l)
}

func onStop(stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-signals
		stop()
	}()
}
