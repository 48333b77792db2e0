package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/telemetry"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// fetchPatience bounds the one fetch of explain, on top of the source's own
// timeout.
const fetchPatience = 10 * time.Second

// fetchKeys fetches the keys of one issuer once, as the guard would. The caller
// stops the cache.
func fetchKeys(clock *jwkscache.Clock, issuer *config.Issuer) (cache *jwkscache.Cache, stop func(), err error) {
	cfg := cacheConfig(issuer)
	// When a key was first listed is not to be seen here; the running guard, which
	// knows, is asked.
	cfg.Params.ActivationDelay = 0
	fetched := make(chan struct{}, 1)
	group, err := jwkscache.NewGroup(jwkscache.GroupConfig{
		Clock: clock, Journal: journal{log: telemetry.NewLog(slog.New(slog.DiscardHandler))},
		Report: func(jwkscache.Fetch) {
			select {
			case fetched <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	plan, err := group.Plan([]jwkscache.Config{cfg})
	if err != nil {
		return nil, nil, err
	}
	group.Adopt(plan)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = group.Run(ctx) // it ends with ctx alone
	}()
	select {
	case <-fetched:
	case <-time.After(cfg.Source.Timeout + fetchPatience):
	}
	return plan.Cache(cfg.Issuer), func() { cancel(); <-done }, nil
}

// maxKids is how many of the issuer's keys are named.
const maxKids = 8

// fetchText says how the fetch went, and which keys there are.
func fetchText(cache *jwkscache.Cache, now keyset.Instant) string {
	switch status := cache.Status(); {
	case status.LastError != "":
		return "failed: " + status.LastError
	case status.LastResult == "":
		return "gave no answer in time"
	}
	set := cache.Set()
	var listed, skipped []string
	said := map[string]bool{}
	for _, k := range set.Keys() {
		if !k.Seen() {
			continue // ordered out of service, and not listed
		}
		text := fmt.Sprintf("%+q", k.Kid())
		if state := k.State(now); state != keyset.Active {
			text += " (" + state.String() + ")"
			said[k.Kid()] = true
		}
		listed = append(listed, text)
	}
	text := "lists " + checkCount(len(listed), "key", "keys") + named(listed)
	for _, s := range set.Skipped() {
		if !said[s.Kid] {
			skipped = append(skipped, fmt.Sprintf("%+q (%s)", s.Kid, s.Reason))
		}
	}
	if len(skipped) > 0 {
		text += "; not used" + named(skipped)
	}
	return text
}

// named lists some of many.
func named(all []string) string {
	if len(all) == 0 {
		return ""
	}
	more := ""
	if n := len(all) - maxKids; n > 0 {
		all, more = all[:maxKids], fmt.Sprintf(" and %d more", n)
	}
	return ": " + strings.Join(all, ", ") + more
}
