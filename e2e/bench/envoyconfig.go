package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"

	"go.yaml.in/yaml/v4"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// object is a YAML mapping.
type object = map[string]any

// front is one way through Envoy: a listener of its own.
type front struct {
	name   string
	filter object // nil: none before the router
}

// envoyConfig is the shipped configuration with a listener for each front, all alike
// but for the filter. The upstream is Envoy itself, which answers at once, so that
// what is measured is as large a part of a request as it can be; there is no access
// log, and connections are dealt out evenly among the workers.
func envoyConfig(fronts []front, clusters []any) (string, error) {
	shipped, err := shippedConfig()
	if err != nil {
		return "", err
	}
	var listeners []any
	for _, f := range fronts {
		l := clone(shipped.listener).(object)
		l["name"] = f.name
		l["address"] = object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}}
		l["connection_balance_config"] = object{"exact_balance": object{}}
		hcm, err := managerOf(l)
		if err != nil {
			return "", err
		}
		delete(hcm, "access_log")
		hcm["stat_prefix"] = f.name
		hcm["route_config"] = object{"name": "routes", "virtual_hosts": []any{object{
			"name": "upstream", "domains": []any{"*"},
			"routes": []any{object{"match": object{"prefix": "/"}, "direct_response": object{"status": 200}}},
		}}}
		filters := hcm["http_filters"].([]any)
		hcm["http_filters"] = filters[len(filters)-1:]
		if f.filter != nil {
			hcm["http_filters"] = []any{f.filter, filters[len(filters)-1]}
		}
		listeners = append(listeners, l)
	}
	text, err := yaml.Marshal(object{
		"admin":            object{"address": object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}}},
		"overload_manager": shipped.overload,
		"static_resources": object{"listeners": listeners, "clusters": clusters},
	})
	return string(text), err
}

// shipped are the parts of deploy/envoy/envoy.yaml that are measured.
type shipped struct {
	listener, authz, cluster object
	overload                 any
}

func shippedConfig() (s shipped, err error) {
	path, err := harness.EnvoyConfig()
	if err != nil {
		return s, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	var c struct {
		Overload any `yaml:"overload_manager"`
		Static   struct {
			Listeners []object `yaml:"listeners"`
			Clusters  []object `yaml:"clusters"`
		} `yaml:"static_resources"`
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	s.overload = c.Overload
	for _, l := range c.Static.Listeners[:min(1, len(c.Static.Listeners))] {
		hcm, err := managerOf(l)
		if err != nil {
			return s, err
		}
		s.listener = l
		for _, f := range hcm["http_filters"].([]any) {
			if f, ok := f.(object); ok && f["name"] == "envoy.filters.http.ext_authz" {
				s.authz = f
			}
		}
	}
	for _, one := range c.Static.Clusters {
		if one["name"] == "jwtguard" {
			s.cluster = one
		}
	}
	if s.listener == nil || s.authz == nil || s.cluster == nil {
		return s, fmt.Errorf("%s: no listener, no ext_authz filter or no cluster jwtguard in it", path)
	}
	return s, nil
}

// managerOf is the configuration of a listener's HTTP connection manager.
func managerOf(listener object) (object, error) {
	chains, _ := listener["filter_chains"].([]any)
	if len(chains) == 1 {
		chain, _ := chains[0].(object)
		filters, _ := chain["filters"].([]any)
		if len(filters) == 1 {
			filter, _ := filters[0].(object)
			hcm, _ := filter["typed_config"].(object)
			if all, ok := hcm["http_filters"].([]any); ok && len(all) > 0 {
				return hcm, nil
			}
		}
	}
	return nil, errors.New("envoy configuration: the first listener has not one chain with an HTTP connection manager alone")
}

// authzTo is the shipped ext_authz filter, and the cluster of the server that it
// asks at an address.
func (s shipped) authzTo(name string, address object) (filter, cluster object, err error) {
	filter, cluster = clone(s.authz).(object), clone(s.cluster).(object)
	config, _ := filter["typed_config"].(object)
	service, _ := config["grpc_service"].(object)
	grpc, _ := service["envoy_grpc"].(object)
	if grpc == nil {
		return nil, nil, errors.New("envoy configuration: ext_authz without grpc_service.envoy_grpc")
	}
	grpc["cluster_name"] = name
	cluster["name"] = name
	cluster["load_assignment"] = object{"cluster_name": name, "endpoints": []any{object{"lb_endpoints": []any{object{"endpoint": object{"address": address}}}}}}
	return filter, cluster, nil
}

// jwtAuthn is Envoy's own filter, which does for a token what the guard's policy
// does: signature, issuer, audience, times, and a header from a claim. It caches so
// many tokens, or none.
func jwtAuthn(issuer *devissuer.Issuer, cached int, keys ...*devissuer.Key) object {
	var listed []devissuer.JWK
	for _, k := range keys {
		listed = append(listed, k.JWK())
	}
	provider := object{
		"issuer": issuer.URL, "audiences": []any{audience}, "forward": true,
		"local_jwks":       object{"inline_string": string(devissuer.Document(listed...))},
		"claim_to_headers": []any{object{"header_name": "x-jwt-sub", "claim_name": "sub"}},
	}
	if cached > 0 {
		// Each worker has its own cache, of 100 tokens unless told otherwise.
		provider["jwt_cache_config"] = object{"jwt_cache_size": cached}
	}
	return object{"name": "envoy.filters.http.jwt_authn", "typed_config": object{
		"@type":     "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
		"providers": object{"bench": provider},
		"rules":     []any{object{"match": object{"prefix": "/"}, "requires": object{"provider_name": "bench"}}},
	}}
}

// clone copies mappings and lists.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		c := maps.Clone(v)
		for k := range c {
			c[k] = clone(c[k])
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	default:
		return v
	}
}

// listenersOf are the addresses of Envoy's listeners by name.
func listenersOf(text string) (map[string]string, error) {
	var doc struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("envoy's listeners: %w", err)
	}
	all := map[string]string{}
	for _, s := range doc.Statuses {
		all[s.Name] = fmt.Sprintf("%s:%d", s.Address.Socket.Address, s.Address.Socket.Port)
	}
	return all, nil
}
