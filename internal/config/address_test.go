package config

import "testing"

func TestAddressLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "LOCALHOST:1": true,
		"[::ffff:127.0.0.1]:1": true, "unix:///run/a.sock": true, "unix:/run/a.sock": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.example.com:1": false,
	} {
		a, complaint := parseAddress(text)
		if complaint != "" {
			t.Errorf("%s: %s", text, complaint)
		}
		if a.Local() != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func TestAddressOverlap(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{":1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "0.0.0.0:1", true},
		{"[::]:1", "127.0.0.1:1", true},
		{"host:1", "HOST:1", true},
		{":0", ":0", false}, // the system chooses
		{"unix:///a", "unix:///a", true},
		{"unix:///a", "unix:///b", false},
		{"unix:///1", ":1", false},
	} {
		a, _ := parseAddress(tt.a)
		b, _ := parseAddress(tt.b)
		if a.overlaps(b) != tt.want || b.overlaps(a) != tt.want {
			t.Errorf("%s and %s: want %v", tt.a, tt.b, tt.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"audiences", "max_stale", "grace", "uri"}
	for word, want := range map[string]string{
		"audience": "audiences", "maxStale": "max_stale", "max-stale": "max_stale", "garce": "grace", "url": "uri",
		"gracé": "grace", "x": "", "": "", "colour": "", "issuers": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
