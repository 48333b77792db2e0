package authz

import (
	"google.golang.org/grpc/codes"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// encoded is a CheckResponse. Building the message and having it marshalled
// would take forty times as long as writing its bytes down.
type encoded []byte

// lastResort is for when even making an answer panics.
var lastResort = deny(&verify.Decision{Verdict: verify.Deny, Reason: verify.InternalError}, bareDenials)

// passes is the status of all answers that pass.
var passes = appendBytes(nil, responseStatus, appendInt(nil, statusCode, int32(codes.OK)))

// allow is the only place that makes an answer that passes.
func allow(d *verify.Decision, m mutations) encoded {
	values := metadata(d)
	body, rest := m.size(), values.size()
	b := make(encoded, 0, len(passes)+sizeOf(body)+sizeOf(rest))
	b = append(b, passes...)
	b = m.append(begin(b, responseOK, body))
	return values.append(begin(b, responseMetadata, rest))
}

// deny is the only place that makes an answer that refuses. Envoy takes a denied
// response without a code other than 0 for permission, so both come from one
// denial.
func deny(d *verify.Decision, all *denials) encoded {
	refusal, values := all[kindOf(d.Reason)], metadata(d)
	rest := values.size()
	b := make(encoded, 0, len(refusal)+sizeOf(rest))
	b = append(b, refusal...)
	return values.append(begin(b, responseMetadata, rest))
}

// mutations are the changes to a request that passes.
type mutations struct {
	set    []overwrite
	remove removal
	more   []string // to be removed, too
}

// removal is fields headers_to_remove, shared by all answers.
type removal []byte

func newRemoval(names []string) removal {
	var r removal
	for _, name := range names {
		r = appendString(r, okRemove, name)
	}
	return r
}

// drop removes a header, unless it is being set: Envoy removes last.
func (m *mutations) drop(name string) {
	for _, h := range m.set {
		if h.name == name {
			return
		}
	}
	m.more = append(m.more, name)
}

func (m *mutations) size() int {
	n := len(m.remove)
	for _, h := range m.set {
		n += sizeOf(h.size())
	}
	for _, name := range m.more {
		n += sizeOf(len(name))
	}
	return n
}

// append appends an OkHttpResponse.
func (m *mutations) append(b []byte) []byte {
	for _, h := range m.set {
		b = h.append(b, okHeaders)
	}
	b = append(b, m.remove...)
	for _, name := range m.more {
		b = appendString(b, okRemove, name)
	}
	return b
}

// about names what the dynamic metadata says, all of which is always there. Access
// logs are scripted against it.
var about = [...]string{"decision", "reason", "policy", "issuer", "kid", "thumbprint", "alg", "key_state"}

// facts are the values of the dynamic metadata, in the order of their names in
// about.
type facts [len(about)]string

// metadata is what Envoy is told about a decision for its access log. Envoy puts
// it into the namespace of its filter.
func metadata(d *verify.Decision) facts {
	f := facts{d.Verdict.String(), string(d.Reason)}
	if d.Policy != nil {
		f[2] = d.Policy.Name
	}
	if d.Issuer != nil {
		f[3] = d.Issuer.Name
	}
	if d.Key != nil {
		f[4], f[5], f[6], f[7] = d.Kid, d.Key.Thumbprint, d.Alg, d.State.String()
	}
	for i := range f {
		f[i] = printable(f[i])
	}
	return f
}

func (f *facts) size() int {
	n := 0
	for i := range f {
		n += sizeOf(f.entrySize(i))
	}
	return n
}

func (f *facts) entrySize(i int) int { return sizeOf(len(about[i])) + sizeOf(sizeOf(len(f[i]))) }

// append appends a Struct.
func (f *facts) append(b []byte) []byte {
	for i, value := range f {
		b = begin(b, structFields, f.entrySize(i))
		b = appendString(b, entryKey, about[i])
		b = begin(b, entryValue, sizeOf(len(value)))
		b = appendString(b, valueString, value)
	}
	return b
}
