package jwkscache

import (
	"net/http"
	"testing"
	"time"
)

func TestAgeIsNeverLessThanSaid(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   time.Duration
	}{
		{"absent", nil, 0},
		{"seconds", []string{"90"}, 90 * time.Second},
		{"zero", []string{"0"}, 0},
		{"leading zeros", []string{"0000000000000000000000060"}, time.Minute},
		{"several caches", []string{"10", "300", "20"}, 5 * time.Minute},
		{"one line", []string{"10, 300"}, 5 * time.Minute},
		{"one of them broken", []string{"x, 300"}, 5 * time.Minute},
		{"absurd", []string{"99999999999999999999999999"}, maxDelta},
		{"negative is ignored", []string{"-1"}, 0},
		{"fraction is ignored", []string{"1.5"}, 0},
		{"words are ignored", []string{"old"}, 0},
		{"empty is ignored", []string{""}, 0},
	}
	for _, tt := range tests {
		if got := ageOf(http.Header{"Age": tt.values}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFreshness(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name   string
		header http.Header
		want   time.Duration
		known  bool
	}{
		{"nothing said", http.Header{}, 0, false},
		{"other directives", http.Header{"Cache-Control": {"public, must-revalidate"}}, 0, false},
		{"for others only", http.Header{"Cache-Control": {"s-maxage=60"}}, 0, false},
		{"max-age", http.Header{"Cache-Control": {"public, max-age=600"}}, 10 * time.Minute, true},
		{"any case, quoted", http.Header{"Cache-Control": {`Max-Age="600"`}}, 10 * time.Minute, true},
		{"second line", http.Header{"Cache-Control": {"public", "max-age=600"}}, 10 * time.Minute, true},
		{"contradiction", http.Header{"Cache-Control": {"max-age=600, max-age=60"}}, time.Minute, true},
		{"absurd", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, maxDelta, true},
		{"negative", http.Header{"Cache-Control": {"max-age=-5"}}, 0, true},
		{"no number", http.Header{"Cache-Control": {"max-age"}}, 0, true},
		{"no-store wins", http.Header{"Cache-Control": {"max-age=600, no-store"}}, 0, true},
		{"no-cache wins", http.Header{"Cache-Control": {"no-cache, max-age=600"}}, 0, true},
		{"no-cache for fields", http.Header{"Cache-Control": {`no-cache="Set-Cookie", max-age=600`}}, 0, true},
		{"max-age over Expires", http.Header{"Cache-Control": {"max-age=60"}, "Expires": {at(time.Hour)}}, time.Minute, true},
		{"Expires by the server's clock", http.Header{"Date": {at(-time.Hour)}, "Expires": {at(0)}}, time.Hour, true},
		{"Expires by our clock", http.Header{"Expires": {at(time.Minute)}}, time.Minute, true},
		{"expired", http.Header{"Expires": {at(-time.Minute)}}, 0, true},
		{"Expires 0", http.Header{"Expires": {"0"}}, 0, true},
	}
	for _, tt := range tests {
		got, known := freshnessOf(tt.header, now)
		if got != tt.want || known != tt.known {
			t.Errorf("%s: %s, %t; want %s, %t", tt.name, got, known, tt.want, tt.known)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"absent", http.Header{}, 0},
		{"seconds", http.Header{"Retry-After": {"30"}}, 30 * time.Second},
		{"absurd", http.Header{"Retry-After": {"88888888888888888888"}}, maxDelta},
		{"negative", http.Header{"Retry-After": {"-30"}}, 0},
		{"date", http.Header{"Retry-After": {at(time.Minute)}}, time.Minute},
		{"date by the server's clock", http.Header{"Date": {at(time.Hour)}, "Retry-After": {at(time.Hour + time.Minute)}}, time.Minute},
		{"past", http.Header{"Retry-After": {at(-time.Minute)}}, 0},
		{"words", http.Header{"Retry-After": {"soon"}}, 0},
	}
	for _, tt := range tests {
		if got := retryAfterOf(tt.header, now); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOnlyUsableValidatorsAreKept(t *testing.T) {
	for etag, want := range map[string]string{
		`"abc"`: `"abc"`, `W/"abc"`: `W/"abc"`, `""`: `""`,
		``: ``, `abc`: ``, `"abc`: ``, `W/abc`: ``, `w/"abc"`: ``, `"`: ``, `W/"`: ``, "\"a\x01b\"": ``, `"a"b"`: ``, `"a b"`: ``,
	} {
		if got := etagOf(http.Header{"Etag": {etag}}); got != want {
			t.Errorf("ETag %q: %q, want %q", etag, got, want)
		}
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	modified := now.Format(http.TimeFormat)
	for age, want := range map[time.Duration]string{
		time.Hour: modified, time.Minute: modified,
		59 * time.Second: "", 0: "", -time.Hour: "", // the next version may carry the same second
	} {
		h := http.Header{"Last-Modified": {modified}, "Date": {now.Add(age).Format(http.TimeFormat)}}
		if got := lastModifiedOf(h); got != want {
			t.Errorf("Last-Modified %s before Date: %q, want %q", age, got, want)
		}
	}
	if got := lastModifiedOf(http.Header{"Last-Modified": {modified}}); got != "" {
		t.Errorf("Last-Modified without Date: %q", got)
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("max-age=60, no-cache", "60", "Sun, 01 Nov 2026 12:00:00 GMT", `W/"a"`)
	f.Add("max-age=\"9e9", "-1, 5", "99999999999999999999", `"`)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, control, seconds, date, text string) {
		h := http.Header{
			"Cache-Control": {control}, "Age": {seconds}, "Expires": {date}, "Date": {seconds}, "Retry-After": {date},
			"Etag": {text}, "Content-Type": {text}, "Content-Encoding": {text}, "Last-Modified": {date},
		}
		fresh, _ := freshnessOf(h, now)
		for _, d := range []time.Duration{ageOf(h), fresh, retryAfterOf(h, now)} {
			if d < 0 {
				t.Errorf("negative: %s", d)
			}
		}
		lastModifiedOf(h)
		for _, s := range []string{etagOf(h), contentTypeOf(h), encodedAs(h)} {
			for _, c := range []byte(s) {
				if c < 0x20 || c > 0x7e {
					t.Errorf("unprintable: %q", s)
				}
			}
		}
	})
}
