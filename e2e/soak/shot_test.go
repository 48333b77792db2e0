package soak

import (
	"fmt"
	"slices"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
)

// subjectHeader is where the guard writes who a token is about.
const subjectHeader = "x-jwt-sub"

// A shot is one request, with what is known about it.
type shot struct {
	kind       string
	credential string // the authorization header; empty: none
	token      token  // that it is made of; its key is nil if no key decides
	spoilt     string // the reason in place of ok
	late       bool   // the token was issued after its key was withdrawn
	issuer     *issuer
	may        []string // without a key
}

// of is a shot with a token, good as far as the token is.
func of(kind string, t token) shot {
	return shot{kind: kind, credential: "Bearer " + t.text, token: t, issuer: t.key.issuer}
}

// instead is a shot with another text in place of the token's own.
func (s shot) instead(text, reason string) shot {
	s.credential, s.spoilt = "Bearer "+text, reason
	return s
}

// A moment is what was known just before a shot, or just after its answer.
type moment struct {
	at     time.Time
	phase  *phase
	doubt  bool
	doubts int64
}

func (s shot) moment() moment {
	m := moment{at: time.Now()}
	if s.token.key != nil {
		m.phase = s.token.key.phase.Load()
	}
	if s.issuer != nil {
		m.doubt, m.doubts = s.issuer.doubt.open.Load() > 0, s.issuer.doubt.ever.Load()
	}
	return m
}

// reasons are those that the answer may have, which was decided between two
// moments. A key goes through its phases one way, and each phase between the two
// allows no more than both of them together.
func (s shot) reasons(before, after moment) []string {
	all := slices.Clone(s.may)
	if s.token.key != nil {
		all = append(append(all, before.phase.may...), after.phase.may...)
	}
	if doubted := before.doubt || after.doubt || before.doubts != after.doubts; !doubted {
		all = without(all, "keys_unavailable")
	}
	if !slices.Contains(all, "ok") {
		return all
	}
	over := s.token.expires.Add(skew)
	switch {
	case s.spoilt != "":
		return append(without(all, "ok"), s.spoilt)
	case s.late:
		all = append(all, "issued_after_withdrawal")
	}
	if s.token.key == nil {
		return all
	}
	if !after.at.Before(over) {
		all = append(all, "token_expired")
	}
	if !before.at.Before(over) {
		all = without(without(all, "ok"), "issued_after_withdrawal")
	}
	return all
}

func without(all []string, reason string) []string {
	return slices.DeleteFunc(all, func(r string) bool { return r == reason })
}

// judge says what is wrong with an answer, and its reason.
func (s shot) judge(answer *authv3.CheckResponse, before, after moment) (reason string, err error) {
	said := func(name string) string { return answer.GetDynamicMetadata().GetFields()[name].GetStringValue() }
	reason = said("reason")
	if may := s.reasons(before, after); !slices.Contains(may, reason) {
		return reason, fmt.Errorf("the reason is %q, and may be %q", reason, may)
	}
	if reason != "ok" {
		if codes.Code(answer.GetStatus().GetCode()) == codes.OK || answer.GetDeniedResponse().GetStatus().GetCode() < 400 {
			return reason, fmt.Errorf("refused by %s, with an answer that passes: %v", reason, answer)
		}
		return reason, nil
	}
	if codes.Code(answer.GetStatus().GetCode()) != codes.OK || answer.GetOkResponse() == nil {
		return reason, fmt.Errorf("ok, with an answer that does not pass: %v", answer)
	}
	k := s.token.key
	if said("kid") != k.KID || said("thumbprint") != k.thumbprint || said("issuer") != k.issuer.name {
		return reason, fmt.Errorf("ok by the key %s %s of %s, and not by %s", said("kid"), said("thumbprint"), said("issuer"), k.KID)
	}
	for _, h := range answer.GetOkResponse().GetHeaders() {
		if h.GetHeader().GetKey() == subjectHeader && h.GetHeader().GetValue() == s.token.subject {
			return reason, nil
		}
	}
	return reason, fmt.Errorf("ok, and the upstream is not told of %s: %v", s.token.subject, answer.GetOkResponse())
}
