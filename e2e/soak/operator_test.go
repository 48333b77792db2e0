package soak

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// state is what the admin API says of a key.
type state struct {
	State string `json:"state"`
	Final bool   `json:"final"`
}

// look asks for the state of a key, "" while the guard does not know it. It is
// false if the soak is over, or after a failure.
func (w *world) look(ctx context.Context, k *key) (s state, ok bool) {
	status, text, ok := w.ask(ctx, http.MethodGet, "/api/v1/keys/"+k.issuer.name+"/"+k.KID, "")
	if !ok || status == http.StatusNotFound {
		return s, ok
	}
	if err := json.Unmarshal(text, &s); err != nil || status != http.StatusOK {
		w.fail("look at %s: %d %s", k.KID, status, text)
		return s, false
	}
	return s, true
}

// order takes a key out of service. It is false if the soak is over, or after a
// failure.
func (w *world) order(ctx context.Context, k *key, action, body string) bool {
	status, text, ok := w.ask(ctx, http.MethodPost, "/api/v1/keys/"+k.issuer.name+"/"+k.KID+"/"+action, body)
	if ok && status != http.StatusOK {
		w.fail("%s %s: %d %s", action, k.KID, status, text)
		return false
	}
	return ok
}

// refetched waits until the guard has read the issuer's keys anew. It is false if
// the soak is over, or after a failure.
func (w *world) refetched(ctx context.Context, i *issuer) bool {
	for {
		var done struct {
			Result string
			Due    time.Time
		}
		status, text, ok := w.ask(ctx, http.MethodPost, "/api/v1/issuers/"+i.name+"/refresh", "")
		if !ok {
			return false
		}
		if err := json.Unmarshal(text, &done); err != nil || status/100 != 2 {
			w.fail("refresh %s: %d %s", i.name, status, text)
			return false
		}
		if done.Result == "ok" || done.Result == "not_modified" {
			return true
		}
		select { // a fetch that is far off is not waited for by the guard
		case <-time.After(time.Until(done.Due)):
		case <-ctx.Done():
			return false
		}
	}
}

// ask asks the admin API.
func (w *world) ask(ctx context.Context, method, path, body string) (status int, text []byte, ok bool) {
	// What has begun is brought to its end, or nobody would know what it has done.
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, "http://localhost"+path, strings.NewReader(body))
	if err == nil && body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if err == nil && ctx.Err() == nil {
		status, text, err = do(w.operator, r)
	}
	if err != nil {
		w.fail("admin API: %v", err)
	}
	return status, text, err == nil && ctx.Err() == nil
}

// get reads a page that must be there.
func (w *world) get(address string) (text string, ok bool) {
	r, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
	if err != nil {
		w.fail("get: %v", err)
		return "", false
	}
	status, body, err := do(w.local, r)
	if err != nil || status != http.StatusOK {
		w.fail("get %s: %d %v", address, status, err)
		return "", false
	}
	return string(body), true
}

func do(c *http.Client, r *http.Request) (status int, text []byte, err error) {
	answer, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}
