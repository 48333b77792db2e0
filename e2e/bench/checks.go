package main

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/e2e/bench/load"
)

// coldMark is the name of the first policy that a cold token is judged under; see
// coldRequests.
const coldMark = "cold-0000"

// newRequest is what Envoy sends for a usual request of about 1 KB with a token.
func newRequest(token string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer("10.1.2.3", 41234), Destination: peer("10.1.2.4", 8443),
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1234567890123456789", Method: "GET", Path: "/api/v1/orders/4711?expand=items", Host: "orders.example.com", Scheme: "https", Protocol: "HTTP/2", Size: -1,
			Headers: map[string]string{
				":authority": "orders.example.com", ":method": "GET", ":path": "/api/v1/orders/4711?expand=items", ":scheme": "https",
				"accept": "application/json", "accept-encoding": "gzip, deflate, br", "user-agent": "orders-client/1.42 (linux)",
				"x-request-id": "6f1d2c3b-4a59-4687-9786-a5b4c3d2e1f0", "x-forwarded-for": "10.1.2.3", "x-forwarded-proto": "https",
				"authorization": "Bearer " + token,
			},
		}},
	}}
}

func peer(address string, port uint32) *authv3.AttributeContext_Peer {
	return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}}
}

// requestSize is what newRequest takes on the wire.
func requestSize(token string) int { return proto.Size(newRequest(token)) }

// warmRequests repeat some tokens under the default policy.
func warmRequests(tokens []string) (*load.Requests, error) { return requestsOf(tokens, "") }

// coldRequests are never seen before, and so never in the token cache: that keys
// what it holds by policy and token, and each pair of them is sent once. Minting as
// many tokens would take longer than checking them.
func coldRequests(tokens []string, policies int) (*load.Requests, error) {
	r, err := requestsOf(tokens, coldMark)
	if err != nil {
		return nil, err
	}
	return r, r.Once(coldMark, policies)
}

// coldPolicy is the name of one of those policies.
func coldPolicy(i int) string { return fmt.Sprintf("cold-%04d", i) }

func requestsOf(tokens []string, policy string) (*load.Requests, error) {
	messages := make([][]byte, len(tokens))
	for i, t := range tokens {
		r := newRequest(t)
		if policy != "" {
			r.Attributes.ContextExtensions = map[string]string{"jwtguard.policy": policy}
		}
		var err error
		if messages[i], err = proto.Marshal(r); err != nil {
			return nil, err
		}
	}
	return load.GRPC(authv3.Authorization_Check_FullMethodName, messages)
}
