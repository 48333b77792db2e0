package authz

import (
	"google.golang.org/grpc/codes"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// encoded is a CheckResponse. Building the message and having it marshalled
// would take forty times as long as writing its bytes down.
type encoded []byte

// lastResort is for when even making an answer panics.
var lastResort = deny(verify.InternalError, bareDenials, factsOf(&verify.Decision{Verdict: verify.Deny, Reason: verify.InternalError}).encode())

// passes is the status of all answers that pass.
var passes = appendBytes(nil, responseStatus, appendInt(nil, statusCode, int32(codes.OK)))

// allow is the only place that makes an answer that passes.
func allow(m mutations, metadata metadata) encoded {
	body := m.size()
	b := make(encoded, 0, len(passes)+sizeOf(body)+len(metadata))
	b = append(b, passes...)
	b = m.append(begin(b, responseOK, body))
	return append(b, metadata...)
}

// deny is the only place that makes an answer that refuses. Envoy takes a denied
// response without a code other than 0 for permission, so both come from one
// denial.
func deny(r verify.Reason, all *denials, metadata metadata) encoded {
	refusal := all[kindOf(r)]
	b := make(encoded, 0, len(refusal)+len(metadata))
	b = append(b, refusal...)
	return append(b, metadata...)
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
