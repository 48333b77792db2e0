package envoygateway

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// listenerName is what Envoy Gateway calls the gateway's only listener.
const listenerName = "ingress/ingress/http"

// object is a JSON object, as Envoy's messages are written in JSON.
type object = map[string]any

// A plane is what Envoy Gateway's translator makes of manifests.
type plane struct {
	t         testing.TB
	unmet     []string // conditions in the status of a manifest that do not hold
	bootstrap object
	listeners map[string]object
	routes    map[string]object
	clusters  []object
	endpoints map[string]object
}

// newPlane has manifests translated, but for two things that egctl lacks: it forgets the
// labels of namespaces, so that routes are taken from all of them, and gives Services no
// address, which an API server would.
func newPlane(t testing.TB, manifests string) *plane {
	t.Helper()
	const selector = "        from: Selector\n        selector:\n          matchLabels:\n            ingress: \"true\"\n"
	const service = "  name: jwtguard\n  namespace: jwtguard\nspec:\n  ports:\n"
	manifests = harnesstest.ReplaceOnce(t, manifests, selector, "        from: All\n")
	if host, _, _ := net.SplitHostPort(guardAddress); strings.Contains(manifests, service) {
		manifests = harnesstest.ReplaceOnce(t, manifests, service, strings.Replace(service, "spec:\n", "spec:\n  clusterIP: "+host+"\n", 1))
	}
	text := egctl(t, "x", "translate", "--from", "gateway-api", "--to", "gateway-api,xds", "-o", "json", "-f", tempFile(t, manifests))
	var all object
	var result struct {
		XDS map[string]struct{ Configs []object }
	}
	for _, into := range []any{&all, &result} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	p := &plane{t: t, listeners: map[string]object{}, routes: map[string]object{}, endpoints: map[string]object{}}
	within(all, func(o object) {
		if o["status"] == "False" {
			p.unmet = append(p.unmet, fmt.Sprintf("%v: %v", o["type"], o["message"]))
		}
	})
	gateway, ok := result.XDS["ingress/ingress"]
	if !ok {
		t.Fatalf("there is nothing for the gateway: %s", text)
	}
	for _, dump := range gateway.Configs {
		if b, ok := dump["bootstrap"].(object); ok {
			p.bootstrap = b
		}
		for _, l := range list(dump["dynamicListeners"]) {
			l := l["activeState"].(object)["listener"].(object)
			p.listeners[l["name"].(string)] = untyped(l)
		}
		for _, r := range list(dump["dynamicRouteConfigs"]) {
			r := r["routeConfig"].(object)
			p.routes[r["name"].(string)] = untyped(r)
		}
		for _, c := range list(dump["dynamicActiveClusters"]) {
			p.clusters = append(p.clusters, untyped(c["cluster"].(object)))
		}
		for _, e := range list(dump["dynamicEndpointConfigs"]) {
			e := e["endpointConfig"].(object)
			p.endpoints[e["clusterName"].(string)] = untyped(e)
		}
	}
	return p
}

// untyped is a message out of an Any.
func untyped(o object) object {
	delete(o, "@type")
	return o
}

// list is a list of objects, empty if there is none.
func list(v any) []object {
	all, _ := v.([]any)
	objects := make([]object, len(all))
	for i := range all {
		objects[i] = all[i].(object)
	}
	return objects
}

// within calls f for a JSON value and all that is in it, where it is an object.
func within(v any, f func(object)) {
	switch v := v.(type) {
	case object:
		f(v)
		for _, inner := range v {
			within(inner, f)
		}
	case []any:
		for _, inner := range v {
			within(inner, f)
		}
	}
}

// places say where what Envoy Gateway names is on this machine: by host:port, or by the
// path of a unix socket.
type places map[string]string

// secrets are what Envoy would ask the control plane for, by name.
type secrets map[string]object

// static gives a bootstrap for an Envoy without a control plane. It is Envoy Gateway's
// own, but for
//
//   - the listener of the gateway on a free port of loopback, without the one that
//     answers probes;
//   - routes in the connection manager in place of RDS, endpoints in clusters in place of
//     EDS, secrets in place of SDS;
//   - endpoints at their places on this machine.
func (p *plane) static(at places, known secrets) string {
	p.t.Helper()
	const loopback = "127.0.0.1:0"
	listener := p.listeners[listenerName]
	if listener == nil {
		p.t.Fatalf("the gateway has no listener: %v", p.listeners)
	}
	listener["address"] = p.socketAddress(loopback)
	within(listener, func(o object) {
		if rds, ok := o["rds"].(object); ok {
			delete(o, "rds")
			o["routeConfig"] = p.routes[rds["routeConfigName"].(string)]
		}
	})
	b := p.bootstrap
	delete(b, "dynamicResources")
	delete(b, "clusterManager") // names the cluster of the proxies themselves
	b["node"] = object{"id": "test", "cluster": "test"}
	b["admin"] = object{"address": p.socketAddress(loopback)}
	var used []object
	for name, s := range known {
		s["name"] = name
		used = append(used, s)
	}
	for _, c := range p.clusters {
		p.settle(c, at, known)
	}
	b["staticResources"] = object{"listeners": []object{listener}, "clusters": p.clusters, "secrets": used}
	text, err := json.Marshal(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// settle gives a cluster its endpoints and its secrets.
func (p *plane) settle(c object, at places, known secrets) {
	p.t.Helper()
	if c["type"] == "EDS" {
		service := c["edsClusterConfig"].(object)["serviceName"].(string)
		delete(c, "edsClusterConfig")
		c["type"], c["loadAssignment"] = "STATIC", p.endpoints[service]
	}
	within(c["loadAssignment"], func(o object) {
		if a, ok := o["address"].(object); ok {
			o["address"] = p.place(a, at)
		}
	})
	within([]any{c["transportSocket"], c["transportSocketMatches"]}, func(o object) {
		if _, ok := o["sdsConfig"]; ok {
			delete(o, "sdsConfig")
			if known[o["name"].(string)] == nil {
				p.t.Fatalf("no secret %v", o["name"])
			}
		}
	})
}

// place gives where an address is on this machine.
func (p *plane) place(address object, at places) object {
	p.t.Helper()
	name := ""
	if pipe, ok := address["pipe"].(object); ok {
		name = pipe["path"].(string)
	} else if a, ok := address["socketAddress"].(object); ok {
		name = net.JoinHostPort(a["address"].(string), fmt.Sprint(a["portValue"]))
	}
	place, ok := at[name]
	if !ok {
		p.t.Fatalf("no place for %v", address)
	}
	if strings.HasPrefix(place, "/") {
		return object{"pipe": object{"path": place}}
	}
	return p.socketAddress(place)
}

func (p *plane) socketAddress(hostport string) object {
	p.t.Helper()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		p.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		p.t.Fatal(err)
	}
	return object{"socketAddress": object{"address": host, "portValue": n}}
}
