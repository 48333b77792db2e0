package soak

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// faults are how issuers fail: none of them says anything about keys.
var faults = []devissuer.Fault{
	devissuer.StatusFault(http.StatusInternalServerError),
	{Truncate: true},
	{Delay: fetchTimeout + time.Second},
	devissuer.BodyFault(`{"keys":[{"kty":"EC","crv":`),
	devissuer.HTMLFault(),
	{Reset: true},
}

// trouble has one issuer after the other fail for a while.
func (w *world) trouble(ctx context.Context) {
	chance := w.chance(100)
	for n := 0; pause(ctx, between(chance, time.Second, 3*time.Second)); n++ {
		i := w.issuers[chance.IntN(len(w.issuers))]
		i.doubt.begin()
		i.Fail(devissuer.JWKSPath, faults[n%len(faults)])
		pause(ctx, between(chance, interval, 3*interval))
		i.Heal()
		if !w.refetched(ctx, i) {
			return
		}
		i.doubt.end()
	}
}

// reloads has the configuration read again and again: with one issuer more, as it
// was, unchanged, and not valid. When is left to chance: each begins with an empty
// token cache, and samples that were always taken right after one would never see it
// full.
func (w *world) reloads(ctx context.Context) {
	chance := w.chance(102)
	usual := w.config(w.guard.Metrics, w.issuers...)
	more := w.config(w.guard.Metrics, append(w.issuers[:len(w.issuers):len(w.issuers)], w.visitor)...)
	for {
		for _, config := range []string{more, more, usual, usual, usual + "\nno: such key\n"} {
			if !pause(ctx, between(chance, w.reload/2, w.reload*3/2)) {
				return
			}
			w.write(config)
			if err := w.guard.Signal(syscall.SIGHUP); err != nil {
				w.fail("%v", err)
				return
			}
		}
	}
}

// scrapes reads the metrics each second, as Prometheus would.
func (w *world) scrapes(ctx context.Context) {
	for pause(ctx, time.Second) {
		if _, ok := w.get(w.guard.Metrics + "/metrics"); !ok {
			return
		}
	}
}

// listens comes and goes as a reader of events: one reads, the next one leaves all
// of it lying.
func (w *world) listens(ctx context.Context) {
	chance := w.chance(101)
	for n := 0; ctx.Err() == nil; n++ {
		visit, leave := context.WithTimeout(ctx, between(chance, time.Second, 4*time.Second))
		w.listen(visit, n%2 == 0)
		<-visit.Done()
		leave()
	}
}

func (w *world) listen(ctx context.Context, read bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/events", nil)
	if err != nil {
		w.fail("events: %v", err)
		return
	}
	answer, err := w.operator.Do(r)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		w.fail("events: %v", err)
		return
	}
	// The body is the connection: it stays until the reader leaves.
	context.AfterFunc(ctx, func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		w.fail("events: %s", answer.Status)
	}
	if !read {
		return
	}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event:") {
			w.told.Add(1)
		}
	}
}

// calm puts issuers and configuration back as they were.
func (w *world) calm() {
	for _, i := range w.issuers {
		i.Heal()
	}
	w.write(w.config(w.guard.Metrics, w.issuers...))
	if err := w.guard.Signal(syscall.SIGHUP); err != nil {
		w.Error(err)
	}
}
