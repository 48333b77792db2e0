package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary be the empty server, as the command does.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == emptyServer {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTheBenchmarkMeasuresEverything runs it as short as can be. Its figures mean
// nothing then; that there are some, and that every check was allowed, does.
func TestTheBenchmarkMeasuresEverything(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out, 1, 100*time.Millisecond, 0, 3); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{emptyName, "bare RS256 check", guardName("RS256", 1), guardName("ES256", 3), "3 issuers of 5 keys"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line about %q in:\n%s", want, &out)
		}
	}
}
