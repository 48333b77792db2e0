package jwkscache

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestForbiddenAddresses(t *testing.T) {
	tests := []struct{ addr, why string }{
		{"169.254.169.254", "link-local"},
		{"169.254.170.2", "link-local"}, // ECS task credentials
		{"::ffff:169.254.169.254", "link-local"},
		{"64:ff9b::a9fe:a9fe", "link-local"},
		{"2002:a9fe:a9fe::1", "link-local"},
		{"::a9fe:a9fe", "IPv4-compatible"},
		{"fe80::a9fe:a9fe", "link-local"},
		{"fe80::1%eth0", "link-local"},
		{"febf::1", "link-local"},
		{"0.0.0.0", "this host"},
		{"0.1.2.3", "this host"},
		{"::", "unspecified"},
		{"::ffff:0.0.0.0", "this host"},
		{"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"ff02::1", "multicast"},
		{"255.255.255.255", "broadcast"},
		{"fd00:ec2::254", "AWS"},
		{"fd00:ec2::23", "AWS"},
		{"fd20:ce::254", "Google"},
		{"168.63.129.16", "Azure"},
		{"100.100.100.200", "Alibaba"},
		{"::ffff:100.100.100.200", "Alibaba"},
		{"fd00:100::100:200", "Alibaba"},
		{"fd00:c1::a9fe:a9fe", "Oracle"},
		{"192.0.0.192", "Oracle"},
		{"fd00:42::42", "Scaleway"},
		{"fd00:a9fe:a9fe::1", "Akamai"},

		{"127.0.0.1", ""},
		{"::1", ""},
		{"10.0.0.7", ""}, // issuers live in private networks
		{"172.16.3.4", ""},
		{"192.168.1.1", ""},
		{"100.64.0.1", ""},
		{"fd12:3456::1", ""},
		{"203.0.113.9", ""},
		{"169.253.255.255", ""},
		{"170.0.0.0", ""},
		{"2001:db8::1", ""},
		{"64:ff9b::a00:7", ""},
	}
	for _, tt := range tests {
		err := checkAddr(netip.MustParseAddr(tt.addr))
		if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %q", tt.addr, err, tt.why)
		}
	}
}

func TestLocalhostMustBeThisMachine(t *testing.T) {
	if err := checkResolved("localhost", "[::1]:80"); err != nil {
		t.Error(err)
	}
	err := checkResolved("LocalHost", "10.0.0.7:80")
	if err == nil || !strings.Contains(err.Error(), "address 10.0.0.7 is refused: LocalHost must be a loopback address") {
		t.Errorf("%v", err)
	}
	if err := checkResolved("idp.example", "nonsense"); err == nil {
		t.Error("an address that is not understood is dialled")
	}
}

// A name that first leads to the issuer and then to the metadata service is
// judged where it leads, at each fetch.
func TestReboundNameIsRefused(t *testing.T) {
	ca := newTestCA(t)
	cert := ca.issue(t, "idp.example", time.Now().Add(time.Hour))
	u := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, respond(keySet))

	f := mustFetcher(t, Source{URI: "https://idp.example:" + u.Port(), CAFile: ca.file})
	h := f.(*httpSource)
	h.client.dial = guardedDial(resolver("127.0.0.1"))
	fetchOK(t, f, false)

	h.client.dial = guardedDial(resolver("169.254.169.254"))
	e := fetchFails(t, f)
	var refused *refusedError
	if e.Result != ResultNetwork || !errors.As(e, &refused) || refused.addr != netip.MustParseAddr("169.254.169.254") {
		t.Errorf("%s: %v", e.Result, e)
	}
}

func TestEachFetchAsksTheResolverAnew(t *testing.T) {
	ca := newTestCA(t)
	cert := ca.issue(t, "idp.example", time.Now().Add(time.Hour))
	u := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, respond(keySet))
	f := mustFetcher(t, Source{URI: "https://idp.example:" + u.Port(), CAFile: ca.file})
	var asked atomic.Int32
	r := resolver("127.0.0.1")
	dial := r.Dial
	r.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		asked.Add(1)
		return dial(ctx, network, address)
	}
	f.(*httpSource).client.dial = guardedDial(r)
	fetchOK(t, f, false)
	first := asked.Load()
	fetchOK(t, f, false)
	if asked.Load() != 2*first {
		t.Errorf("the resolver was asked %d times, then %d", first, asked.Load()-first)
	}
}

func TestUnknownNameIsANetworkError(t *testing.T) {
	f := mustFetcher(t, Source{URI: "https://nowhere.example"})
	f.(*httpSource).client.dial = guardedDial(resolver(""))
	e := fetchFails(t, f)
	if e.Result != ResultNetwork || !strings.Contains(e.Error(), "no such host") {
		t.Errorf("%s: %v", e.Result, e)
	}
}

// resolver answers every question for an IPv4 address with addr, or that there is
// no such name. It speaks DNS over an in-memory stream.
func resolver(addr string) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				for answerDNS(server, addr) == nil {
				}
			}()
			return client, nil
		},
	}
}

// answerDNS answers one question of a stream (RFC 1035, section 4.2.2).
func answerDNS(c net.Conn, addr string) error {
	var size uint16
	if err := binary.Read(c, binary.BigEndian, &size); err != nil {
		return err
	}
	query := make([]byte, size)
	if _, err := io.ReadFull(c, query); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	switch {
	case addr == "":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	return err
}
