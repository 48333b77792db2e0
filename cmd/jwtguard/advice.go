package main

import "github.com/jwtguard/jwtguard/pkg/verify"

// advice says for each reason what to do about it, to whoever was woken by it. It
// holds every reason that a token can have.
var advice = map[verify.Reason]string{
	verify.OK:                    "Nothing. If requests with this token are refused all the same, look at the reason in Envoy's access log: the request may carry another token or several, and its route may name another policy (--policy).",
	verify.TokenTooLarge:         "Ask the issuer for smaller tokens: fewer groups or claims. The limit is fixed.",
	verify.TokenMalformed:        "This is no compact JWS with two strict JSON objects. Check how the client copies the token (quotes, line ends, padding), and that it is not an encrypted token (JWE has five parts).",
	verify.HeaderForbidden:       "The header tries to bring or to name its own key, or asks for an extension. No honest access token does; if the issuer really sends it, it has to stop.",
	verify.ClaimMissing:          "The issuer has to add the claim. iss, exp and aud are always required, iat where max_lifetime is set.",
	verify.ClaimInvalid:          "The issuer writes the claim in another form than RFC 7519 says: times as whole seconds, aud as a string or an array of strings.",
	verify.IssuerUnknown:         "Compare iss with the configuration letter by letter (a trailing slash counts), and look whether the policy names that issuer.",
	verify.AlgNotAllowed:         "If the issuer has really changed its algorithm, add it to the issuer's algorithms. If not, somebody is trying something.",
	verify.TypNotAllowed:         "This is another kind of token (an ID token, a logout token, a proof). If it is the right one, add its typ to the issuer's types.",
	verify.KidMissing:            "The issuer has to put a kid into the header: without it nobody can tell which key to use, nor count its use.",
	verify.KidUnknown:            "The issuer does not list this key: compare its kids above. If the issuer has just begun to sign with it, it publishes too late: jwtguard check says how long before its first use a key must be listed. If the token is old, its key is gone, and the client needs a new token.",
	verify.KeysUnavailable:       "The issuer's keys could not be fetched: see the line on its JWKS above, and jwks_fetch_failed in the guard's log. Until that works, requests whose key the guard does not have get 503.",
	verify.KeysStale:             "The issuer's keys have not been fetched for longer than max_stale: see the line on its JWKS above. Requests get 503 until that works.",
	verify.KeyPending:            "The key is listed but not in force yet (nbf of the JWK, or keys.activation_delay). The issuer signs with it too early.",
	verify.KeyRetired:            "The key is out of service. The client needs a new token. If many clients have such tokens, the key was retired too early: compare the lifetime of its tokens with keys.grace. A retirement by mistake is undone by jwtguard keys reinstate, or by a line in keys.reinstated.",
	verify.KeyRevoked:            "The key was revoked as compromised. Nothing brings it back; the client needs a new token. A valid signature here means that somebody still holds the key.",
	verify.AlgMismatch:           "The token's alg is not that of the key it names. The issuer's JWKS and its tokens contradict each other, or somebody is trying something.",
	verify.SignatureInvalid:      "The token was changed or cut on its way, or was not signed with the key it names. Compare its last characters with those that the issuer sent.",
	verify.TokenExpired:          "The client has to renew its token. If the token is fresh, one of the clocks is wrong.",
	verify.TokenNotYetValid:      "One of the clocks is wrong, or the client uses the token before its time.",
	verify.IssuedInFuture:        "The issuer's clock is ahead of this machine's, or this one is behind.",
	verify.LifetimeTooLong:       "The issuer gives its tokens a longer life than max_lifetime allows. One of the two has to change; keys.grace follows.",
	verify.AudienceMismatch:      "The token is for another service. The client has to ask for the right audience; if this is the right one, add it to the issuer's audiences.",
	verify.IssuedAfterWithdrawal: "The token claims to be younger than the withdrawal of its key. The issuer must not sign with a key that it does not list; if it lists it again, the next fetch shows that. If an order retired the key before the issuer stopped signing with it, jwtguard keys reinstate takes the order back.",
	verify.PopRequired:           "The token is bound to a key of its client (cnf) and is no bearer token. Proof of possession is not verified here.",
	verify.ScopeInsufficient:     "The client has to ask for the scope that the policy requires.",
	verify.ClaimMismatch:         "The token lacks what the policy's required_claims ask for.",
}

const (
	// adviceSilent is for a token that passes by what the issuer lists.
	adviceSilent = "See that the guard runs and answers, and ask again, or ask where one does: that a key was put out of service by an order stands in the guard's memory and its state_dir alone, and such a key is refused whatever its issuer lists."
	// adviceUndecided is for a key that only the running guard still has.
	adviceUndecided = "Look into Envoy's access log or the guard's (request_denied) for the reason that the running guard gives: it judges this token by a key that cannot be fetched here. Without a state_dir it loses that key when it is restarted."
	// adviceOther is for a token that passes by another key than the guard's.
	adviceOther = "Compare the thumbprints: jwtguard keys list shows those of the guard. An issuer must not give a kid to a second key; what the guard makes of that is keys.kid_reuse. Requests get what the running guard says in request_denied or Envoy's access log."
	// adviceOutdated is for a token that passes by keys that the guard cannot fetch.
	adviceOutdated = "Requests get 503 until the running guard can fetch the issuer's keys, as could be done here. Look for jwks_fetch_failed in its log: it may go another way (proxy, DNS, certificates, network policy), or by an older jwks.uri, if the file was changed and not reloaded."
	// adviceTooNew is for a token that passes by keys newer than the guard's.
	adviceTooNew = "The running guard has not fetched this key yet. It does when it meets the first such token, once in jwks.unknown_kid_cooldown, and at jwks.interval; until then requests get kid_unknown. If the file was changed, look for config_reload_failed in the guard's log."
)
