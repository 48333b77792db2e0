package admin

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who floods the port fills no log: so many refusals a second are told, and the next
// one says how many were not.
func TestRecordsOfRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		for range 100 {
			w.do(t, overTCP(t))
		}
		if seen := w.seen(); len(seen) != refusalsPerSecond || seen[0].Omitted != 0 {
			t.Errorf("%d: %+v", len(seen), seen)
		}
		time.Sleep(time.Second)
		w.do(t, overTCP(t))
		w.do(t, overTCP(t))
		if seen := w.seen(); len(seen) != 2 || seen[0].Omitted != 100-refusalsPerSecond || seen[1].Omitted != 0 {
			t.Errorf("%+v", seen)
		}
	})
}

// What is recorded of a path is short and printable, whatever was sent.
func TestRecordedPathsAreBounded(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	w.order(t, "corp/%0A"+strings.Repeat("%C3%A9", 1000)+"/retire", because)
	seen := w.seen()
	if len(seen) != 1 || len(seen[0].Path) != maxRecordedPath || !strings.HasPrefix(seen[0].Path, "/api/v1/keys/corp/%0A%C3%A9") {
		t.Errorf("%+v", seen)
	}
}

// What only looks is not an attempt at a change, even if nothing is found.
func TestLookingIsNotRecorded(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	for _, path := range []string{"/api/v1/keys/corp/none", "/api/v1/keys/other/old", "/none", "/api/v1/keys/corp/old/retire"} {
		ask(t, w.api, "GET", path, map[bool]int{true: 405, false: 404}[strings.HasSuffix(path, "retire")], problemType)
	}
	if seen := w.seen(); len(seen) > 0 {
		t.Errorf("%+v", seen)
	}
}

func TestNewWantsWhatItNeeds(t *testing.T) {
	if _, err := New(Config{}); err == nil || err.Error() != "admin: Guard, Orders, Pinned, Kept, Record, Feed, Probes and Brief are required" {
		t.Error(err)
	}
}
