package verify

// Reason is why a request was let through or refused. The set is closed:
// dashboards, alerts and access logs are scripted against it.
type Reason string

// The reasons, in the order of the steps in which they arise. A token has
// exactly one: that of the first step it fails.
const (
	// Let through.
	OK             Reason = "ok"
	MissingAllowed Reason = "missing_allowed" // no credential, and the policy lets that pass

	// The request.
	PolicyUnknown       Reason = "policy_unknown"
	TokenMissing        Reason = "token_missing"
	MultipleCredentials Reason = "multiple_credentials"

	// The token, before any key is looked up.
	TokenTooLarge   Reason = "token_too_large"
	TokenMalformed  Reason = "token_malformed"
	HeaderForbidden Reason = "header_forbidden"
	ClaimMissing    Reason = "claim_missing" // also of step 10
	ClaimInvalid    Reason = "claim_invalid" // also of step 10
	IssuerUnknown   Reason = "issuer_unknown"
	AlgNotAllowed   Reason = "alg_not_allowed"
	TypNotAllowed   Reason = "typ_not_allowed"

	// The key and the signature.
	KidMissing       Reason = "kid_missing"
	KidUnknown       Reason = "kid_unknown"
	KeysUnavailable  Reason = "keys_unavailable"
	KeysStale        Reason = "keys_stale"
	KeyPending       Reason = "key_pending"
	KeyRetired       Reason = "key_retired"
	KeyRevoked       Reason = "key_revoked"
	AlgMismatch      Reason = "alg_mismatch"
	SignatureInvalid Reason = "signature_invalid"

	// The claims, of which we know now that the issuer wrote them.
	TokenExpired          Reason = "token_expired"
	TokenNotYetValid      Reason = "token_not_yet_valid"
	IssuedInFuture        Reason = "issued_in_future"
	LifetimeTooLong       Reason = "lifetime_too_long"
	AudienceMismatch      Reason = "audience_mismatch"
	IssuedAfterWithdrawal Reason = "issued_after_withdrawal"
	PopRequired           Reason = "pop_required"
	ScopeInsufficient     Reason = "scope_insufficient"
	ClaimMismatch         Reason = "claim_mismatch"

	// The guard itself.
	Overloaded    Reason = "overloaded"
	InternalError Reason = "internal_error"
)

// Reasons lists every reason, in the order above.
func Reasons() []Reason {
	return []Reason{
		OK, MissingAllowed,
		PolicyUnknown, TokenMissing, MultipleCredentials,
		TokenTooLarge, TokenMalformed, HeaderForbidden, ClaimMissing, ClaimInvalid, IssuerUnknown, AlgNotAllowed, TypNotAllowed,
		KidMissing, KidUnknown, KeysUnavailable, KeysStale, KeyPending, KeyRetired, KeyRevoked, AlgMismatch, SignatureInvalid,
		TokenExpired, TokenNotYetValid, IssuedInFuture, LifetimeTooLong, AudienceMismatch, IssuedAfterWithdrawal,
		PopRequired, ScopeInsufficient, ClaimMismatch,
		Overloaded, InternalError,
	}
}
