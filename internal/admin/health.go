package admin

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Issuer is what readiness knows of one issuer.
type Issuer struct {
	Issuer      string     `json:"issuer"`
	Usable      bool       `json:"usable"`                 // tokens of it can be accepted now
	UsableOnce  bool       `json:"usable_once"`            // they could be at some time since the start
	Optional    bool       `json:"optional"`               // readiness does not wait for it
	State       State      `json:"state,omitempty"`        // why it is not usable, in a word
	LastResult  string     `json:"last_result,omitempty"`  // of the last fetch if it did not work, in a word
	Reason      string     `json:"reason,omitempty"`       // both in full, with addresses; see [Readiness.Brief]
	LastSuccess *time.Time `json:"last_success,omitempty"` // when its keys were last fetched
}

// State is why an issuer is not usable.
type State string

// The states of issuers that are not usable.
const (
	NeverFetched State = "never_fetched"  // its keys were never fetched
	Stale        State = "stale"          // its keys were last fetched longer ago than max_stale
	NoActiveKey  State = "no_active_key"  // it has keys, but none that is active
	NoFittingKey State = "no_fitting_key" // it has active keys, but none fits the algorithms that its tokens may have
)

// Unusable is why a set is not usable; empty if it is.
func Unusable(set *keyset.Set, now keyset.Instant) State {
	switch {
	case set.Usable(now):
		return ""
	case set.Observed().IsZero():
		return NeverFetched
	case set.Stale(now):
		return Stale
	case set.Unfit(now):
		return NoFittingKey
	}
	return NoActiveKey
}

// Readiness is the one answer that /readyz and grpc.health.v1 give. It turns
// ready when every issuer that is not optional has been usable once, and then
// only draining ends it: the outage of an issuer is an alert and 503 verdicts,
// not an empty fleet.
type Readiness struct {
	issuers  func() []Issuer
	ready    atomic.Bool
	draining atomic.Bool
}

// NewReadiness asks issuers for their present state whenever somebody asks it.
func NewReadiness(issuers func() []Issuer) *Readiness { return &Readiness{issuers: issuers} }

// Ready tells whether requests should be sent here.
func (r *Readiness) Ready() bool {
	ready, _ := r.look()
	return ready
}

// Drain makes it not ready, for good.
func (r *Readiness) Drain() { r.draining.Store(true) }

func (r *Readiness) look() (bool, []Issuer) {
	issuers := r.issuers()
	if !r.ready.Load() {
		waiting := false
		for _, i := range issuers {
			waiting = waiting || !i.UsableOnce && !i.Optional
		}
		if !waiting {
			r.ready.Store(true)
		}
	}
	return r.ready.Load() && !r.draining.Load(), issuers
}

// ServeHTTP answers /readyz: 200 or 503, and in either case what is the matter
// with each issuer.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	ready, issuers := r.look()
	r.answer(w, ready, issuers)
}

// Brief answers the same without [Issuer.Reason], for listeners that anybody in
// the network may reach: that text holds addresses of the network and errors of
// its hosts.
func (r *Readiness) Brief() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ready, issuers := r.look()
		brief := make([]Issuer, len(issuers))
		for n, i := range issuers {
			i.Reason = ""
			brief[n] = i
		}
		r.answer(w, ready, brief)
	})
}

func (r *Readiness) answer(w http.ResponseWriter, ready bool, issuers []Issuer) {
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, struct {
		Ready    bool     `json:"ready"`
		Draining bool     `json:"draining"`
		Issuers  []Issuer `json:"issuers"`
	}{ready, r.draining.Load(), issuers})
}

// healthz answers as long as the process serves at all: liveness depends on
// nothing outside.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // whoever asked is gone
}
