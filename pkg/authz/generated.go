package authz

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// generated is a CheckRequest as the generated code decodes it.
type generated struct{ *authv3.CheckRequest }

func (m generated) choice() (c choice, err error) {
	for name, value := range m.GetAttributes().GetContextExtensions() {
		c.add(name, value)
	}
	return c, nil
}

func (m generated) describesHTTP() bool { return m.GetAttributes().GetRequest().GetHttp() != nil }

func (m generated) gather(g *gathering) error {
	http := m.GetAttributes().GetRequest().GetHttp()
	g.r.path = http.GetPath()
	for _, h := range http.GetHeaderMap().GetHeaders() {
		if is := look(g, h.GetKey()); is != nothing {
			g.line(is, lineOf([]byte(h.GetValue()), h.GetRawValue()))
		}
	}
	for name, value := range http.GetHeaders() {
		if is := look(g, name); is != nothing {
			g.entry(is, []byte(name), []byte(value))
		}
	}
	return nil
}
