package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

const (
	jwtAuthnType  = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
	perRouteType  = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"
	jwtAuthnName  = "envoy.filters.http.jwt_authn"
	securityGroup = "security.istio.io/"
)

// foreign is what a file holds that can be carried over.
type foreign struct {
	filters                []place // JwtAuthentication messages, each different one once
	routes                 []place // PerRouteConfig messages
	requestAuthentications []place
	authorizationPolicies  []place

	referred bool // a jwt_authn filter is named whose configuration is elsewhere
	old      bool // a filter of the API before v3
	seen     map[string]bool
}

func findForeign(docs []*config.Node) *foreign {
	f := &foreign{seen: map[string]bool{}}
	for _, d := range docs {
		if looksLikeFilter(d) {
			f.filter(d)
			continue
		}
		f.document(d)
	}
	return f
}

// document takes a document of Kubernetes apart, or looks for filters in it.
func (f *foreign) document(n *config.Node) {
	kind, ours := text(n, "kind"), strings.HasPrefix(text(n, "apiVersion"), securityGroup)
	switch {
	case ours && kind == "RequestAuthentication":
		f.requestAuthentications = append(f.requestAuthentications, place{n, ""})
	case ours && kind == "AuthorizationPolicy":
		f.authorizationPolicies = append(f.authorizationPolicies, place{n, ""})
	case strings.HasSuffix(kind, "List") && n.Get("items") != nil:
		for _, item := range n.Get("items").Items {
			f.document(item)
		}
	default:
		f.search(n)
	}
}

// search looks for messages by their type anywhere below the node.
func (f *foreign) search(n *config.Node) {
	of := text(n, "@type")
	switch {
	case strings.HasSuffix(of, "/"+jwtAuthnType):
		f.filter(n)
		return
	case strings.HasSuffix(of, "/"+perRouteType):
		f.routes = append(f.routes, place{n, ""})
		return
	case strings.HasSuffix(of, ".JwtAuthentication"):
		f.old = true
	case strings.HasSuffix(of, ".TypedStruct") && strings.HasSuffix(option1(n, "type_url"), "/"+jwtAuthnType):
		if v := n.Get("value"); v != nil {
			f.filter(v)
			return
		}
	case text(n, "name") == jwtAuthnName && n.Get("category") != nil:
		return // a bootstrap's list of what this Envoy was built with
	case text(n, "name") == jwtAuthnName:
		if c := option(n, "typed_config"); c != nil && c.Get("@type") == nil && looksLikeFilter(c) {
			f.filter(c)
			return
		}
		f.referred = true
	}
	for _, v := range n.Fields {
		f.search(v.Value)
	}
	for _, v := range n.Items {
		f.search(v)
	}
}

// filter takes a filter, unless the same stands elsewhere in the file: a dump
// repeats it for every listener.
func (f *foreign) filter(n *config.Node) {
	if key := canonical(n); !f.seen[key] {
		f.seen[key] = true
		f.filters = append(f.filters, place{n, ""})
	}
}

// looksLikeFilter tells whether a mapping without a type is a JwtAuthentication:
// others have providers, too, but not such.
func looksLikeFilter(n *config.Node) bool {
	providers := option(n, "providers")
	if providers == nil || n.Get("@type") != nil {
		return false
	}
	return slices.ContainsFunc(providers.Fields, func(f config.Field) bool {
		return slices.ContainsFunc(f.Value.Fields, func(f config.Field) bool { return providerOptions[snake(f.Key)] != nil })
	})
}

// describeForeign says what a file holds in which nothing was found.
func describeForeign(docs []*config.Node, f *foreign) string {
	switch {
	case len(docs) == 0:
		return "nothing: the file is empty"
	case f.old:
		return "a JwtAuthentication of an API before v3: convert it to " + jwtAuthnType
	case len(f.authorizationPolicies) > 0:
		return "an AuthorizationPolicy without the RequestAuthentication that it goes with: add that to the file"
	case f.referred:
		return "a filter " + jwtAuthnName + " without its configuration: give a config dump (/config_dump?include_eds=false), which has it"
	}
	what := describeDocument(docs[0])
	if len(docs) > 1 {
		what += fmt.Sprintf(", and %s more", checkCount(len(docs)-1, "document", "documents"))
	}
	return what
}

func describeDocument(n *config.Node) string {
	var keys []string
	for _, f := range n.Fields {
		keys = append(keys, f.Key)
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(keys, name) })
	}
	switch {
	case n.Kind == config.List:
		return fmt.Sprintf("a list of %s without a jwt_authn filter in it", checkCount(len(n.Items), "item", "items"))
	case n.Kind != config.Mapping:
		return n.Describe()
	case text(n, "kind") != "":
		return fmt.Sprintf("a Kubernetes %s without a jwt_authn filter in it", cited(text(n, "kind")))
	case has("configs"):
		return "an Envoy config dump without a jwt_authn filter"
	case has("static_resources", "dynamic_resources", "filter_chains", "http_filters", "@type", "typed_config"):
		return "an Envoy configuration without a jwt_authn filter"
	case has("issuers"):
		return "a configuration of jwtguard: check it with -c"
	case len(keys) == 0:
		return "an empty mapping"
	}
	return "a mapping with the keys " + shorten(strings.Join(keys[:min(len(keys), 8)], ", "))
}

// text is a text of a mapping; empty if there is none.
func text(n *config.Node, key string) string {
	if v := n.Get(key); v != nil && v.Kind == config.Text {
		return v.Text
	}
	return ""
}

// option1 is text for a key in either case.
func option1(n *config.Node, name string) string {
	if v := option(n, name); v != nil && v.Kind == config.Text {
		return v.Text
	}
	return ""
}

// canonical is the value as JSON on one line: the same for equal values that were
// written in the same order.
func canonical(n *config.Node) string {
	var b strings.Builder
	writeCanonical(&b, n)
	return b.String()
}

func writeCanonical(b *strings.Builder, n *config.Node) {
	switch n.Kind {
	case config.Mapping:
		b.WriteByte('{')
		for i, f := range n.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSONText(b, f.Key)
			b.WriteString(": ")
			writeCanonical(b, f.Value)
		}
		b.WriteByte('}')
	case config.List:
		b.WriteByte('[')
		for i, v := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			writeCanonical(b, v)
		}
		b.WriteByte(']')
	case config.Text:
		writeJSONText(b, n.Text)
	case config.Null:
		b.WriteString("null")
	default:
		b.WriteString(n.Text)
	}
}
