package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// refreshWithin is how long the answer waits for a refresh: the 10 s for which one
// fetch may put off the next, and the 5 s that a fetch may take by its default. What
// is put off for longer, after failures, is not waited for at all.
const refreshWithin = 16 * time.Second

// refreshed is what became of a refresh.
type refreshed struct {
	Result string     `json:"result,omitempty"` // of jwtguard_jwks_refreshes_total; absent: still to come
	Due    *time.Time `json:"due,omitempty"`    // when it will come; absent: it was tried, or is under way
	Detail string     `json:"detail"`
}

// refresh has an issuer's keys fetched: 200 once that was tried, whatever came of
// it, and 202 if it is still to come. It comes then without being asked for again.
func (a *API) refresh(w http.ResponseWriter, r *http.Request, _ string) *problem {
	i, now, p := a.issuer(r)
	if p != nil {
		return p
	}
	if r.ContentLength != 0 {
		return badRequest("a refresh takes no body")
	}
	leave, ok := enter(a.refreshes)
	if !ok {
		return busy()
	}
	defer leave()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(refreshWithin + answerWithin)) // not every writer has one
	ctx, cancel := context.WithTimeout(r.Context(), refreshWithin)
	defer cancel()
	result, detail, due, err := a.cfg.Orders.Refetch(ctx, i.Issuer)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		writeJSON(w, http.StatusAccepted, refreshed{Detail: fmt.Sprintf("the fetch gave no answer within %s, and goes on", refreshWithin)})
	case err == nil && !due.IsZero():
		writeJSON(w, http.StatusAccepted, refreshed{Due: present(due), Detail: fmt.Sprintf("the fetch is due at %s, and comes by itself: %s", clock(due, now.Wall), detail)})
	case err != nil:
		p := refusalOf(err)
		p.Detail = "the keys were not fetched: " + err.Error()
		return p
	default:
		writeJSON(w, http.StatusOK, refreshed{Result: result, Detail: detail})
	}
	return nil
}
