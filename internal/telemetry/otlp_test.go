package telemetry

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

var receivers = map[string]func(*testing.T) *receiver{"http": receiveHTTP, "grpc": receiveGRPC}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736" // W3C Trace Context's own example
	spanID  = "00f067aa0ba902b7"
	sampled = "00-" + traceID + "-" + spanID + "-01"
	dropped = "00-" + traceID + "-" + spanID + "-00"
)

// otlpNames are all metrics as the contract's rule makes them of the scraped names.
var otlpNames = map[string]string{
	"jwtguard.check_duration": "s", "jwtguard.validations": "", "jwtguard.decisions": "",
	"jwtguard.key_info": "", "jwtguard.key_state": "",
	"jwtguard.key_first_seen_timestamp": "s", "jwtguard.key_last_used_timestamp": "s", "jwtguard.key_latest_token_expiry_timestamp": "s",
	"jwtguard.key_latest_token_issued_timestamp": "s", "jwtguard.key_retires_timestamp": "s", "jwtguard.key_retired_timestamp": "s",
	"jwtguard.key_safe_to_retire": "", "jwtguard.retired_key_attempts": "", "jwtguard.key_anomalies": "", "jwtguard.token_lifetime": "s",
	"jwtguard.jwks_refreshes": "", "jwtguard.jwks_last_success_timestamp": "s", "jwtguard.jwks_stale_timestamp": "s",
	"jwtguard.jwks_keys": "", "jwtguard.jwks_skipped_keys": "", "jwtguard.jwks_set_info": "",
	"jwtguard.ledger_sequence": "", "jwtguard.ledger_errors": "", "jwtguard.build_info": "", "jwtguard.clock_drift": "s", "jwtguard.config_reloads": "",
	"jwtguard.token_cache_requests": "", "jwtguard.token_cache_entries": "", "jwtguard.token_cache": "By",
}

// everything makes a row of each metric.
func (w *world) everything() {
	w.publish(keyOf("a").JWK(), keyOf("b").JWK(), keyOf("c").JWK(), with(keyOf("x").JWK(), "use", "enc"))
	w.use("a", 2)
	w.order(keyset.Order{Action: keyset.Retire, Kid: "b", Grace: time.Hour})
	w.order(keyset.Order{Action: keyset.Revoke, Kid: "c"})
	w.check("default", keyOf("c").Token(w.claims()))
}

// The same metrics are scraped and pushed, each by its own rule of names.
func TestMetricsArePushedAndScrapedByTheirNames(t *testing.T) {
	for name, receive := range receivers {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			w := newWorld(t)
			flush := w.push()
			w.everything()
			flush()
			got, scraped := map[string]string{}, w.scrape("")
			for name, m := range r.names() {
				got[name] = m.Unit
				in := strings.Replace(name, ".", "_", 1)
				in += map[string]string{"s": "_seconds", "By": "_bytes"}[m.Unit]
				if m.GetSum() != nil {
					in += "_total"
				}
				if !strings.Contains(scraped, "\n# TYPE "+in+" ") && !strings.HasPrefix(scraped, "# HELP "+in+" ") {
					t.Errorf("%s is pushed, and %s is not scraped", name, in)
				}
			}
			if diff := cmp.Diff(otlpNames, got); diff != "" {
				t.Errorf("(- contract, + pushed)\n%s", diff)
			}
			if n := strings.Count(scraped, "# TYPE "); n != len(otlpNames) {
				t.Errorf("%d metrics are scraped, %d pushed", n, len(otlpNames))
			}
		})
	}
}

// A check is a child of the caller's span, says what was decided, and is not an
// error when it refuses.
func TestSpanOfACheck(t *testing.T) {
	for name, receive := range receivers {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			w := newWorld(t)
			flush := w.push()
			w.publish(keyOf("a").JWK())
			w.metadata = map[string][]string{"traceparent": {sampled}, "tracestate": {"vendor=1"}}
			token := keyOf("a").Token(w.claims())
			w.check("watched", token)
			w.check("default", "no token")
			w.check("default", token)
			w.check("default", token)
			w.check("default", strings.Repeat("x", 9000))
			flush()
			var checks []*tracepb.Span
			for _, s := range r.spans() {
				if s.Name == "jwtguard.check" {
					checks = append(checks, s)
				}
			}
			if len(checks) != 5 {
				t.Fatalf("%d spans", len(checks))
			}
			for i, s := range checks {
				if hex.EncodeToString(s.TraceId) != traceID || hex.EncodeToString(s.ParentSpanId) != spanID || s.TraceState != "vendor=1" {
					t.Errorf("span %d is not the caller's child: %s", i, s)
				}
				if s.Kind != tracepb.Span_SPAN_KIND_SERVER || s.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
					t.Errorf("span %d: %s %s", i, s.Kind, s.Status)
				}
				if took := time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano); took != 75*time.Microsecond {
					t.Errorf("span %d took %s", i, took)
				}
			}
			k := w.Set().Keys()[0]
			about := func(decision, reason, policy, hit string) map[string]string {
				return map[string]string{
					"jwtguard.decision": decision, "jwtguard.reason": reason, "jwtguard.policy": policy, "jwtguard.issuer": "corp",
					"jwtguard.kid": "a", "jwtguard.thumbprint": k.Thumbprint, "jwtguard.key_state": "active", "jwtguard.alg": "EdDSA",
					"jwtguard.token_cache.hit": hit,
				}
			}
			want := []map[string]string{
				about("shadow_deny", "scope_insufficient", "watched", "false"),
				{"jwtguard.decision": "deny", "jwtguard.reason": "token_malformed", "jwtguard.policy": "default", "jwtguard.token_cache.hit": "false"},
				about("allow", "ok", "default", "false"),
				about("allow", "ok", "default", "true"),
				{"jwtguard.decision": "deny", "jwtguard.reason": "token_too_large", "jwtguard.policy": "default"},
			}
			var got []map[string]string
			for _, s := range checks {
				got = append(got, attributesOf(s))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func attributesOf(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[a.Key] = a.Value.GetStringValue()
		if b, ok := a.Value.GetValue().(*commonpb.AnyValue_BoolValue); ok {
			all[a.Key] = strconv.FormatBool(b.BoolValue)
		}
	}
	return all
}

