package keyset

// State is where a key stands in its life at one instant. The words are those
// of the contract; NIST SP 800-57 part 1, section 7, has its own for the same
// states, see [State.NIST].
type State uint8

// The states in the order of a normal life. Precedence, where several would
// fit, is Revoked, Retired, Pending, Grace, Active.
const (
	// Pending: published, but not to be used yet (JWK nbf, activation_delay).
	Pending State = iota + 1
	// Active: the issuer lists it; tokens of it are accepted.
	Active
	// Grace: the issuer withdrew it, or it was ordered out of service with a
	// grace; tokens that were issued before that are still accepted.
	Grace
	// Retired: out of service, as planned. Refused.
	Retired
	// Revoked: out of service because of compromise. Refused, for ever, under
	// every issuer.
	Revoked
)

// String is the word that stands in metrics, logs and answers. It is empty for
// the zero State, which stands for "no key".
func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Active:
		return "active"
	case Grace:
		return "grace"
	case Retired:
		return "retired"
	case Revoked:
		return "revoked"
	}
	return ""
}

// NIST is the name of the state in NIST SP 800-57 part 1 revision 5, section 7.
func (s State) NIST() string {
	switch s {
	case Pending:
		return "pre-activation"
	case Active:
		return "active"
	case Grace:
		return "deactivated"
	case Retired:
		return "destroyed"
	case Revoked:
		return "compromised"
	}
	return ""
}

// Usable tells whether a token may be accepted because of a key in this state.
func (s State) Usable() bool { return s == Active || s == Grace }
