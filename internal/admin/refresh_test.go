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
			w.refetch = func(_ context.Context, issuer string) (string, string, time.Time, error) {
				if issuer != "corp" {
					t.Errorf("of %s", issuer)
				}
				return tt.result, tt.detail, time.Time{}, tt.err
			}
			if a := w.do(t, request("POST", "/api/v1/issuers/corp/refresh", "")); a.Status != tt.status || a.Result != tt.result || a.Detail != tt.want {
				t.Errorf("%s: %+v", tt.name, a)
			}
		}

		// The budget may be used up for longer than anybody waits.
		due := at(90 * time.Second).Wall
		w.refetch = func(ctx context.Context, _ string) (string, string, time.Time, error) {
			if end, _ := ctx.Deadline(); time.Until(end) != 16*time.Second {
				t.Errorf("it may wait until %s", end)
			}
			return "", "the guard waits", due, nil
		}
		a := w.do(t, request("POST", "/api/v1/issuers/corp/refresh", ""))
		if a.Status != 202 || a.Result != "" || a.Due == nil || !a.Due.Equal(due) || a.Detail != "the fetch is due at 12:01:30Z, and comes by itself: the guard waits" {
			t.Errorf("%+v", a)
		}

		// And so may a fetch.
		w.refetch = func(ctx context.Context, _ string) (string, string, time.Time, error) {
			<-ctx.Done()
			return "", "", time.Time{}, ctx.Err()
		}
		a = w.do(t, request("POST", "/api/v1/issuers/corp/refresh", ""))
		if a.Status != 202 || a.Result != "" || a.Due != nil || a.Detail != "the fetch gave no answer within 16s, and goes on" {
			t.Errorf("%+v", a)
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
