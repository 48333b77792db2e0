package telemetry

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// W3C Trace Context, section 3.2.2: version 00 has four parts, and a later one may
// have more. ff is none, and no id is all zeros.
var (
	firstVersion = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	laterVersion = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)
)

// The parent of a check is what one line of traceparent in the call's metadata says,
// byte for byte, if it is well-formed; else there is none. Flags of later levels may be
// refused. A tracestate that is broken changes nothing.
func FuzzParent(f *testing.F) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, lines := range [][3]string{
		{good, "", ""}, {good, good, "a=1"}, {good + "-x", "", "a=1,b=2"}, {"01" + good[2:] + "-x", "", "=,"}, {"ff" + good[2:], "", ""},
		{strings.ToUpper(good), "", ""}, {" " + good, "", "\xff"}, {good[:53] + "00", "", strings.Repeat("a=1,", 40)},
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "", ""}, {good[:36] + "0000000000000000-01", "", ""}, {good[:54], "", ""},
	} {
		f.Add(lines[0], lines[1], lines[2])
	}
	f.Fuzz(func(t *testing.T, first, second, state string) {
		parents := []string{first}
		if second != "" {
			parents = append(parents, second)
		}
		s := &spans{metadata: func(_ context.Context, name string) []string {
			return map[string][]string{"traceparent": parents, "tracestate": {state}}[name]
		}}
		got := trace.SpanContextFromContext(s.parent(t.Context()))
		parts := strings.Split(first, "-")
		want := len(parents) == 1 && laterVersion.MatchString(first) && (parts[0] != "00" || firstVersion.MatchString(first)) &&
			parts[0] != "ff" && strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
		if got.IsValid() && !want {
			t.Fatalf("%q makes %v a parent", parents, got)
		}
		if known := want && strings.Contains("00 01 02 03", parts[3]); known && !got.IsValid() {
			t.Fatalf("%q makes no parent", parents)
		}
		if got.IsValid() && (got.TraceID().String() != parts[1] || got.SpanID().String() != parts[2] || !got.IsRemote()) {
			t.Fatalf("%q makes %v a parent", parents, got)
		}
		if got.IsValid() && got.IsSampled() != strings.ContainsAny(parts[3][1:], "13579bdf") {
			t.Fatalf("%q: sampled: %t", parents, got.IsSampled())
		}
	})
}
