package admin

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// refreshWithin is how long the answer waits for a refresh: most of what the
// server gives a request. A budget that is used up lasts longer.
const refreshWithin = 8 * time.Second

// refreshed is what became of a refresh.
type refreshed struct {
	Result string `json:"result,omitempty"` // of jwtguard_jwks_refreshes_total; absent: still to come
	Detail string `json:"detail"`
}

// refresh has an issuer's keys fetched: 200 once that was tried, whatever came of
// it, and 202 if it is still to come.
func (a *API) refresh(w http.ResponseWriter, r *http.Request, _ string) *problem {
	i, _, p := a.issuer(r)
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
	result, detail, err := a.cfg.Orders.Refetch(ctx, i.Issuer)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		writeJSON(w, http.StatusAccepted, refreshed{Detail: "the refresh is still to come, as soon as the issuer's budget of fetches allows"})
	case err != nil:
		p := refusalOf(err)
		p.Detail = "the keys were not fetched: " + err.Error()
		return p
	default:
		writeJSON(w, http.StatusOK, refreshed{result, detail})
	}
	return nil
}
