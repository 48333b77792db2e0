package main

import (
	"fmt"
	"strings"
	"testing"
)

// inFilter is a filter whose one provider has the given options, too.
func inFilter(options string) string {
	return `{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /jwks.json}, from_headers: [{name: x-token}], ` + options + `}}, rules: [{match: {prefix: /}, requires: {provider_name: p}}]}`
}

// withKeys is the same, with keys that are given.
func withKeys(keys string) string {
	return `{providers: {p: {issuer: corp, audiences: [api], from_headers: [{name: x-token}], ` + keys + `}}, rules: [{match: {prefix: /}, requires: {provider_name: p}}]}`
}

// requires is a filter of two providers with one rule.
func requires(requirement string) string {
	return `{providers: {a: {issuer: a, audiences: [x], local_jwks: {filename: /a}, from_headers: [{name: x-token}]}, b: {issuer: b, audiences: [y], local_jwks: {filename: /b}, from_headers: [{name: x-token}]}}, rules: [{match: {prefix: /}, requires: ` + requirement + `}]}`
}

// jwks is the public key of RFC 7515, appendix A.3.1, under the given members.
func jwks(members string) string {
	return `{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"` + members + `}`
}

func istioRule(options string) string {
	return "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: x, namespace: y}\nspec: {jwtRules: [{issuer: https://issuer.example.com, audiences: [api], " + options + "}]}\n"
}

