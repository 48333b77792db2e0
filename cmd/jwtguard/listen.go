package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/jwtguard/jwtguard/internal/config"
)

// listener is one that is bound. A unix socket then waits under a temporary name
// for being put into its place.
type listener struct {
	net.Listener
	setting   string
	address   config.Address
	temporary string // empty: nothing waits
}

// listen binds a listener. The error says which setting of the configuration it
// is about, and what to do.
func listen(setting string, a config.Address, mode fs.FileMode) (*listener, error) {
	l := &listener{setting: setting, address: a}
	if a.Network == "unix" {
		if err := l.bind(mode); err != nil {
			return nil, fmt.Errorf("%s: %w", l, err)
		}
		return l, nil
	}
	var err error
	if l.Listener, err = net.Listen(a.Network, a.Addr); err != nil {
		return nil, fmt.Errorf("%s: %w; %s", l, cause(err), remedy(err))
	}
	return l, nil
}

// String is the setting and the address, as errors begin.
func (l *listener) String() string { return l.setting + ": " + l.address.String() }

// at is where it listens, with the port that the system chose for port 0.
func (l *listener) at() string {
	if l.address.Network == "unix" {
		return l.address.String()
	}
	return l.Addr().String()
}

// bind binds a unix socket under a temporary name. That is also what net unlinks
// at close: the name in place may be a successor's by then.
func (l *listener) bind(mode fs.FileMode) error {
	path := l.address.Addr
	switch info, err := os.Lstat(path); {
	case err == nil && info.Mode().Type() != fs.ModeSocket:
		return errors.New("something that is no socket has this name; remove it, or choose another one")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return cause(err)
	}
	// Not the process's id: in containers that share the folder, each has id 1.
	// Six digits in base 36; see config.SocketNameRoom.
	temporary := path + "." + strconv.FormatInt(1<<30+rand.Int64N(1<<30), 36) + "~"
	bound, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return fmt.Errorf("%w; does the folder exist, and may this user write to it?", cause(err))
	}
	l.Listener, l.temporary = bound, temporary
	if err := os.Chmod(temporary, mode); err != nil {
		l.Close()
		return cause(err)
	}
	return nil
}

// place renames a unix socket into its place, so that a starting guard takes over
// from one that still serves without a moment in which nobody listens.
func (l *listener) place() error {
	if l.temporary == "" {
		return nil
	}
	if err := os.Rename(l.temporary, l.address.Addr); err != nil {
		return fmt.Errorf("%s: %w", l, cause(err))
	}
	l.temporary = ""
	return nil
}

// remedy says what to do about a TCP address that cannot be bound.
func remedy(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "write an address of this machine"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not bind the port: choose one from 1024 on"
	case errors.Is(err, syscall.EADDRINUSE):
		return "is another guard running, or the port taken by something else? (see: ss -ltnp)"
	}
	return "write an address of this machine, such as 127.0.0.1"
}

// cause is what went wrong, without the words of the layers above that repeat
// what the message says already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	return err
}
