package devissuer

import (
	"net/http"
	"time"
)

// A Request is one that the issuer received.
type Request struct {
	At     time.Time
	Path   string // below the path of the issuer's URL
	Header http.Header
}

// Requests gives what was received for a path, the oldest first, or for all
// paths if it is empty.
func (i *Issuer) Requests(path string) []Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []Request
	for _, r := range i.requests {
		if path == "" || r.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// Count is how many requests for a path were received.
func (i *Issuer) Count(path string) int { return len(i.Requests(path)) }
