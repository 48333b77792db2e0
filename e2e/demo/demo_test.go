package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// TestTheDemoTellsItsStory runs the demo as `make demo` does. The story checks
// each of its lines itself.
func TestTheDemoTellsItsStory(t *testing.T) {
	harnesstest.EnvoyBinary(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, &printer{w: &out}, false); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if text := out.String(); !strings.Contains(text, "key_retired") || strings.Contains(text, "\x1b") {
		t.Errorf("the demo printed:\n%s", text)
	}
}
