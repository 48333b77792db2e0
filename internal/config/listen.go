package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// SocketNameRoom is how many bytes longer than the configured path the name may
// be under which a unix socket is bound before it is renamed into place.
const SocketNameRoom = 8

// maxSocketPath leaves that room in sockaddr_un.sun_path, which holds 108 bytes
// on Linux with the NUL at the end.
const maxSocketPath = 108 - 1 - SocketNameRoom

// Address is where a listener listens, as [net.Listen] takes it. The zero
// Address is no listener.
type Address struct {
	Network string // "tcp" or "unix"
	Addr    string // host:port, or an absolute path
}

// IsZero tells whether there is no listener.
func (a Address) IsZero() bool { return a == Address{} }

// String is the address as the configuration writes it.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix://" + a.Addr
	}
	return a.Addr
}

// Local tells whether only this machine (or this pod) can reach the address.
func (a Address) Local() bool {
	if a.Network != "tcp" {
		return true
	}
	host, _, _ := net.SplitHostPort(a.Addr)
	return loopback(host)
}

// loopback tells whether a host name or address stays on this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// overlaps tells whether two listeners cannot both bind.
func (a Address) overlaps(b Address) bool {
	if a.Network != b.Network || a.Network == "unix" {
		return a == b
	}
	aHost, aPort, _ := net.SplitHostPort(a.Addr)
	bHost, bPort, _ := net.SplitHostPort(b.Addr)
	if aPort != bPort || aPort == "0" {
		return false
	}
	everywhere := func(host string) bool {
		ip, err := netip.ParseAddr(host)
		return host == "" || err == nil && ip.IsUnspecified()
	}
	return strings.EqualFold(aHost, bHost) || everywhere(aHost) || everywhere(bHost)
}

func parseAddress(s string) (Address, string) {
	if path, unix := strings.CutPrefix(s, "unix:"); unix {
		path = strings.TrimPrefix(path, "//")
		switch {
		case !filepath.IsAbs(path) || strings.HasSuffix(path, "/"):
			return Address{}, fmt.Sprintf("%s must name a file by an absolute path, such as unix:///run/jwtguard/authz.sock", quote(s))
		case len(path) > maxSocketPath:
			return Address{}, fmt.Sprintf("the path is %d bytes long, the system has room for %d: choose a shorter one", len(path), maxSocketPath)
		}
		return Address{"unix", filepath.Clean(path)}, ""
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, "/ ") {
		return Address{}, fmt.Sprintf("%s is no address: write host:port (such as 127.0.0.1:9191) or unix:///path", quote(s))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return Address{}, fmt.Sprintf("%s has no port between 0 and 65535: write host:port, such as 127.0.0.1:9191", quote(s))
	}
	return Address{"tcp", s}, ""
}

// optionalAddress reads an address; empty is no listener.
func (r *reader) optionalAddress(dst *Address) func(value) {
	return func(v value) {
		*dst = Address{}
		if s, ok := r.str(v); ok && s != "" {
			r.parseAddress(dst, v.path, s)
		}
	}
}

func (r *reader) address(dst *Address) func(value) {
	return func(v value) {
		if s, ok := r.str(v); ok {
			r.parseAddress(dst, v.path, s)
		}
	}
}

func (r *reader) parseAddress(dst *Address, path, s string) {
	a, complaint := parseAddress(s)
	if complaint != "" {
		r.bad(path, "%s", complaint)
		return
	}
	*dst = a
}

func defaultListen() Listen {
	return Listen{
		GRPC:       []GRPC{{Address: Address{"tcp", "127.0.0.1:9191"}}},
		SocketMode: 0o660,
		Admin:      Address{"tcp", "127.0.0.1:9192"},
		Metrics:    Address{"tcp", ":9193"},
		Drain:      5 * time.Second,
	}
}

