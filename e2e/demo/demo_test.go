package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// TestTheDemoTellsItsStory runs the demo as `make demo` does. The story checks
// each of its lines itself.
func TestTheDemoTellsItsStory(t *testing.T) {
	if _, err := harness.EnvoyBinary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
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
