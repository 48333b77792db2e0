package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Guard is what the API shows.
type Guard interface {
	// KeySets are the current sets of all issuers, and the instant by which to
	// judge them.
	KeySets() ([]IssuerKeys, keyset.Instant)
}

// IssuerKeys is the key set of one issuer.
type IssuerKeys struct {
	Issuer string // its name
	Set    *keyset.Set
	Skew   time.Duration // by how much tokens are accepted after their exp
	Grace  time.Duration // of a retirement whose order names none

	Algorithms  []string      // alg values that tokens may have; empty: not told
	MaxLifetime time.Duration // the longest life that tokens may have; 0: unbounded
	Recording   time.Time     // lifecycle time since when every use was counted
}

// Orders changes what the guard trusts.
type Orders interface {
	// Order carries out an order about a key of the named issuer, unless admit,
	// which is shown the set that the order would meet, gives an error: then that is
	// returned, and nothing happened. Nothing comes between admit and the order, and
	// admit is done when Order returns.
	//
	// Without an error the order is in force; changed is false if it was before.
	// durable, which may be nil if nothing changed, waits until it is also written
	// down; its error says why it is not yet. Any other error of Order says why the
	// order is not in force.
	Order(ctx context.Context, issuer string, o keyset.Order, admit func(*keyset.Set, keyset.Instant) error) (changed bool, durable func(context.Context) error, err error)
	// Refetch fetches the issuer's keys as soon as the budget allows and waits for
	// the outcome, no longer than ctx: a result in the word of
	// jwtguard_jwks_refreshes_total, and why it is not ok in detail. Where the budget
	// allows none before ctx ends, it does not wait: the result is empty, the fetch
	// comes by itself when it is due, and detail says why it does not sooner.
	Refetch(ctx context.Context, issuer string) (result, detail string, due time.Time, err error)
}

// ErrReleased is what [Config.Kept] gives when the guard has handed its state over
// to a successor: what it is told now would be forgotten.
var ErrReleased = ledger.ErrReleased

// Config is what an API is made of. All but Evidence, Name, TokenFile and Host are
// required.
type Config struct {
	Guard  Guard
	Orders Orders
	// Pinned finds the place in the configuration (FILE:LINE) that puts a key of the
	// named issuer out of service.
	Pinned func(issuer string, k *keyset.Key) (where string, ok bool)
	// Kept tells whether orders outlast a restart; the error says why not.
	Kept func() error
	// Record is told what was refused; it must not block. See [Refusal].
	Record func(Refusal)
	// Evidence makes evidence from the ledger, of a period as [ledger.EvidenceConfig]
	// has it; by is who asks: "uid:" and the user of the unix socket, or an address.
	// Nil: there is no ledger.
	Evidence func(ctx context.Context, by string, from, to time.Time) (*ledger.Export, error)
	Feed     *Feed
	// Probes answers health checks and scrapes, and Brief does so for whoever may be a
	// page of another site; see [Readiness.Brief]. Scrapers come by names of all kinds.
	Probes, Brief http.Handler

	Name      string // of the guard, for people
	TokenFile string // holds the bearer token for changes over TCP; empty: there are none
	Host      string // of the listener's configured address; a name in it is taken in a Host header
}

// API serves the page and /api/v1 beside the probes. The server needs [ConnContext], too.
type API struct {
	cfg       Config
	mux       *http.ServeMux
	page      *page
	changes   chan struct{} // holds one for each change under way
	refreshes chan struct{} // and for each refresh
	streams   chan struct{} // and for each reader of events
	exports   chan struct{} // and for each export of evidence

	guessing sync.Mutex
	guesses  *rate.Limiter // by guessing: of the wrong tokens
	refusals refusals
}

// New makes an API.
func New(cfg Config) (*API, error) {
	if cfg.Guard == nil || cfg.Orders == nil || cfg.Pinned == nil || cfg.Kept == nil || cfg.Record == nil || cfg.Feed == nil || cfg.Probes == nil || cfg.Brief == nil {
		return nil, errors.New("admin: Guard, Orders, Pinned, Kept, Record, Feed, Probes and Brief are required")
	}
	page, err := newPage(cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("admin: page: %w", err)
	}
	a := &API{
		cfg: cfg, page: page, mux: http.NewServeMux(),
		changes: make(chan struct{}, concurrentChanges), refreshes: make(chan struct{}, concurrentChanges),
		streams: make(chan struct{}, maxStreams), exports: make(chan struct{}, concurrentExports),
		guesses:  rate.NewLimiter(guessesPerSecond, guessesPerSecond),
		refusals: refusals{passing: rate.NewLimiter(refusalsPerSecond, refusalsPerSecond), record: cfg.Record},
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if a.foreign(r) != nil {
			cfg.Brief.ServeHTTP(w, r)
			return
		}
		cfg.Probes.ServeHTTP(w, r)
	})
	get(a.mux, "/{$}", a.showPage)
	a.show("/api/v1/keys", a.list)
	a.show("/api/v1/keys/{issuer}/{kid}", a.one)
	a.show("/api/v1/events", a.events)
	a.show("/api/v1/evidence", a.evidence)
	for _, action := range []keyset.Action{keyset.Retire, keyset.Revoke, keyset.Reinstate} {
		a.act("/api/v1/keys/{issuer}/{kid}/"+string(action), func(w http.ResponseWriter, r *http.Request, actor string) *problem {
			return a.order(w, r, action, actor)
		})
	}
	a.act("/api/v1/issuers/{issuer}/refresh", a.refresh)
	return a, nil
}

// ServeHTTP answers. Nothing of it is to be kept by caches, or to be taken for
// something else than it says it is.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.mux.ServeHTTP(w, r)
}

// show serves something that can only be read. Everybody who reaches the listener
// may, but no foreign page.
func (a *API) show(path string, h func(http.ResponseWriter, *http.Request) *problem) {
	get(a.mux, path, func(w http.ResponseWriter, r *http.Request) {
		if p := a.foreign(r); p != nil {
			a.refuse(w, r, p)
			return
		}
		if p := h(w, r); p != nil {
			p.write(w)
		}
	})
}

// act serves something that takes a credential. Whatever of it is refused is
// recorded.
func (a *API) act(path string, h func(w http.ResponseWriter, r *http.Request, actor string) *problem) {
	a.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		p, actor := a.foreign(r), ""
		if p == nil {
			actor, p = a.authorize(r)
		}
		if p == nil {
			p = h(w, r, actor)
		}
		if p != nil {
			a.refuse(w, r, p)
		}
	})
	refuseMethods(a.mux, path, "POST", "this is a change, made by POST")
}

// enter takes a place among those at work; false if all are taken. leave gives it
// back.
func enter(room chan struct{}) (leave func(), ok bool) {
	select {
	case room <- struct{}{}:
		return func() { <-room }, true
	default:
		return nil, false
	}
}