// listen reads where the guard answers; l holds the defaults. Policies are nil
// if they could not be read.
func (r *reader) listen(v value, l *Listen, policies map[string]Policy) {
	if v.node == nil {
		return
	}
	paths := []string{v.path + ".grpc"}
	r.mapping(v,
		field{"grpc", func(v value) { l.GRPC, paths = r.grpc(v, policies) }},
		field{"socket_mode", r.socketMode(&l.SocketMode)},
		field{"admin", r.optionalAddress(&l.Admin)},
		field{"metrics", r.optionalAddress(&l.Metrics)},
		field{"tls", func(v value) { r.tls(v, &l.TLS) }},
		field{"drain", r.duration(&l.Drain, 0)},
	)
	r.apart(v.path, l, paths)
}

// apart refuses two listeners where one must fail to bind.
func (r *reader) apart(path string, l *Listen, grpc []string) {
	type listener struct {
		path string
		Address
	}
	var all []listener
	for i, g := range l.GRPC {
		all = append(all, listener{grpc[i], g.Address})
	}
	all = append(all, listener{path + ".admin", l.Admin}, listener{path + ".metrics", l.Metrics})
	for i, a := range all {
		for _, b := range all[:i] {
			if a.IsZero() || b.IsZero() || !a.overlaps(b.Address) {
				continue
			}
			// The one that is written is the one to change.
			here, there := a, b
			if !r.written(a.path) {
				here, there = b, a
			}
			r.bad(here.path, "%s is taken by %s (%s): give each its own address", here.Address, there.path, there.Address)
			break
		}
	}
}

// grpc reads one address, or a list of address and policy. The paths are those
// of the listeners.
func (r *reader) grpc(v value, policies map[string]Policy) (list []GRPC, paths []string) {
	if v.node.Kind != yaml.SequenceNode {
		var g GRPC
		r.address(&g.Address)(v)
		return []GRPC{g}, []string{v.path}
	}
	r.list(v, maxListeners, func(item value) {
		var g GRPC
		if !r.mapping(item,
			field{"address", r.address(&g.Address)},
			field{"policy", r.text(&g.Policy)},
		) {
			return
		}
		if !r.written(item.path + ".address") {
			r.bad(item.path, "needs an address, such as 127.0.0.1:9191 or unix:///run/jwtguard/authz.sock")
		}
		if _, ok := policies[g.Policy]; g.Policy != "" && policies != nil && !ok {
			r.bad(item.path+".policy", "there is no policy %s: %s", quote(g.Policy), r.suggest(g.Policy, sortedKeys(policies)))
		}
		list, paths = append(list, g), append(paths, item.path)
	})
	if len(v.node.Content) == 0 {
		r.bad(v.path, "needs at least one listener")
	}
	return list, paths
}

func (r *reader) socketMode(dst *fs.FileMode) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, `octal permissions, such as "0660"`)
		if !ok {
			return
		}
		mode, err := strconv.ParseUint(s, 8, 32)
		if err != nil || mode > 0o777 || len(s) < 3 {
			r.bad(v.path, `must be octal permissions, such as "0660", not %s`, quote(s))
			return
		}
		*dst = fs.FileMode(mode)
	}
}

func (r *reader) tls(v value, t *TLS) {
	before := len(r.problems.List)
	if !r.mapping(v,
		field{"cert", r.file(&t.Cert, checkAuthorities)},
		field{"key", r.file(&t.Key, checkPrivateKey)},
		field{"client_ca", r.file(&t.ClientCA, checkAuthorities)},
	) {
		return
	}
	switch {
	case t.Cert != "" && t.Key == "":
		r.bad(v.path, "cert and key go together: set key too")
	case t.Key != "" && t.Cert == "":
		r.bad(v.path, "cert and key go together: set cert too")
	case t.ClientCA != "" && t.Cert == "":
		r.bad(v.path+".client_ca", "works with cert and key alone: set them too")
	case t.Cert != "" && len(r.problems.List) == before:
		if complaint := checkPair(t.Cert, t.Key); complaint != "" {
			r.bad(v.path+".key", "%s", complaint)
		}
	}
}

// absolute checks a path that must not depend on where the guard was started.
func absolute(s string) string {
	if !filepath.IsAbs(s) {
		return fmt.Sprintf("must be an absolute path, not %s", quote(s))
	}
	return ""
}
