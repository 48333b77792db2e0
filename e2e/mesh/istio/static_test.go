package istio

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xdstest"
)

// stripped are the filters of Istio that only its own build of Envoy has. They exchange
// names of workloads, choose ALPN protocols and count; none of them decides anything.
var stripped = []string{"istio.alpn", "istio.metadata_exchange", "istio.stats"}

// connectionManager is the filter that holds the HTTP filters.
const connectionManager = "envoy.filters.network.http_connection_manager"

// places say where what Istio names is on this machine: by host:port, by the path of a
// unix socket, or by the name of a cluster that stands for the pod's own container.
type places map[string]string

// static gives a bootstrap for an Envoy without a control plane:
//
//   - one listener, with the chain of filters that Istio made, on a loopback address;
//   - routes in the connection manager, in place of RDS;
//   - the clusters that these name, with their endpoints in place of EDS, at their
//     places on this machine, and without the mesh's mutual TLS, whose certificates
//     only Istio's agent has;
//   - without the filters in stripped.
func (p *plane) static(proxy *model.Proxy, chain *listenerv3.FilterChain, address string, at places) string {
	p.t.Helper()
	for _, f := range chain.Filters {
		if f.Name == connectionManager {
			p.inline(proxy, f)
		}
	}
	chain.Filters = slices.DeleteFunc(chain.Filters, func(f *listenerv3.Filter) bool {
		return slices.Contains(stripped, f.Name)
	})
	chain.FilterChainMatch, chain.TransportSocket = nil, nil
	listener := &listenerv3.Listener{
		Name:         "istio",
		Address:      socketAddress(p, address),
		FilterChains: []*listenerv3.FilterChain{chain},
	}
	b := &bootstrapv3.Bootstrap{
		Node:  &corev3.Node{Id: "test", Cluster: "test"},
		Admin: &bootstrapv3.Admin{Address: socketAddress(p, "127.0.0.1:0")},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Listeners: []*listenerv3.Listener{listener},
		},
	}
	named := protojson.Format(listener)
	for _, c := range p.Clusters(proxy) {
		if strings.Contains(named, strconv.Quote(c.Name)) {
			b.StaticResources.Clusters = append(b.StaticResources.Clusters, p.settled(proxy, c, at))
		}
	}
	text, err := protojson.Marshal(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// inline puts the routes into a connection manager, and takes out what is stripped.
func (p *plane) inline(proxy *model.Proxy, f *listenerv3.Filter) {
	p.t.Helper()
	m := &hcmv3.HttpConnectionManager{}
	if err := f.GetTypedConfig().UnmarshalTo(m); err != nil {
		p.t.Fatal(err)
	}
	if rds := m.GetRds(); rds != nil {
		routes := xdstest.ExtractRouteConfigurations(p.Routes(proxy))
		if routes[rds.RouteConfigName] == nil {
			p.t.Fatalf("no routes %q", rds.RouteConfigName)
		}
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes[rds.RouteConfigName]}
	}
	m.HttpFilters = slices.DeleteFunc(m.HttpFilters, func(f *hcmv3.HttpFilter) bool {
		return slices.Contains(stripped, f.Name)
	})
	typed, err := anypb.New(m)
	if err != nil {
		p.t.Fatal(err)
	}
	f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: typed}
}

// settled gives a cluster with its endpoints at their places.
func (p *plane) settled(proxy *model.Proxy, c *clusterv3.Cluster, at places) *clusterv3.Cluster {
	p.t.Helper()
	if place, ok := at[c.Name]; ok {
		c.LoadAssignment = &endpointv3.ClusterLoadAssignment{Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
				Endpoint: &endpointv3.Endpoint{Address: socketAddress(p, place)},
			}}},
		}}}
		c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
		c.UpstreamBindConfig = nil // the address that tells istio-proxy's requests from its clients'
	} else if c.GetType() == clusterv3.Cluster_EDS {
		for _, e := range p.Endpoints(proxy) {
			if e.ClusterName == c.Name {
				c.LoadAssignment = e
			}
		}
		for _, l := range c.LoadAssignment.GetEndpoints() {
			for _, e := range l.LbEndpoints {
				p.settle(e.GetEndpoint(), at)
			}
		}
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	c.EdsClusterConfig, c.TransportSocket, c.TransportSocketMatches = nil, nil, nil
	c.Filters = slices.DeleteFunc(c.Filters, func(f *clusterv3.Filter) bool { return slices.Contains(stripped, f.Name) })
	if c.LoadAssignment != nil {
		c.LoadAssignment.ClusterName = c.Name
	}
	return c
}

// settle gives an endpoint its place.
func (p *plane) settle(e *endpointv3.Endpoint, at places) {
	p.t.Helper()
	place, ok := at[addressOf(e)]
	if !ok {
		p.t.Fatalf("no place for %s", addressOf(e))
	}
	if strings.HasPrefix(place, "/") {
		e.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: place}}}
		return
	}
	e.Address = socketAddress(p, place)
}

// addressOf is host:port, or the path of a unix socket.
func addressOf(e *endpointv3.Endpoint) string {
	if pipe := e.GetAddress().GetPipe(); pipe != nil {
		return pipe.Path
	}
	a := e.GetAddress().GetSocketAddress()
	return net.JoinHostPort(a.GetAddress(), fmt.Sprint(a.GetPortValue()))
}

func socketAddress(p *plane, hostport string) *corev3.Address {
	p.t.Helper()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		p.t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		p.t.Fatal(err)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)},
	}}}
}
