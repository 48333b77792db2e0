package keyset

import "time"

// EventType names what happened to a key or an issuer's set. The words stand in
// logs and in the ledger.
type EventType string

// Events in the life of a key.
const (
	EventFirstSeen  EventType = "key_first_seen"
	EventLeft       EventType = "key_left" // absent from an observation for the first time
	EventConfirmed  EventType = "key_removal_confirmed"
	EventReturned   EventType = "key_returned"   // listed again before it was final
	EventState      EventType = "key_state"      // From and To
	EventFinal      EventType = "key_final"      // the tombstone is written
	EventDropped    EventType = "key_dropped"    // withdrawn while pending: it never was in force
	EventChanged    EventType = "key_changed"    // another alg, nbf or exp is listed, or its activation moved
	EventOrdered    EventType = "key_ordered"    // retire, revoke or reinstate
	EventAliasSeen  EventType = "kid_first_seen" // a further kid of a known key
	EventAliasLeft  EventType = "kid_left"
	EventAliasGone  EventType = "kid_removal_confirmed"
	EventAliasBack  EventType = "kid_returned"
	EventAnomaly    EventType = "anomaly" // Anomaly says which
	EventDistrusted EventType = "key_distrusted"
)

// Anomaly is something that a healthy issuer does not do. The set is closed: it
// is a metric's label.
type Anomaly string

// The anomalies.
const (
	RemovalReverted     Anomaly = "removal_reverted"      // withdrawn for good, as it seemed, and listed again
	RetiredKeyReturned  Anomaly = "retired_key_returned"  // a key out of service is listed; it stays refused
	PrivateKeyPublished Anomaly = "private_key_published" // everybody can sign with it now
	KidReused           Anomaly = "kid_reused"            // known kid, new material
	KidAmbiguous        Anomaly = "kid_ambiguous"         // one kid, several materials in one document
	MassRemoval         Anomaly = "mass_removal"          // all keys, or more than half of them, gone at once
	RecordsFull         Anomaly = "records_full"          // new keys are refused: see [MaxRecords]
	ClockStep           Anomaly = "clock_step"            // wall clock and monotonic clock drifted apart
)

// Event is one thing that happened. Key is the record after it; nil for an
// anomaly that concerns no record.
type Event struct {
	Type    EventType
	At      Instant
	Kid     string
	Key     *Key
	From    State  // of EventState
	To      State  // of EventState
	Action  Action // of EventOrdered
	Forced  bool   // of EventOrdered: force overrode an objection
	Anomaly Anomaly
	Detail  string
}

// Time is the lifecycle time of the event.
func (e Event) Time() time.Time { return e.At.Life }
