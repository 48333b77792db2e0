package keyset

// Change is what happened to the keys of one issuer, told by whoever owns its
// set. It is what a ledger needs in order to give the set back after a restart.
type Change struct {
	Issuer string  // the iss value; empty for an event that concerns no issuer (a step of the clock)
	Name   string  // the issuer's name, for people
	Set    *Set    // as it is after the events; nil without an issuer
	Events []Event // in the order in which they happened; none: only the set moved on
}

// Widens tells whether any of the events may let a token pass that was refused
// before. Such events take effect once they are durable, the others at once.
func Widens(events []Event) bool {
	for _, e := range events {
		switch e.Type {
		case EventFirstSeen, EventReturned, EventAliasSeen, EventAliasBack, EventChanged,
			EventDropped: // its kid may lead to an older key again
			return true
		case EventOrdered:
			if e.Action == Reinstate {
				return true
			}
		}
	}
	return false
}
