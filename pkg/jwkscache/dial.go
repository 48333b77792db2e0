package jwkscache

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// dialFunc opens a connection, as [net.Dialer.DialContext] does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// guardedDial refuses forbidden addresses. The check is made on the address that
// is about to be connected to, after the name look-up, so that a name whose
// answer changes between a check and its use (DNS rebinding) gains nothing.
// Without a resolver the system's is asked.
func guardedDial(r *net.Resolver) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{
			Resolver: r,
			Control: func(_, resolved string, _ syscall.RawConn) error {
				return checkResolved(host, resolved)
			},
		}
		return d.DialContext(ctx, network, address)
	}
}

// refusedError is an address that is never connected to, whoever names it.
type refusedError struct {
	addr netip.Addr
	why  string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("address %s is refused: %s", e.addr, e.why)
}

// checkResolved judges the address (with its port) that host stands for.
func checkResolved(host, resolved string) error {
	ap, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return fmt.Errorf("address %q is not understood", resolved)
	}
	if isLoopbackHost(host) && !ap.Addr().Unmap().IsLoopback() {
		// RFC 6761, section 6.3. Plain http is allowed to such hosts because
		// nobody can listen on the way; this keeps it true.
		return &refusedError{ap.Addr(), host + " must be a loopback address; look at /etc/hosts and the resolver"}
	}
	return checkAddr(ap.Addr())
}

// checkAddr refuses addresses where no issuer can be, but where a request made
// from inside a machine may do harm. Private networks are allowed: that is where
// many issuers live.
func checkAddr(a netip.Addr) error {
	inner := embedded(a.WithZone("").Unmap())
	if inner.IsLoopback() {
		return nil
	}
	for _, f := range forbidden {
		if f.prefix.Contains(inner) {
			return &refusedError{a, f.why}
		}
	}
	return nil
}

// isLoopbackHost tells whether a URL's host can only be this machine.
func isLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052, section 2.1
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056, section 2
)

// embedded gives the IPv4 address that a translator or tunnel would make of a,
// or a itself.
func embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// forbidden lists the addresses that are never dialled. Most clouds serve
// instance metadata, with credentials, at link-local addresses; those of the
// third block lie elsewhere, each at the address its provider documents.
var forbidden = []struct {
	prefix netip.Prefix
	why    string
}{
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local (RFC 3927), where clouds serve instance metadata"},
	{netip.MustParsePrefix("fe80::/10"), "link-local (RFC 4291)"},

	{netip.MustParsePrefix("0.0.0.0/8"), "this host (RFC 1122), not a destination"},
	{netip.MustParsePrefix("::/96"), "unspecified or IPv4-compatible (RFC 4291), not a destination"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast (RFC 5771)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast (RFC 4291)"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast (RFC 919)"},

	{netip.MustParsePrefix("fd00:ec2::/32"), "services of an AWS host: metadata (::254), pod credentials (::23)"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "Google Cloud instance metadata"},
	{netip.MustParsePrefix("168.63.129.16/32"), "Azure WireServer, which configures the machine"},
	{netip.MustParsePrefix("100.100.100.200/32"), "Alibaba Cloud instance metadata"},
	{netip.MustParsePrefix("fd00:100::100:200/128"), "Alibaba Cloud instance metadata"},
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "Oracle Cloud instance metadata"},
	{netip.MustParsePrefix("192.0.0.192/32"), "Oracle Cloud Classic instance metadata"},
	{netip.MustParsePrefix("fd00:42::42/128"), "Scaleway instance metadata"},
	{netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"), "Akamai (Linode) instance metadata"},
}
