package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
)

const (
	// concurrentExports is one: of a ledger of a million lines an export takes some
	// ten seconds of a core and up to 100 MiB, in the process that answers Envoy.
	concurrentExports = 1
	// exportWithin bounds an export, reading and sending, so that a slow reader does
	// not keep others out: a million lines take that long at 1 MB/s.
	exportWithin = 10 * time.Minute
	// exportPart is how much is written at once, and has readWithin to arrive.
	exportPart = 64 << 10
	// exportAgain is when somebody who came too soon should try again.
	exportAgain = 10 * time.Second
)

// evidence gives what the command "jwtguard evidence export" does, of the ledger
// that this guard writes. It is sent as it is read. What cannot be completed ends
// with the connection, so that nobody takes it for whole.
func (a *API) evidence(w http.ResponseWriter, r *http.Request) *problem {
	q, p := readExportQuery(r.URL.RawQuery)
	switch {
	case p != nil:
		return p
	case a.cfg.Evidence == nil:
		return &problem{Status: http.StatusConflict, Title: "No record",
			Detail: "this guard keeps no record, and so there is no evidence: set state_dir in its configuration and start it anew"}
	}
	leave, ok := enter(a.exports)
	if !ok {
		return &problem{Status: http.StatusServiceUnavailable, Title: "Busy", retryAfter: exportAgain,
			Detail: "another export of evidence is under way; try again when it is done"}
	}
	defer leave()
	w.Header().Set("Content-Type", q.format.kind)
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportWithin)
	defer cancel()
	x, err := a.cfg.Evidence(ctx, asker(r), q.from, q.to)
	inTime(w) // the server's limit may be over
	if err != nil {
		return withoutEvidence(err)
	}
	out := &parts{ctx: ctx, w: w}
	switch err = q.format.write(x, ctx, out); {
	case err != nil && !out.begun:
		return withoutEvidence(err)
	case err != nil:
		panic(http.ErrAbortHandler) // the way to end an answer that is not whole
	}
	return nil
}

// withoutEvidence says why there is none.
func withoutEvidence(err error) *problem {
	switch {
	case errors.Is(err, ledger.ErrPeriod):
		return &problem{Status: http.StatusNotFound, Title: "Nothing on record", Detail: err.Error()}
	case errors.As(err, new(*ledger.DamageError)):
		return &problem{Status: http.StatusInternalServerError, Title: "Ledger damaged", Detail: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("it took longer than %s: use jwtguard evidence export on the guard's machine", exportWithin)
	}
	return &problem{Status: http.StatusServiceUnavailable, Title: "No evidence now", retryAfter: exportAgain, Detail: err.Error()}
}

// parts writes an answer in parts, each of which must arrive in its time.
type parts struct {
	ctx   context.Context
	w     http.ResponseWriter
	begun bool // something was sent
}

func (p *parts) Write(text []byte) (written int, err error) {
	for len(text) > 0 && err == nil {
		if err = p.ctx.Err(); err != nil {
			break
		}
		p.begun = true
		inTime(p.w)
		var n int
		n, err = p.w.Write(text[:min(len(text), exportPart)])
		written, text = written+n, text[n:]
	}
	return written, err
}
