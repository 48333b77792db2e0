package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

func defaultJWKS() JWKS {
	return JWKS{
		Interval:           5 * time.Minute,
		Timeout:            5 * time.Second,
		MaxStale:           4 * time.Hour,
		UnknownKidCooldown: 30 * time.Second,
		UnknownKidWait:     100 * time.Millisecond,
	}
}

// leastInterval keeps a slip of the unit from becoming an attack on the issuer.
const leastInterval = time.Second

// jwks reads where the keys of the issuer come from.
func (r *reader) jwks(v value, iss *Issuer) {
	j := &iss.JWKS
	inline := value{}
	if v.node != nil && !r.mapping(v,
		field{"uri", r.text(&j.URI)},
		field{"discovery", r.boolean(&j.Discovery)},
		field{"file", r.path(&j.File)},
		field{"inline", func(v value) { inline = v }},
		field{"interval", r.duration(&j.Interval, leastInterval)},
		field{"timeout", r.duration(&j.Timeout, moreThanZero)},
		field{"max_stale", r.duration(&j.MaxStale, moreThanZero)},
		field{"unknown_kid_cooldown", r.duration(&j.UnknownKidCooldown, leastInterval)},
		field{"unknown_kid_wait", r.duration(&j.UnknownKidWait, 0)},
		field{"ca_file", r.file(&j.CAFile, checkAuthorities)},
		field{"allow_insecure_http", r.boolean(&j.AllowInsecureHTTP)},
	) {
		return
	}
	var sources []string
	for _, s := range []struct {
		key string
		set bool
	}{{"uri", j.URI != ""}, {"discovery", j.Discovery}, {"file", j.File != ""}, {"inline", inline.node != nil}} {
		if s.set {
			sources = append(sources, s.key)
		}
	}
	switch {
	case len(sources) > 1:
		r.bad(v.path+"."+sources[1], "%s are set: keys have exactly one source, keep one of them", strings.Join(sources, " and "))
		return
	case len(sources) == 0 && r.written(v.path+".discovery"):
		if !r.complained(v.path + ".discovery") {
			r.bad(v.path+".discovery", "is false, and nothing else says where the keys come from: set uri, file or inline")
		}
		return
	case len(sources) == 0:
		j.Discovery = true
	}
	switch {
	case j.URI != "":
		if complaint := keyURL(j.URI, j.AllowInsecureHTTP); complaint != "" {
			r.bad(v.path+".uri", "%s", complaint)
		}
	case j.Discovery && iss.Issuer != "":
		at := strings.TrimSuffix(v.path, ".jwks") + ".issuer"
		if complaint := discoverable(iss.Issuer, j.AllowInsecureHTTP); complaint != "" {
			r.bad(at, "%s", complaint)
		}
	case inline.node != nil:
		j.Inline = r.inline(inline)
	}
}

// keyURL checks a URL that keys come from. Its messages do not repeat it: it may
// hold a secret.
func keyURL(s string, insecure bool) string {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "is no URL with a host: write https://host/path"
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	switch {
	case u.User != nil:
		return "must have no user name and password: keys are public, and URLs show in logs"
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return "must be https: over plain http anybody on the way chooses the keys; to accept that, set jwks.allow_insecure_http: true"
	case u.Fragment != "":
		return "must have no fragment (#…): it is never sent"
	case err != nil || port == 0:
		return "has a port outside 1 to 65535"
	}
	// The fetcher refuses to dial them: there live the metadata services of clouds.
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()) {
		return u.Hostname() + " is an address that is never dialled: write the issuer's host"
	}
	return ""
}

// discoverable checks an issuer value from which the place of the keys is to be
// found (OpenID Connect Discovery 1.0, sections 2 and 4).
func discoverable(issuer string, insecure bool) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "":
		return "is no URL, so its keys cannot be discovered: set jwks.uri, jwks.file or jwks.inline"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		return "has a query or a fragment, so its keys cannot be discovered: set jwks.uri"
	}
	if complaint := keyURL(issuer, insecure); complaint != "" {
		return complaint + "; or set jwks.uri"
	}
	return ""
}

// maxInline is how long a fetched document may be, too.
const maxInline = 512 << 10

// inline turns a JWKS document written in YAML into JSON.
func (r *reader) inline(v value) []byte {
	if v.node.Kind != yaml.MappingNode {
		r.bad(v.path, "must be a JWKS document (keys: [...]), not %s", describe(v.node))
		return nil
	}
	before := len(r.problems.List)
	var b bytes.Buffer
	r.json(&b, v, "")
	keys := slices.IndexFunc(v.node.Content, func(n *yaml.Node) bool { return n.Value == "keys" })
	switch {
	case keys < 0 || keys%2 != 0:
		r.bad(v.path, "keys is missing: write a JWKS document, keys: [...]")
	case v.node.Content[keys+1].Kind != yaml.SequenceNode:
		r.bad(v.path+".keys", "must be a list of keys, not %s", describe(v.node.Content[keys+1]))
	}
	if b.Len() > maxInline {
		r.bad(v.path, "is %d bytes long, a JWKS document has at most %d: name fewer keys", b.Len(), maxInline)
	}
	if len(r.problems.List) > before {
		return nil
	}
	return b.Bytes()
}

// jsonInteger is a number that YAML and JSON read alike.
var jsonInteger = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,15})$`)

// numbers are the members of a JWK that are no text.
var numbers = []string{"exp", "nbf", "iat"}

// json writes the value as JSON; key is the one it stands under.
func (r *reader) json(b *bytes.Buffer, v value, key string) {
	switch {
	case v.node.Kind == yaml.MappingNode:
		b.WriteByte('{')
		separator := ""
		r.each(v, func(k *yaml.Node, child value) {
			b.WriteString(separator)
			writeText(b, k.Value)
			b.WriteByte(':')
			r.json(b, child, k.Value)
			separator = ","
		})
		b.WriteByte('}')
	case v.node.Kind == yaml.SequenceNode:
		b.WriteByte('[')
		for i, n := range v.node.Content {
			if r.problems.More {
				break
			}
			if i > 0 {
				b.WriteByte(',')
			}
			r.json(b, r.child(n, fmt.Sprintf("%s[%d]", v.path, i)), key)
		}
		b.WriteByte(']')
	case v.node.Tag == "!!str":
		writeText(b, v.node.Value)
	case v.node.Tag == "!!bool":
		b.WriteString(strings.ToLower(v.node.Value))
	case v.node.Tag == "!!null":
		b.WriteString("null")
	case v.node.Tag == "!!int" && jsonInteger.MatchString(v.node.Value) && slices.Contains(numbers, key):
		b.WriteString(v.node.Value)
	default:
		r.bad(v.path, "is read as %s: write it in quotes, %s", describe(v.node), quote(v.node.Value))
		b.WriteString("null")
	}
}

func writeText(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // text always can be
	b.Write(text)
}
