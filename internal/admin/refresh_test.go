package admin

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old"))
		for _, tt := range []struct {
			name           string
			result, detail string
			err            error
			status         int
			want           string
		}{
			{"it works", "ok", "", nil, 200, ""},
			{"it was tried", "http_status", "https://idp.test/jwks.json: answered 500", nil, 200, "https://idp.test/jwks.json: answered 500"},
			{"the guard is stopping", "", "", errors.New("the guard is stopping"), 503, "the keys were not fetched: the guard is stopping"},
		} {
			w.refetch = func(_ context.Context, issuer string) (string, string, error) {
				if issuer != "corp" {
					t.Errorf("of %s", issuer)
				}
				return tt.result, tt.detail, tt.err
			}
			if a := w.do(t, request("POST", "/api/v1/issuers/corp/refresh", "")); a.Status != tt.status || a.Result != tt.result || a.Detail != tt.want {
				t.Errorf("%s: %+v", tt.name, a)
			}
		}

		// The budget may be used up for longer than anybody waits.
		w.refetch = func(ctx context.Context, _ string) (string, string, error) { <-ctx.Done(); return "", "", ctx.Err() }
		start := time.Now()
		a := w.do(t, request("POST", "/api/v1/issuers/corp/refresh", ""))
		if a.Status != 202 || a.Result != "" || a.Detail != "the refresh is still to come, as soon as the issuer's budget of fetches allows" || time.Since(start) != 8*time.Second {
			t.Errorf("after %s: %+v", time.Since(start), a)
		}

		w.refetch = nil
		if a := w.do(t, request("POST", "/api/v1/issuers/other/refresh", "")); a.Status != 404 || a.Detail != `no issuer has the name "other"; there are: corp` || len(a.Issuers) != 1 {
			t.Errorf("%+v", a)
		}
		if a := w.do(t, request("POST", "/api/v1/issuers/corp/refresh", "{}")); a.Status != 400 || a.Detail != "a refresh takes no body" {
			t.Errorf("%+v", a)
		}
	})
}
