package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments are all metrics but the histograms, by their OTLP names: those of a
// scrape have _ in place of the dot, their unit, and _total if they count.
type instruments struct {
	validations, decisions, attempts, anomalies, refreshes metric.Int64ObservableCounter
	ledgerErrors, reloads, cacheRequests                   metric.Int64ObservableCounter

	keyInfo, keyState, firstSeen, lastUsed, latestExpiry, latestIssued, retires, retired, safe metric.Float64ObservableGauge
	lastSuccess, stale, keys, skipped, setInfo                                                 metric.Float64ObservableGauge
	ledgerSequence, drift, build, cacheEntries, cacheBytes                                     metric.Float64ObservableGauge
}

// maker makes instruments and keeps what went wrong.
type maker struct {
	metric.Meter
	observable []metric.Observable
	err        error
}

func newInstruments(meter metric.Meter, ledger bool) (*instruments, []metric.Observable, error) {
	m := &maker{Meter: meter}
	i := &instruments{
		validations: m.counter("validations", "Decisions by the key that they are about."),
		decisions:   m.counter("decisions", "Decisions by policy."),
		attempts:    m.counter("retired_key_attempts", "Tokens of keys out of service, by what is known of their signature."),
		anomalies:   m.counter("key_anomalies", "What a healthy issuer does not do."),
		refreshes:   m.counter("jwks_refreshes", "Fetches of an issuer's keys by their result."),
		reloads:     m.counter("config_reloads", "Reloads of the configuration by their result."),

		keyInfo:      m.gauge("key_info", "", "Keys that are known; the alg is the JWK's."),
		keyState:     m.gauge("key_state", "", "1 for the state in which a key is."),
		firstSeen:    m.gauge("key_first_seen_timestamp", "s", "When the issuer first listed the key to this guard."),
		lastUsed:     m.gauge("key_last_used_timestamp", "s", "When a token of the key was last accepted."),
		latestExpiry: m.gauge("key_latest_token_expiry_timestamp", "s", "The latest exp of an accepted token."),
		latestIssued: m.gauge("key_latest_token_issued_timestamp", "s", "The latest iat of an accepted token."),
		retires:      m.gauge("key_retires_timestamp", "s", "When the key will be out of service."),
		retired:      m.gauge("key_retired_timestamp", "s", "Since when the key is out of service."),
		safe:         m.gauge("key_safe_to_retire", "", "1 if nobody would notice the end of the key, as far as this guard knows."),

		lastSuccess: m.gauge("jwks_last_success_timestamp", "s", "When an issuer's keys were last fetched."),
		stale:       m.gauge("jwks_stale_timestamp", "s", "When the keys that are known will be too old to decide by."),
		keys:        m.gauge("jwks_keys", "", "Keys of the last observation that are not out of service."),
		skipped:     m.gauge("jwks_skipped_keys", "", "Keys of the last observation that are not used, by reason."),
		setInfo:     m.gauge("jwks_set_info", "", "A hash of the thumbprints that the last observation listed and that are not out of service: replicas must agree."),

		cacheRequests: m.counter("token_cache_requests", "Checks that asked the token cache, by what it knew."),
		cacheEntries:  m.gauge("token_cache_entries", "", "Tokens that the token cache remembers."),
		cacheBytes:    m.gauge("token_cache", "By", "Memory that the token cache takes."),

		drift: m.gauge("clock_drift", "s", "By how much the wall clock is ahead of lifecycle time."),
		build: m.gauge("build_info", "", "What is running."),
	}
	if ledger {
		i.ledgerSequence = m.gauge("ledger_sequence", "", "Sequence of the ledger's last durable line: it never falls, unless the state is lost or an older copy.")
		i.ledgerErrors = m.counter("ledger_errors", "Writes to the ledger that went wrong, and each 5 s that one has no answer.")
	}
	return i, m.observable, m.err
}

// prefix makes the names ours.
const prefix = "jwtguard."

func (m *maker) counter(name, what string) metric.Int64ObservableCounter {
	c, err := m.Int64ObservableCounter(prefix+name, metric.WithDescription(what))
	m.observable, m.err = append(m.observable, c), errors.Join(m.err, err)
	return c
}

func (m *maker) gauge(name, unit, what string) metric.Float64ObservableGauge {
	g, err := m.Float64ObservableGauge(prefix+name, metric.WithUnit(unit), metric.WithDescription(what))
	m.observable, m.err = append(m.observable, g), errors.Join(m.err, err)
	return g
}