// Whether there is a span is the caller's choice, and the environment's where no
// caller chose. The headers of the request are not asked.
func TestSampling(t *testing.T) {
	for _, tt := range []struct {
		name, sampler string
		parents       []string
		spans         int
	}{
		{"sampled", "", []string{sampled}, 1},
		{"not sampled", "", []string{dropped}, 0},
		{"no parent", "", nil, 1},
		{"no parent that is valid", "", []string{"00-zz"}, 1},
		{"two parents are none", "", []string{sampled, dropped}, 1},
		{"no parent, and none by default", "parentbased_always_off", nil, 0},
		{"the parent wins over the default", "parentbased_always_off", []string{sampled}, 1},
		{"parents are not asked", "always_on", []string{dropped}, 1},
		{"never", "always_off", []string{sampled}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := receiveHTTP(t)
			t.Setenv("OTEL_TRACES_SAMPLER", tt.sampler)
			w := newWorld(t)
			flush := w.push()
			w.metadata = map[string][]string{"traceparent": tt.parents}
			w.use1(t)
			flush()
			if spans := r.spans(); len(spans) != tt.spans {
				t.Errorf("%d spans", len(spans))
			}
		})
	}
}

func TestSpanOfARefresh(t *testing.T) {
	r := receiveHTTP(t)
	w := newWorld(t)
	flush := w.push()
	at := time.Now()
	w.Fetched(jwkscache.Fetch{Issuer: issuerName, Cause: jwkscache.CauseConfirm, Result: jwkscache.ResultOK, Start: at, Took: time.Second})
	w.Fetched(jwkscache.Fetch{Issuer: issuerName, Cause: jwkscache.CauseSchedule, Result: jwkscache.ResultTLS, Err: fmt.Errorf("no trust"), Start: at, Took: time.Second})
	flush()
	var got []string
	for _, s := range r.spans() {
		got = append(got, fmt.Sprint(s.Name, " ", s.Kind, " ", s.Status.GetCode(), " ", s.Status.GetMessage(), " ", attributesOf(s), " ", time.Duration(s.EndTimeUnixNano-s.StartTimeUnixNano)))
	}
	want := []string{
		"jwtguard.jwks_refresh SPAN_KIND_CLIENT STATUS_CODE_UNSET  map[jwtguard.issuer:corp jwtguard.jwks.cause:confirm jwtguard.jwks.result:ok] 1s",
		"jwtguard.jwks_refresh SPAN_KIND_CLIENT STATUS_CODE_ERROR no trust map[jwtguard.issuer:corp jwtguard.jwks.cause:schedule jwtguard.jwks.result:tls] 1s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A slow check leads to its trace, where the format of the scrape can say so.
func TestExemplarsNameTheTrace(t *testing.T) {
	receiveHTTP(t)
	w := newWorld(t)
	w.metadata = map[string][]string{"traceparent": {sampled}}
	w.use1(t)
	exemplar := regexp.MustCompile(`(?m)^jwtguard_check_duration_seconds_bucket\{decision="allow",le="[^"]+"} 1 # \{[^}]*trace_id="` + traceID + `"[^}]*\} `)
	if text := w.scrape("application/openmetrics-text; version=1.0.0"); strings.Count(text, traceID) != 1 || !exemplar.MatchString(text) || !strings.HasSuffix(text, "# EOF\n") {
		t.Error(text)
	}
	if text := w.scrape(""); strings.Contains(text, traceID) {
		t.Error("the text format has no exemplars")
	}
}

// Nothing that a token holds leaves the process, but for the names that are ours:
// not in a metric, nor a span, nor a log.
func TestNothingOfATokenLeaves(t *testing.T) {
	r := receiveHTTP(t)
	w := newWorld(t)
	flush := w.push()
	w.everything()
	planted := devissuer.Claims{"sub": "PLANTED-sub", "email": "PLANTED-email", "jti": "PLANTED-jti", "scope": "PLANTED-scope"}
	var secrets []string
	for _, header := range []devissuer.Header{nil, {"kid": "PLANTED-kid"}, {"alg": "PLANTED-alg"}, {"typ": "PLANTED-typ"}, {"crit": []string{"PLANTED-crit"}}} {
		for _, claims := range []devissuer.Claims{nil, {"iss": "PLANTED-iss"}, {"aud": "PLANTED-aud"}, {"exp": "PLANTED-exp"}, {"exp": 7777777}} {
			for _, kid := range []string{"a", "b", "c"} {
				token := keyOf(kid).TokenWith(header, w.claims().With(planted).With(claims))
				w.check("default", token)
				w.check("watched", token)
				secrets = append(secrets, strings.Split(token, ".")...)
			}
		}
	}
	flush()
	leaves := w.scrape("") + w.scrape("application/openmetrics-text") + w.log() + r.raw.String()
	if len(r.spans()) < 100 || !strings.Contains(w.log(), "request_denied") {
		t.Fatal("not everything was looked at")
	}
	for _, s := range append(secrets, "PLANTED", "7777777") {
		if strings.Contains(leaves, s) {
			t.Errorf("%q leaves the process", s)
		}
	}
}
