package authz

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// statusOK is shared by all answers that pass; nothing writes to it.
var statusOK = &rpcstatus.Status{Code: int32(codes.OK)}

// lastResort is for when even making an answer panics.
var lastResort = deny(&verify.Decision{Verdict: verify.Deny, Reason: verify.InternalError}, bareDenials)

// allow is the only place that makes an answer that passes.
func allow(d *verify.Decision, m mutations) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: statusOK,
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:         m.headers,
			HeadersToRemove: m.remove,
		}},
		DynamicMetadata: metadata(d),
	}
}

// deny is the only place that makes an answer that refuses. Envoy takes a denied
// response without a code other than 0 for permission, so both come from one
// denial.
func deny(d *verify.Decision, all *denials) *authv3.CheckResponse {
	refusal := &all[kindOf(d.Reason)]
	return &authv3.CheckResponse{
		Status:          refusal.status,
		HttpResponse:    refusal.response,
		DynamicMetadata: metadata(d),
	}
}

// mutations are the changes to a request that passes.
type mutations struct {
	headers []*corev3.HeaderValueOption
	remove  []string // may be shared with other answers: append, do not write
}

func (m *mutations) set(name, value string) {
	m.headers = append(m.headers, overwrite(name, value))
}

// drop removes a header, unless it is being set: Envoy removes last.
func (m *mutations) drop(name string) {
	for _, h := range m.headers {
		if h.GetHeader().GetKey() == name {
			return
		}
	}
	m.remove = append(m.remove, name)
}

// overwrite sets a header in place of all lines of that name. Envoy 1.40 goes by
// append being unset; others go by append_action.
func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// fields are the keys of the dynamic metadata, all of which are always there.
// Access logs are scripted against them.
var fields = [...]string{"decision", "reason", "policy", "issuer", "kid", "thumbprint", "alg", "key_state"}

// metadata is what Envoy is told about a decision for its access log. Envoy puts
// it into the namespace of its filter.
func metadata(d *verify.Decision) *structpb.Struct {
	values := [len(fields)]string{d.Verdict.String(), string(d.Reason)}
	if d.Policy != nil {
		values[2] = d.Policy.Name
	}
	if d.Issuer != nil {
		values[3] = d.Issuer.Name
	}
	if d.Key != nil {
		values[4], values[5], values[6], values[7] = d.Kid, d.Key.Thumbprint, d.Alg, d.State.String()
	}
	// One allocation for them all: this is most of what an answer costs.
	m := new(struct {
		top    structpb.Struct
		values [len(fields)]structpb.Value
		kinds  [len(fields)]structpb.Value_StringValue
	})
	m.top.Fields = make(map[string]*structpb.Value, len(fields))
	for i, name := range fields {
		m.kinds[i].StringValue = printable(values[i])
		m.values[i].Kind = &m.kinds[i]
		m.top.Fields[name] = &m.values[i]
	}
	return &m.top
}
