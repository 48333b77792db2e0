package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

// Who asks over the API gets the very bytes that the command would write.
func TestEvidenceIsTheLedgers(t *testing.T) {
	ctx, archive := t.Context(), newArchivist(t, 200)
	w := newWorld(t, corp(t, "old"))
	w.serve(t, Config{Evidence: archive.evidence})
	get := func(method, query string) *httptest.ResponseRecorder {
		t.Helper()
		rec := httptest.NewRecorder()
		if w.api.ServeHTTP(rec, request(method, "/api/v1/evidence"+query, "")); rec.Code != 200 || rec.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v: %s", rec.Code, rec.Header(), rec.Body)
		}
		return rec
	}
	x, err := archive.evidence(ctx, "the test", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var want, readable bytes.Buffer
	if err := errors.Join(x.WriteJSON(ctx, &want), x.WriteMarkdown(&readable)); err != nil {
		t.Fatal(err)
	}
	<-archive.asked

	if rec := get("GET", ""); rec.Body.String() != want.String() || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v: other bytes than the command's", rec.Header())
	}
	checked, err := ledger.CheckEvidence(ctx, &want, ledger.CheckConfig{ReadKey: jose.ReadMaterial})
	if err != nil || checked.Guard != "edge-1" || len(checked.Keys) != 2 {
		t.Errorf("%+v, %v", checked, err)
	}
	if rec := get("GET", "?format=markdown"); rec.Body.String() != readable.String() || rec.Header().Get("Content-Type") != "text/markdown; charset=utf-8" {
		t.Errorf("%v: %s", rec.Header(), rec.Body)
	}
	if rec := get("HEAD", "?format=markdown"); rec.Body.Len() > 0 || rec.Header().Get("Content-Type") != "text/markdown; charset=utf-8" {
		t.Errorf("%v: %s", rec.Header(), rec.Body)
	}
	get("GET", "?format=json&from=2000-01-01&to=2999-01-01T02:00:00%2B02:00")
	close(archive.asked)
	day := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	var all []asked
	for a := range archive.asked {
		all = append(all, a)
	}
	if diff := cmp.Diff([]asked{{By: "uid:1000"}, {By: "uid:1000"}, {By: "uid:1000", From: day(2000), To: day(2999)}}, all); diff != "" {
		t.Error(diff) // HEAD has no ledger read
	}
}

// A mistake in the question is named, and nothing is read.
func TestQuestionsForEvidenceThatAreRefused(t *testing.T) {
	archive := newArchivist(t, 0)
	w := newWorld(t, corp(t, "old"))
	w.serve(t, Config{Evidence: archive.evidence})
	for query, want := range map[string]string{
		"from=yesterday":                     `from "yesterday": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`,
		"to=2026-11-01T12:00:00+02:00":       `to "2026-11-01T12:00:00 02:00": write a time as in 2026-11-01T12:00:00Z, or a date as in 2026-11-01`,
		"from=2026-11-02&to=2026-11-01":      `to "2026-11-01": it is before the beginning of the period, 2026-11-02`,
		"format=xml":                         `format "xml": write json or markdown`,
		"until=2026-11-01":                   `there is no parameter "until"; there are: from, to, format`,
		"from=2026-11-01&from=2026-11-02":    "the parameter from stands twice",
		"from=%zz":                           `the query cannot be read: invalid URL escape "%zz"`,
		"from=2026-11-01;to=2026-11-02":      "the query cannot be read: invalid semicolon separator in query",
		"format=" + strings.Repeat("x", 999): `format "` + strings.Repeat("x", maxQuoted) + `"…: write json or markdown`,
	} {
		if a := w.do(t, request("GET", "/api/v1/evidence?"+query, "")); a.Status != 400 || a.Detail != want {
			t.Errorf("%s: %+v", query, a)
		}
	}
	if a := w.do(t, request("POST", "/api/v1/evidence", "{}")); a.Status != 405 || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%+v", a)
	}
	foreign := request("GET", "/api/v1/evidence", "")
	foreign.Header.Set("Origin", "http://evil.test")
	if a := w.do(t, foreign); a.Status != 403 {
		t.Errorf("%+v", a)
	}
	if n := len(archive.asked); n > 0 {
		t.Errorf("%d were read", n)
	}
}

