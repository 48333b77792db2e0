package istio

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xdstest"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// shippedShared is what deploy/istio has applied for guards that gateways share, and
// what became of their pods.
func shippedShared(t testing.TB) string {
	kubernetes, istio := split(t, kustomize(t, folder+"/shared"))
	var kept string
	for _, o := range documents(t, kubernetes) {
		if o.GetKind() == "Namespace" || o.GetKind() == "Service" {
			kept += manifest(t, o)
		}
	}
	return strings.Join([]string{
		harnesstest.ReadFile(t, "e2e/mesh/istio/testdata/cluster.yaml"), harnesstest.ReadFile(t, "e2e/mesh/istio/testdata/guards.yaml"), kept, istio,
		inNamespace(t, "istio-ingress", folder+"/shared/gateway-policy.yaml"),
		inNamespace(t, "istio-ingress", folder+"/gateway/envoyfilter.yaml"),
		inNamespace(t, "istio-ingress", folder+"/gateway/telemetry.yaml"),
	}, "\n---\n")
}

// guards are the addresses of testdata/guards.yaml.
var guards = map[string]string{"10.0.1.1:9191": "127.0.0.1:9191", "10.0.1.2:9191": "127.0.0.1:9191"}

func TestSharedGuards(t *testing.T) {
	w := newWorld(t, folder+"/shared/jwtguard.yaml", nil)
	p := newPlane(t, shippedShared(t), nil)
	proxy := p.gateway()
	at := places{workloadAddress: w.upstream.Address}
	for pod, listener := range guards {
		at[pod] = w.ports[listener]
	}
	chain := xdstest.ExtractListener("0.0.0.0_80", p.Listeners(proxy)).FilterChains[0]
	w.startEnvoy(p.static(proxy, chain, "127.0.0.1:0", at))

	if resp, log := w.send(harness.Request{}); resp.Status != http.StatusUnauthorized || value(log.Policy) != "default" {
		t.Errorf("no token: status %d and %s", resp.Status, log.Line)
	}
	if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != http.StatusOK || value(log.KID) != w.key.KID {
		t.Errorf("a good token: status %d and %s", resp.Status, log.Line)
	}
	w.revoke()
	if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != http.StatusUnauthorized || value(log.Reason) != "key_revoked" {
		t.Errorf("a revoked key: status %d and %s", resp.Status, log.Line)
	}
}

// A check opens doors: the gateway speaks mutual TLS to the guards, over HTTP/2, and
// asks for the guards' identity.
func TestTheGatewayAsksSharedGuardsByMutualTLS(t *testing.T) {
	p := newPlane(t, shippedShared(t), nil)
	for port, cluster := range map[string]string{
		"default":  "outbound|9191||jwtguard.jwtguard.svc.cluster.local",
		"payments": "outbound|9194||jwtguard.jwtguard.svc.cluster.local",
	} {
		c := xdstest.ExtractCluster(cluster, p.Clusters(p.gateway()))
		if c == nil {
			t.Fatalf("%s: no cluster %s", port, cluster)
		}
		options := &httpv3.HttpProtocolOptions{}
		if err := c.TypedExtensionProtocolOptions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].UnmarshalTo(options); err != nil ||
			options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() == nil {
			t.Errorf("%s: not HTTP/2: %v %v", port, options, err)
		}
		if len(c.TransportSocketMatches) == 0 || c.TransportSocketMatches[0].Match.Fields["tlsMode"].GetStringValue() != "istio" {
			t.Fatalf("%s: no mutual TLS: %v", port, c.TransportSocketMatches)
		}
		context := &tlsv3.UpstreamTlsContext{}
		if err := c.TransportSocketMatches[0].TransportSocket.GetTypedConfig().UnmarshalTo(context); err != nil {
			t.Fatal(err)
		}
		if text := protojson.Format(context); !strings.Contains(text, "spiffe://cluster.local/ns/jwtguard/sa/jwtguard") {
			t.Errorf("%s: any identity of the mesh would do: %s", port, text)
		}
	}
	for _, e := range p.Endpoints(p.gateway()) {
		if !strings.Contains(e.ClusterName, "jwtguard.jwtguard") {
			continue
		}
		for _, l := range e.Endpoints {
			for _, lb := range l.LbEndpoints {
				if lb.Metadata.GetFilterMetadata()["envoy.transport_socket_match"].GetFields()["tlsMode"].GetStringValue() != "istio" {
					t.Errorf("%s is asked in plaintext", addressOf(lb.GetEndpoint()))
				}
			}
		}
	}
}

// The guard's own sidecar lets nobody in without mutual TLS, and of those the gateway
// alone; it passes on to loopback, where nobody else in the network is.
func TestNobodyElseAsksSharedGuards(t *testing.T) {
	p := newPlane(t, shippedShared(t), nil)
	proxy := p.proxy(model.SidecarProxy, "jwtguard", "10.0.1.1", map[string]string{"app.kubernetes.io/name": "jwtguard"})
	inbound := xdstest.ExtractListener(model.VirtualInboundListenerName, p.Listeners(proxy))
	checked := 0
	for _, c := range inbound.FilterChains {
		if port := c.GetFilterChainMatch().GetDestinationPort().GetValue(); port != 9191 && port != 9194 {
			continue
		}
		checked++
		if c.FilterChainMatch.TransportProtocol != "tls" || c.TransportSocket == nil {
			t.Errorf("%s: plaintext is taken", c.Name)
		}
		text := protojson.Format(xdstest.ExtractHTTPConnectionManager(t, c))
		if !strings.Contains(text, "cluster.local/ns/istio-ingress/sa/istio-ingress") {
			t.Errorf("%s: others may ask as well: %s", c.Name, text)
		}
	}
	if checked == 0 {
		t.Error("no chain for the guard's ports")
	}
	for name, want := range map[string]string{"inbound|9191||": "127.0.0.1:9191", "inbound|9194||": "127.0.0.1:9194"} {
		c := xdstest.ExtractCluster(name, p.Clusters(proxy))
		if got := xdstest.ExtractEndpoints(c.GetLoadAssignment()); !slices.Equal(got, []string{want}) {
			t.Errorf("%s goes to %v, want %s", name, got, want)
		}
	}
}
