package admin

import (
	"net/http"
	"time"

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
}

// Key is one key as the API shows it; what has no value is absent. Times are RFC
// 3339 in UTC.
type Key struct {
	Issuer            string     `json:"issuer"`
	Kid               string     `json:"kid,omitempty"`
	Thumbprint        string     `json:"thumbprint,omitempty"`
	Alg               string     `json:"alg,omitempty"`
	State             string     `json:"state"`
	FirstSeen         *time.Time `json:"first_seen,omitempty"`
	LastSeen          *time.Time `json:"last_seen,omitempty"`
	LeftAt            *time.Time `json:"left_at,omitempty"`
	RetiresAt         *time.Time `json:"retires_at,omitempty"`
	RetiredAt         *time.Time `json:"retired_at,omitempty"`
	Final             bool       `json:"final"`
	Reason            string     `json:"reason,omitempty"`
	Actor             string     `json:"actor,omitempty"`
	LastUsed          *time.Time `json:"last_used,omitempty"`
	LatestTokenExpiry *time.Time `json:"latest_token_expiry,omitempty"`
	Allowed           uint64     `json:"allowed"`
	Denied            uint64     `json:"denied"`
}

func newKey(issuer, kid string, k *keyset.Key, state keyset.State) Key {
	out := Key{
		Issuer: issuer, Kid: kid, Thumbprint: k.Thumbprint, Alg: k.Alg, State: state.String(),
		FirstSeen: present(k.FirstSeen), LastSeen: present(k.LastSeen), LeftAt: present(k.LeftAt),
		Final: k.Final, Reason: k.Reason, Actor: k.Actor,
		LastUsed: present(k.LastUsed()), LatestTokenExpiry: present(k.LatestExpiry()),
		Allowed: k.Allowed(), Denied: k.Denied(),
	}
	switch state {
	case keyset.Revoked:
		out.RetiredAt = present(k.RevokedAt)
	case keyset.Retired:
		out.RetiredAt = present(retiredAt(k))
	default:
		out.RetiresAt = present(k.GraceUntil)
	}
	return out
}

// retiredAt is since when a retired key has been refused: the end of its grace,
// ordered or not, or its own exp if that came first.
func retiredAt(k *keyset.Key) time.Time {
	at := k.RetiredAt
	if at.Before(k.GraceUntil) {
		at = k.GraceUntil
	}
	if at.IsZero() || !k.Expires.IsZero() && k.Expires.Before(at) {
		at = k.Expires
	}
	return at
}

func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// API serves /api/v1 beside the probes. It shows and changes nothing.
func API(g Guard, probes http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", probes)
	get(mux, "/api/v1/keys", func(w http.ResponseWriter, _ *http.Request) {
		sets, now := g.KeySets()
		keys := []Key{}
		for _, i := range sets {
			for _, k := range i.Set.Keys() {
				keys = append(keys, newKey(i.Issuer, k.Kid(), k, k.State(now)))
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
	})
	get(mux, "/api/v1/keys/{issuer}/{kid}", func(w http.ResponseWriter, r *http.Request) {
		sets, now := g.KeySets()
		for _, i := range sets {
			if i.Issuer != r.PathValue("issuer") {
				continue
			}
			if ref, ok := i.Set.Lookup(r.PathValue("kid")); ok {
				writeJSON(w, http.StatusOK, newKey(i.Issuer, ref.Name, ref.Key, ref.State(now)))
				return
			}
			writeProblem(w, http.StatusNotFound, "No such key", "the issuer has no key of this kid")
			return
		}
		writeProblem(w, http.StatusNotFound, "No such issuer", "no issuer has this name")
	})
	return mux
}

// Probes serves what orchestrators ask: /healthz, and /readyz by a [Readiness] or
// its Brief, and nothing else.
func Probes(readyz http.Handler) http.Handler {
	mux := http.NewServeMux()
	get(mux, "/healthz", healthz)
	get(mux, "/readyz", readyz.ServeHTTP)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "Not found", "there is nothing here")
	})
	return mux
}

// get serves GET and HEAD at a path, and refuses the other methods. Without that,
// the mux would pass them to what answers all other paths.
func get(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, http.StatusMethodNotAllowed, "Method not allowed", "this can only be read, by GET")
	})
}

// writeProblem answers with an RFC 9457 problem document.
func writeProblem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	writeJSON(w, status, struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{title, status, detail})
}
