package admin

import (
	"net/http"
	"strconv"
	"time"
)

// problem is an RFC 9457 problem document. Members without a value are absent.
type problem struct {
	Title        string     `json:"title"`
	Status       int        `json:"status"`
	Detail       string     `json:"detail"`
	ForceWouldDo bool       `json:"force_would_do,omitempty"` // the same with force would be carried out
	GraceWouldDo string     `json:"grace_would_do,omitempty"` // the same with this grace would be carried out
	LastUsed     *time.Time `json:"last_used,omitempty"`      // of the key of which tokens would be cut off
	UsedUntil    *time.Time `json:"used_until,omitempty"`     // when the last of them expires
	Thumbprints  []string   `json:"thumbprints,omitempty"`    // of the keys that the kid names
	Issuers      []string   `json:"issuers,omitempty"`        // that there are

	reason     Reason
	told       string // to [Refusal] in place of Detail: what is not for everybody
	retryAfter time.Duration
}

// Error is the detail: a problem is what [Orders.Order] gets from admit.
func (p *problem) Error() string { return p.Detail }

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 6750, section 3
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retryAfter/time.Second)))
	}
	writeJSON(w, p.Status, p)
}
