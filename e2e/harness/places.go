package harness

import (
	"fmt"
	"net"
	"strings"
)

// Places are the values of the shipped Envoy configuration that every user
// sets: where things are. They are filled in by replacing the shipped defaults
// in the text, so that all else is what users run.
type Places struct {
	Ingress     string // host:port where clients come in; port 0 takes a free one
	Admin       string // host:port of Envoy's admin interface; port 0 takes a free one
	Upstream    string // host:port of the service behind Envoy
	GuardSocket string // path of the guard's unix socket
	GuardTCP    string // host:port of the guard; if set, Envoy asks it there
}

// Fill sets the places in the text of deploy/envoy/envoy.yaml. An empty place
// keeps its default. A default that does not stand in the text exactly once is
// an error.
func (p Places) Fill(config string) (string, error) {
	type change struct{ from, to string }
	var changes []change
	for _, place := range []struct{ def, to string }{
		{"0.0.0.0:10000", p.Ingress},
		{"127.0.0.1:9901", p.Admin},
		{"127.0.0.1:8080", p.Upstream},
		{"127.0.0.1:9191", p.GuardTCP},
	} {
		if place.to == "" {
			continue
		}
		from, _ := socketAddress(place.def)
		to, err := socketAddress(place.to)
		if err != nil {
			return "", err
		}
		changes = append(changes, change{from, to})
	}
	if p.GuardSocket != "" {
		changes = append(changes, change{"path: /run/jwtguard/authz.sock", "path: " + p.GuardSocket})
	}
	if p.GuardTCP != "" {
		changes = append(changes, change{"cluster_name: jwtguard }", "cluster_name: jwtguard_tcp }"})
	}
	for _, c := range changes {
		var err error
		if config, err = ReplaceOnce(config, c.from, c.to); err != nil {
			return "", err
		}
	}
	return config, nil
}

// ReplaceOnce replaces a text that must stand in the configuration exactly
// once, so that a change of the file that breaks this is noticed.
func ReplaceOnce(config, from, to string) (string, error) {
	if n := strings.Count(config, from); n != 1 {
		return "", fmt.Errorf("envoy configuration: %q stands there %d times, want once", from, n)
	}
	return strings.Replace(config, from, to, 1), nil
}

// socketAddress writes host:port as the configuration does.
func socketAddress(hostport string) (string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("address: %s, port_value: %s ", host, port), nil
}