// Where there is no evidence, the answer says why, and what to do.
func TestWithoutEvidence(t *testing.T) {
	w := newWorld(t, corp(t, "old"))
	if a := w.do(t, request("GET", "/api/v1/evidence", "")); a.Status != 409 || a.Detail != "this guard keeps no record, and so there is no evidence: set state_dir in its configuration and start it anew" {
		t.Errorf("%+v", a)
	}
	for _, tt := range []struct {
		err          error
		status       int
		again, title string
	}{
		{fmt.Errorf("state_dir /state: %w since 2901-01-01", ledger.ErrPeriod), 404, "", "Nothing on record"},
		{&ledger.DamageError{File: "/state/ledger.jsonl", Line: 7, What: "cut"}, 500, "", "Ledger damaged"},
		{errors.New("state_dir /state: no such file or directory"), 503, "10", "No evidence now"},
	} {
		w.serve(t, Config{Evidence: func(context.Context, string, time.Time, time.Time) (*ledger.Export, error) { return nil, tt.err }})
		if a := w.do(t, request("GET", "/api/v1/evidence", "")); a.Status != tt.status || a.Title != tt.title || a.Detail != tt.err.Error() || a.Header.Get("Retry-After") != tt.again {
			t.Errorf("%v: %+v", tt.err, a)
		}
	}
}

// One export is made at a time. When its reader leaves it is given up, and there is
// room again; so it is when it takes too long.
func TestExportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old"))
		w.serve(t, Config{Evidence: func(ctx context.Context, _ string, _, _ time.Time) (*ledger.Export, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		q := request("GET", "/api/v1/evidence", "")
		ctx, leave := context.WithCancel(q.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.api.ServeHTTP(httptest.NewRecorder(), q.WithContext(ctx))
		}()
		synctest.Wait()
		if a := w.do(t, q); a.Status != 503 || a.Header.Get("Retry-After") != "10" || a.Detail != "another export of evidence is under way; try again when it is done" {
			t.Errorf("%+v", a)
		}
		leave()
		<-ended
		start := time.Now()
		if a := w.do(t, q); a.Status != 503 || a.Detail != "it took longer than 10m0s: use jwtguard evidence export on the guard's machine" || time.Since(start) != exportWithin {
			t.Errorf("%+v after %s", a, time.Since(start))
		}
	})
}

// A reader that takes nothing more is dropped, and then there is room for another
// one, who gets all of it, whatever limits the server has for other answers.
func TestReadersOfEvidenceThatHangAreDropped(t *testing.T) {
	archive := newArchivist(t, 1500)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old"))
		archive.asked = make(chan asked, 3) // of this bubble
		w.serve(t, Config{Evidence: func(ctx context.Context, by string, from, to time.Time) (*ledger.Export, error) {
			time.Sleep(5 * time.Second) // a long ledger
			return archive.evidence(ctx, by, from, to)
		}})
		s, conns, served := &http.Server{Handler: w.api, ReadTimeout: time.Second, WriteTimeout: time.Second}, make(pipes), make(chan error)
		go func() { served <- s.Serve(conns) }()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			conns <- there
			return here, nil
		}}}
		ask := func(query string, want int) *http.Response {
			t.Helper()
			resp, err := client.Get("http://localhost/api/v1/evidence" + query)
			if err != nil || resp.StatusCode != want {
				t.Fatal(resp, err)
			}
			return resp
		}
		ask("?to=1900-01-01", 404).Body.Close()
		slow := ask("", 200)
		time.Sleep(readWithin + time.Second)
		synctest.Wait()
		quick := ask("", 200)
		defer quick.Body.Close()
		if _, err := ledger.CheckEvidence(t.Context(), quick.Body, ledger.CheckConfig{ReadKey: jose.ReadMaterial}); err != nil {
			t.Error(err)
		}
		if text, err := io.ReadAll(slow.Body); err == nil {
			t.Errorf("%d bytes passed for whole", len(text))
		}
		close(conns)
		s.Close()
		<-served
	})
}

// Lines that are not those of the figures are not taken for them: before anything
// was sent the answer says so, and after that it breaks off.
func TestEvidenceOfAChangedLedgerIsNotWhole(t *testing.T) {
	for notes, begun := range map[int]bool{0: false, 1500: true} {
		archive := newArchivist(t, notes)
		w := newWorld(t, corp(t, "old"))
		w.serve(t, Config{Evidence: func(ctx context.Context, by string, from, to time.Time) (*ledger.Export, error) {
			x, err := archive.evidence(ctx, by, from, to)
			file := filepath.Join(archive.dir, "ledger.jsonl")
			text, wrong := os.ReadFile(file)
			text = bytes.Replace(text, []byte("guard_stopped"), []byte("guard_stepped"), 1)
			return x, errors.Join(err, wrong, os.WriteFile(file, text, 0o600))
		}})
		s := httptest.NewServer(w.api)
		resp, err := s.Client().Get(s.URL + "/api/v1/evidence")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		s.Close()
		switch {
		case begun && (resp.StatusCode != 200 || err == nil):
			t.Errorf("%s, %v, after %d bytes", resp.Status, err, len(text))
		case !begun && (resp.StatusCode != 503 || err != nil || !strings.Contains(string(text), "the ledger was changed while it was read")):
			t.Errorf("%s, %v: %s", resp.Status, err, text)
		}
	}
}