// What becomes of each option: what stands in the configuration, what is said
// about it, and whether a script gets to know.
func TestWhatBecomesOfEachOption(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		status int
		want   []string // what is printed
		never  string   // and what is not
	}{
		"an option twice":         {inFilter(`clock_skew_seconds: 1, clockSkewSeconds: 600`), 2, []string{"providers.p.clockSkewSeconds: stands here twice"}, "issuers:"},
		"no issuer":               {`{providers: {p: {audiences: [api], local_jwks: {filename: /x}}}}`, 1, []string{"# NO TOKEN OF IT PASSES: it names no issuer", "issuer: not-carried-over:p", "optional: true"}, ""},
		"issuer with a space":     {`{providers: {p: {issuer: " a", audiences: [api], local_jwks: {filename: /x}}}}`, 1, []string{"begins or ends with a space", "issuer: not-carried-over:p"}, ""},
		"no audiences":            {`{providers: {p: {issuer: corp, local_jwks: {filename: /x}}}}`, 0, []string{`audiences: ["*"]`, "no audiences: any passes"}, ""},
		"a star among audiences":  {`{providers: {p: {issuer: corp, audiences: ["*"], local_jwks: {filename: /x}}}}`, 1, []string{"* alone means any audience here", "NO TOKEN OF IT PASSES"}, `["*"]`},
		"audience of a URL":       {`{providers: {p: {issuer: corp, audiences: ["https://api.example.com/"], local_jwks: {filename: /x}}}}`, 0, []string{"is compared exactly, not without its scheme", "audiences: [https://api.example.com/]"}, ""},
		"audiences that are text": {`{providers: {p: {issuer: corp, audiences: api, local_jwks: {filename: /x}}}}`, 2, []string{`providers.p.audiences: must be a list, not the text "api"`}, "issuers:"},
		"subject exact":           {inFilter(`subjects: {exact: me}`), 0, []string{"required_claims: { sub: me }"}, "WEAKER"},
		"subject prefix":          {inFilter(`subjects: {prefix: me}`), 1, []string{"WEAKER: EVERY SUBJECT of this issuer passes"}, "required_claims: {"},
		"subject pattern":         {inFilter(`subjects: {safe_regex: {regex: ".*"}}`), 1, []string{"WEAKER: EVERY SUBJECT"}, ""},
		"subject in any case":     {inFilter(`subjects: {exact: me, ignore_case: true}`), 0, []string{"compared exactly"}, ""},
		"expiration":              {inFilter(`require_expiration: true`), 0, []string{"everything was carried over"}, ""},
		"lifetime":                {inFilter(`max_lifetime: 90.5s`), 0, []string{"max_lifetime: 1m30.5s"}, ""},
		"lifetime as a message":   {inFilter(`max_lifetime: {seconds: 60, nanos: 5}`), 0, []string{"max_lifetime: 1m0.000000005s"}, ""},
		"no lifetime at all":      {inFilter(`max_lifetime: 0s`), 0, []string{"max_lifetime: 1s"}, ""},
		"endless lifetime":        {inFilter(`max_lifetime: 999999999999s`), 0, []string{"max_lifetime: 87600h"}, ""},
		"lifetime in minutes":     {inFilter(`max_lifetime: 5m`), 2, []string{"providers.p.max_lifetime: must be a duration of seconds"}, "issuers:"},
		"skew":                    {inFilter(`clock_skew_seconds: 5`), 0, []string{"clock_skew: 5s"}, ""},
		"skew by default":         {inFilter(`clock_skew_seconds: 0`), 0, nil, "clock_skew"},
		"skew of a day and more":  {inFilter(`clock_skew_seconds: 86401`), 0, []string{"clock_skew: 24h", "more than a day is cut to one"}, ""},
		"skew below zero":         {inFilter(`clock_skew_seconds: -1`), 2, []string{"must be a number from 0 to 4294967295"}, "issuers:"},
		"forward":                 {inFilter(`forward: true`), 0, []string{"forward: true"}, ""},
		"forward as text":         {inFilter(`forward: "true"`), 2, []string{"must be true or false"}, "issuers:"},
		"payload header":          {inFilter(`forward_payload_header: X-Payload`), 0, []string{"payload_header: x-payload"}, ""},
		"payload header of Envoy": {inFilter(`forward_payload_header: x-envoy-payload`), 1, []string{"is Envoy's own", "NOT REMOVED"}, "    payload_header:"},
		"padding":                 {inFilter(`forward_payload_header: x-p, pad_forward_payload_header: true`), 1, []string{"has no padding"}, ""},
		"payload in metadata":     {inFilter(`payload_in_metadata: x`), 1, []string{"payload is not put into dynamic metadata", "LET MORE PASS"}, ""},
		"header in metadata":      {inFilter(`headerInMetadata: x`), 1, []string{"providers.p.headerInMetadata: the token's header is not put"}, ""},
		"failure in metadata":     {inFilter(`failed_status_in_metadata: x`), 1, []string{"read reason in the namespace envoy.filters.http.ext_authz"}, ""},
		"normalised payload":      {inFilter(`normalize_payload_in_metadata: {space_delimited_claims: [scope]}`), 1, []string{"use required_scopes"}, ""},
		"token cache":             {inFilter(`jwt_cache_config: {jwt_cache_size: 5}`), 0, []string{"one cache for all issuers"}, ""},
		"route cache":             {inFilter(`clear_route_cache: true`), 1, []string{"set clear_route_cache of the ext_authz filter"}, ""},
		"claim":                   {inFilter(`claim_to_headers: [{header_name: X-Sub, claim_name: sub}]`), 0, []string{"- { claim: sub, header: x-sub }"}, ""},
		"nested claim":            {inFilter(`claim_to_headers: [{header_name: x-street, claim_name: address.street}]`), 1, []string{"WEAKER THAN BEFORE", "only claims at the top", "NOT REMOVED"}, "claim_headers:"},
		"claim with dots":         {inFilter(`claim_to_headers: [{header_name: x-a, claim_path: [{key: "http://a/b.c"}]}]`), 0, []string{`- { claim: http://a/b.c, header: x-a }`}, ""},
		"claim path":              {inFilter(`claim_to_headers: [{header_name: x-a, claim_path: [{key: a}, {key: b}]}]`), 1, []string{"only claims at the top"}, "claim_headers:"},
		"claim into the host":     {inFilter(`claim_to_headers: [{header_name: host, claim_name: sub}]`), 1, []string{"has a meaning of its own"}, "claim_headers:"},
		"17 claims":               {inFilter(`claim_to_headers: [` + manyClaims(17) + `]`), 1, []string{"16 claims are copied at most", "header: x-15 }"}, "header: x-16 }"},
		"one header for two":      {inFilter(`forward_payload_header: x-a, claim_to_headers: [{header_name: x-a, claim_name: a}]`), 1, []string{"payload_header: x-a", "NOT REMOVED"}, "claim_headers:\n"},
		"the token's header":      {inFilter(`forward_payload_header: x-token`), 1, []string{"which a policy fills for the upstream", "header: authorization"}, ""},
		"unknown option":          {inFilter(`allowed_planets: [mars]`), 1, []string{"providers.p.allowed_planets: this version does not know the option; if it narrows what passes, what is below is WEAKER"}, ""},

		"bearer":             {`{providers: {p: {issuer: corp, audiences: [api], localJwks: {filename: /x}, fromHeaders: [{name: Authorization, valuePrefix: "Bearer "}]}}}`, 0, []string{`header: authorization, query: ""`}, ""},
		"default places":     {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}}`, 0, []string{"header: authorization, query: access_token"}, ""},
		"other scheme":       {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_headers: [{name: authorization, value_prefix: "JWT "}]}}}`, 1, []string{"only Bearer is taken there", "authorization is a guess"}, "access_token"},
		"bare authorization": {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_headers: [{name: authorization}], from_params: [t]}}}`, 1, []string{`header: "", query: t`}, ""},
		"two headers":        {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_headers: [{name: x-a}, {name: x-b}]}}}`, 1, []string{`a second header, "x-b"`, "header: x-a"}, "header: x-b"},
		"param and cookie":   {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_params: [t], from_cookies: [c]}}}`, 0, []string{`header: "", query: t, cookie: c`}, ""},
		"two params":         {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_params: [t, u]}}}`, 1, []string{`a second query, "u"`}, ""},
		"strange cookie":     {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}, from_cookies: ["a b"]}}}`, 1, []string{"is no cookie name"}, ""},

		"remote":                {withKeys(`remote_jwks: {http_uri: {uri: "https://a.example/k", timeout: 2s}, cache_duration: 60s}`), 0, []string{"uri: https://a.example/k", "interval: 1m", "timeout: 2s"}, ""},
		"remote over http":      {withKeys(`remote_jwks: {http_uri: {uri: "http://a.example/k"}}`), 1, []string{"PLAIN HTTP", "allow_insecure_http: true"}, ""},
		"remote with a secret":  {withKeys(`remote_jwks: {http_uri: {uri: "https://me:hunter2@a.example/k"}}`), 1, []string{"must have no user name and password", "NO TOKEN OF IT PASSES"}, "hunter2"},
		"remote metadata":       {withKeys(`remote_jwks: {http_uri: {uri: "http://169.254.169.254/k"}}`), 1, []string{"is an address that is never dialled", "NO TOKEN OF IT PASSES"}, "uri: http"},
		"remote without a URI":  {withKeys(`remote_jwks: {cache_duration: 5s}`), 2, []string{"providers.p: remote_jwks has no http_uri with a uri"}, "issuers:"},
		"cached for a day":      {withKeys(`remote_jwks: {http_uri: {uri: "https://a.example/k"}, cache_duration: 86400s}`), 0, []string{"interval: 1h", "keys are fetched every 1h"}, ""},
		"patient fetch":         {withKeys(`remote_jwks: {http_uri: {uri: "https://a.example/k", timeout: 3600s}}`), 0, []string{"timeout: 1m"}, ""},
		"file beside it":        {withKeys(`local_jwks: {filename: jwks.json}`), 0, []string{"file: jwks.json", "counts from the folder"}, ""},
		"environment":           {withKeys(`local_jwks: {environment_variable: KEYS}`), 1, []string{"are not read from environment variables", "NO TOKEN OF IT PASSES"}, "discovery"},
		"no keys at all":        {withKeys(`forward: true`), 1, []string{"neither remote_jwks nor local_jwks", "NO TOKEN OF IT PASSES"}, ""},
		"two sources":           {withKeys(`local_jwks: {filename: /x}, remote_jwks: {}`), 2, []string{"remote_jwks and local_jwks are both set"}, "issuers:"},
		"inline":                {withKeys(`local_jwks: {inline_string: '{"keys": [` + jwks(`, "kid": "one", "x5t": "dropped"`) + `]}'}`), 0, []string{`inline: {"keys": [{"kty": "EC"`, "it follows no rotation"}, "dropped"},
		"inline bytes":          {withKeys(`local_jwks: {inline_bytes: "e30="}`), 1, []string{"not a JWKS document", "NO TOKEN OF IT PASSES"}, "inline:"},
		"inline without a kid":  {withKeys(`local_jwks: {inline_string: '{"keys": [` + jwks(``) + `]}'}`), 1, []string{`cannot be used: kid_absent`, "holds no key that can be used", "NO TOKEN OF IT PASSES"}, "inline:"},
		"inline certificates":   {withKeys(`local_jwks: {inline_string: '{"one": "-----BEGIN CERTIFICATE-----"}'}`), 1, []string{"not a JWKS document"}, "inline:"},
		"inline with a private": {withKeys(`local_jwks: {inline_string: '{"keys": [` + jwks(`, "kid": "one", "d": "AAAA"`) + `, ` + jwks(`, "kid": "two"`) + `]}'}`), 1, []string{`the key "one" cannot be used: private_key`, `"kid": "two"`}, "AAAA"},

		"any of two":              {requires(`{requires_any: {requirements: [{provider_name: a}, {provider_name: b}]}}`), 0, []string{"issuers: [a, b]"}, "WEAKER"},
		"both of two":             {requires(`{requires_all: {requirements: [{provider_name: a}, {provider_name: b}]}}`), 1, []string{"several tokens at once", "NOTHING WITH A TOKEN PASSES", "issuers: [nobody]"}, "issuers: [a"},
		"all of one":              {requires(`{requires_all: {requirements: [{provider_name: a}, {provider_name: a}]}}`), 0, []string{"issuers: [a]"}, ""},
		"missing":                 {requires(`{allow_missing: {}}`), 0, []string{"allow_missing: true", "# A REQUEST WITHOUT A TOKEN PASSES, as before", "issuers: [a, b]"}, "shadow in force"},
		"missing of one":          {requires(`{requires_any: {requirements: [{provider_name: b}, {allow_missing: {}}]}}`), 0, []string{"issuers: [b]", "allow_missing: true"}, ""},
		"failed":                  {requires(`{allow_missing_or_failed: {}}`), 0, []string{"# LETS EVERY REQUEST PASS, as before", "mode: shadow\n", "allow_missing: true"}, ""},
		"missing, or both":        {requires(`{requires_any: {requirements: [{requires_all: {requirements: [{provider_name: a}, {provider_name: b}]}}, {allow_missing: {}}]}}`), 1, []string{"issuers: [nobody]", "allow_missing: true"}, "issuers: [a"},
		"extract only":            {requires(`{extract_only_without_validation: {}}`), 1, []string{"never copied to headers", "mode: shadow\n"}, ""},
		"audiences of its own":    {requires(`{provider_and_audiences: {provider_name: a, audiences: [z]}}`), 0, []string{"audiences: [x, z]", "    audiences: [z]\n    token"}, ""},
		"audiences that mix":      {requires(`{requires_any: {requirements: [{provider_and_audiences: {provider_name: a, audiences: [y]}}, {provider_and_audiences: {provider_name: b, audiences: [z]}}]}}`), 1, []string{"    audiences: [\"y\", z]\n    token", "which is WEAKER"}, ""},
		"unknown provider":        {requires(`{provider_name: c}`), 2, []string{`there is no provider "c" in providers`}, "issuers:"},
		"unknown requirement":     {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, rules: [{match: {prefix: /}, requirement_name: x}]}`, 2, []string{`there is no requirement "x" in requirement_map`}, "issuers:"},
		"two requirements":        {requires(`{provider_name: a, allow_missing: {}}`), 2, []string{"several requirements are set"}, "issuers:"},
		"free path":               {requires(`{provider_name: a}}, {match: {prefix: /x}`), 0, []string{"rules from here on are never reached"}, ""},
		"no rule for the rest":    {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, rules: [{match: {prefix: /api}, requires: {provider_name: p}}]}`, 1, []string{"requests that match no rule passed unchecked", "issuers: [p]"}, ""},
		"CORS":                    {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, bypass_cors_preflight: true}`, 1, []string{"put Envoy's cors filter before ext_authz"}, ""},
		"strip":                   {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, strip_failure_response: true}`, 0, []string{"never tells a retired key"}, ""},
		"filter state":            {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, filter_state_rules: {name: tenant, requires: {gold: {provider_name: p}}}}`, 1, []string{`the filter state "tenant" does not choose a policy`, "  state-gold:"}, ""},
		"a requirement's name":    {`{providers: {p: {issuer: corp, audiences: [api], local_jwks: {filename: /x}}}, requirement_map: {default: {allow_missing: {}}, "a/b\n": {provider_name: p}}}`, 0, []string{"  default:\n", "  default-2:\n", "  a-b:\n", "is the policy default-2"}, ""},
		"no providers":            {"'@type': type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", 2, []string{"stdin: no provider in it: there is no issuer to trust"}, "issuers:"},
		"one issuer twice":        {`{providers: {a: {issuer: corp, audiences: [x], local_jwks: {filename: /x}, clock_skew_seconds: 5}, b: {issuer: corp, audiences: [y], local_jwks: {filename: /x}}}, requirement_map: {b: {provider_name: b}}}`, 0, []string{`audiences: [x, "y"]`, "clock_skew: 5s", "has another clock_skew_seconds", "    audiences: [\"y\"]\n"}, ""},
		"one issuer, other keys":  {`{providers: {a: {issuer: corp, audiences: [x], local_jwks: {filename: /x}}, b: {issuer: corp, audiences: [y], local_jwks: {filename: /y}}}}`, 1, []string{"same issuer and other keys", "issuer: not-carried-over:b"}, ""},
		"places that differ":      {`{providers: {a: {issuer: a, audiences: [x], local_jwks: {filename: /x}, from_headers: [{name: x-a}]}, b: {issuer: b, audiences: [y], local_jwks: {filename: /y}, from_params: [t]}}}`, 1, []string{"a token of EACH of its issuers passes in all of them, which is WEAKER", "header: x-a, query: t"}, ""},
		"headers that differ":     {`{providers: {a: {issuer: a, audiences: [x], local_jwks: {filename: /x}, forward_payload_header: x-a}, b: {issuer: b, audiences: [y], local_jwks: {filename: /y}}}}`, 1, []string{"its providers fill different headers", "WEAKER"}, ""},
		"subjects that differ":    {`{providers: {a: {issuer: a, audiences: [x], local_jwks: {filename: /x}, subjects: {exact: me}}, b: {issuer: b, audiences: [y], local_jwks: {filename: /y}}}}`, 1, []string{"HERE EVERY SUBJECT PASSES, which is WEAKER"}, "required_claims: {"},
		"audiences that conflict": {`{providers: {a: {issuer: a, audiences: [x], local_jwks: {filename: /x}}, b: {issuer: b, local_jwks: {filename: /y}}}, requirement_map: {r: {provider_and_audiences: {provider_name: b, audiences: [z]}}, s: {requires_any: {requirements: [{provider_and_audiences: {provider_name: b, audiences: [z]}}, {provider_and_audiences: {provider_name: a, audiences: [q]}}]}}}}`, 1, []string{"pass with audiences of another, which is WEAKER"}, ""},

		"discovery of Istio": {istioRule(``), 0, []string{"issuer: https://issuer.example.com\n    audiences: [api]\npolicies:", "# A REQUEST WITHOUT A TOKEN PASSES", "REQUESTS WITHOUT A TOKEN PASS the policy default"}, "jwks:"},
		"URI of Istio":       {istioRule(`jwksUri: "https://a.example/k", timeout: 7s`), 0, []string{"uri: https://a.example/k", "timeout: 7s"}, ""},
		"old URI of Istio":   {istioRule(`jwks_uri: "https://a.example/k"`), 0, []string{"uri: https://a.example/k"}, ""},
		"keys of Istio":      {istioRule(`jwks: '{"keys": [` + jwks(`, "kid": "one"`) + `]}'`), 0, []string{"inline: {", "it follows no rotation"}, ""},
		"bad keys of Istio":  {istioRule(`jwks: "nothing"`), 1, []string{"not a JWKS document", "NO TOKEN OF IT PASSES"}, ""},
		"headers of Istio":   {istioRule(`fromHeaders: [{name: x-jwt, prefix: "Bearer "}], fromParams: [t], fromCookies: [c]`), 0, []string{"header: x-jwt, query: t, cookie: c, forward: false"}, ""},
		"outputs of Istio":   {istioRule(`outputPayloadToHeader: x-p, forwardOriginalToken: true, outputClaimToHeaders: [{header: x-sub, claim: sub}]`), 0, []string{"payload_header: x-p", "{ claim: sub, header: x-sub }", "forward: true"}, ""},
		"scopes of Istio":    {istioRule(`spaceDelimitedClaims: [scope]`), 1, []string{"use required_scopes"}, ""},
		"issuer of Istio":    {"apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nspec: {jwtRules: [{issuer: someone@example.com}]}", 1, []string{"is no URL, so its keys cannot be discovered", "NO TOKEN OF IT PASSES"}, ""},
		"no rules of Istio":  {"apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nspec: {}", 2, []string{"no provider in it"}, "issuers:"},
		"deny of Istio":      {istioRule(``) + "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {namespace: y}\nspec: {action: DENY, rules: [{from: [{source: {notRequestPrincipals: [\"*\"]}}]}]}", 0, []string{"a token is required, here by the policy itself"}, "allow_missing: true"},
		"deny of claims":     {istioRule(``) + "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {namespace: y}\nspec: {action: DENY, rules: [{when: [{key: \"request.auth.claims[group]\", values: [banned]}]}]}", 1, []string{"EVERY TOKEN of its issuers passes, which is WEAKER", "DENY by claims refuses none", "allow_missing: true"}, ""},
		"another namespace":  {istioRule(``) + "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {namespace: z}\nspec: {rules: [{from: [{source: {requestPrincipals: [\"*\"]}}]}]}", 0, []string{"that no RequestAuthentication of the file is for", "allow_missing: true"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := fromEnvoy(t, tt.text)
			all := stdout + stderr
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in it", want)
				}
			}
			if tt.never != "" && strings.Contains(all, tt.never) {
				t.Errorf("%q is in it", tt.never)
			}
			if status != exitUsage {
				accepted(t, stdout)
			}
			if t.Failed() {
				t.Log(all)
			}
		})
	}
}

func manyClaims(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{header_name: x-%d, claim_name: c%d}, ", i, i)
	}
	return b.String()
}
