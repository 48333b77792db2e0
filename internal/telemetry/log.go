package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// denialsPerSecond bounds what refused requests may write: an attacker sends them
// by the thousand.
const denialsPerSecond = 10

// Log writes events to a structured log, and counts the use of keys.
type Log struct {
	log *slog.Logger

	denials *rate.Limiter
	omitted atomic.Uint64 // denials since the last one that was logged

	mu   sync.Mutex
	last map[string]outcome // of an issuer's last fetch, by the issuer's name
}

// outcome is what a fetch is compared with by the next one.
type outcome struct {
	failed  bool
	skipped []string // reason and kid of each
}

// NewLog writes to l.
func NewLog(l *slog.Logger) *Log {
	return &Log{log: l, denials: rate.NewLimiter(denialsPerSecond, denialsPerSecond), last: map[string]outcome{}}
}

// Record logs what happened to the keys of an issuer.
func (l *Log) Record(issuer string, events []keyset.Event) {
	for _, e := range events {
		level, attrs := slog.LevelInfo, []slog.Attr{}
		add := func(name, value string) {
			if value != "" {
				attrs = append(attrs, slog.String(name, value))
			}
		}
		add("issuer", issuer) // a step of the clock concerns all of them
		add("kid", e.Kid)
		if k := e.Key; k != nil {
			add("thumbprint", k.Thumbprint)
			add("alg", k.Alg)
			add("reason", k.Reason)
			add("actor", k.Actor)
			if !k.GraceUntil.IsZero() {
				add("grace_until", k.GraceUntil.Format(time.RFC3339))
			}
		}
		add("from", e.From.String())
		add("to", e.To.String())
		add("action", string(e.Action))
		if e.Forced {
			attrs = append(attrs, slog.Bool("forced", true))
		}
		add("anomaly", string(e.Anomaly))
		add("detail", e.Detail)
		if e.Type == keyset.EventAnomaly {
			level = slog.LevelWarn
		}
		l.log.LogAttrs(context.Background(), level, string(e.Type), attrs...)
	}
}

// Fetched logs a fetch: every one that failed, the first one that works, those that
// skip other keys than the one before, and what an operator asked for.
func (l *Log) Fetched(f jwkscache.Fetch) {
	now := outcome{failed: f.Err != nil}
	for _, s := range f.Skipped {
		now.skipped = append(now.skipped, string(s.Reason)+" "+s.Kid)
	}
	l.mu.Lock()
	before, known := l.last[f.Issuer]
	l.last[f.Issuer] = now
	l.mu.Unlock()

	attrs := []slog.Attr{
		slog.String("issuer", f.Issuer), slog.String("cause", string(f.Cause)), slog.String("result", string(f.Result)),
		slog.Duration("took", f.Took.Round(time.Millisecond)),
	}
	if next := f.Next.Round(time.Second); next > 0 {
		attrs = append(attrs, slog.Duration("next", next))
	}
	if f.Err != nil {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "jwks_fetch_failed", append(attrs, slog.String("error", f.Err.Error()))...)
		return
	}
	level := slog.LevelDebug
	if !known || before.failed || f.Cause == jwkscache.CauseOperator || !slices.Equal(before.skipped, now.skipped) {
		level = slog.LevelInfo
	}
	attrs = append(attrs, slog.Int("keys", f.Keys))
	if len(now.skipped) > 0 {
		attrs = append(attrs, slog.Any("skipped", now.skipped))
	}
	l.log.LogAttrs(context.Background(), level, "jwks_fetched", attrs...)
}

// Observe counts the use of the key, and logs a refusal, at a bounded rate.
func (l *Log) Observe(ctx context.Context, d *verify.Decision, elapsed time.Duration, requestID string) {
	if d.Key != nil {
		switch {
		case d.OK():
			d.Key.Allow(d.At.Life, d.Expires, d.Issued)
		case d.Reason == verify.KeyRetired, d.Reason == verify.KeyRevoked:
			d.Key.Attempt(d.Signature)
		default:
			d.Key.Deny()
		}
	}
	if d.Verdict == verify.Allow {
		return
	}
	if !l.denials.Allow() {
		l.omitted.Add(1)
		return
	}
	attrs := []slog.Attr{slog.String("decision", d.Verdict.String()), slog.String("reason", string(d.Reason))}
	if d.Policy != nil {
		attrs = append(attrs, slog.String("policy", d.Policy.Name))
	} else if d.Asked != "" {
		attrs = append(attrs, slog.String("policy_asked", d.Asked))
	}
	if d.Issuer != nil {
		attrs = append(attrs, slog.String("issuer", d.Issuer.Name))
	}
	if d.Key != nil {
		attrs = append(attrs, slog.String("kid", d.Kid), slog.String("key_state", d.State.String()))
		if d.State >= keyset.Retired {
			attrs = append(attrs, slog.String("signature", d.Signature.String()))
		}
	}
	attrs = append(attrs, slog.String("request_id", requestID), slog.Duration("took", elapsed))
	if n := l.omitted.Swap(0); n > 0 {
		attrs = append(attrs, slog.Uint64("denials_not_logged", n))
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "request_denied", attrs...)
}
