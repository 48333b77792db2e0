package jwtguard_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/jwtguard/jwtguard"

// rooms says which of our packages each package may import. Siblings do not
// import each other, and nobody imports a command. What is not listed may not
// exist.
var rooms = map[string][]string{
	"pkg/keyset":         {},
	"internal/jose":      {"pkg/keyset"},
	"pkg/jwkscache":      {"pkg/keyset", "internal/jose"},
	"pkg/verify":         {"pkg/keyset", "internal/jose"},
	"pkg/authz":          {"pkg/verify"},
	"internal/ledger":    {"pkg/keyset"},
	"internal/telemetry": {"pkg/keyset", "pkg/verify", "pkg/jwkscache"},
	"internal/admin":     {"pkg/keyset", "pkg/verify", "internal/ledger"},
	"internal/config":    {"pkg/keyset"},
	"internal/devissuer": {},
	"cmd/jwtguard": {
		"pkg/keyset", "pkg/jwkscache", "pkg/verify", "pkg/authz",
		"internal/jose", "internal/ledger", "internal/telemetry", "internal/admin", "internal/config",
	},
}

// homes says which packages alone may import a dependency.
var homes = map[string][]string{
	"github.com/lestrrat-go/": {"internal/jose"},
	"go.opentelemetry.io/":    {"internal/telemetry", "cmd/jwtguard"},
	"github.com/prometheus/":  {"internal/telemetry"},
	"github.com/envoyproxy/":  {"pkg/authz", "cmd/jwtguard"},
	"google.golang.org/grpc":  {"pkg/authz", "cmd/jwtguard"},
	"go.yaml.in/":             {"internal/config"},
	"github.com/maypok86/":    {"pkg/verify"},
}

// pure lists what packages without I/O must not import.
var pure = map[string][]string{
	"pkg/keyset":    {"os", "net", "net/http", "log", "log/slog", "context", "sync"},
	"pkg/verify":    {"os", "net", "net/http", "log", "log/slog", "context"},
	"internal/jose": {"os", "net", "net/http", "log", "log/slog", "context"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

// packages lists what `go list` finds in this module.
func packages(t *testing.T) []listed {
	t.Helper()
	// With a profile (-pgo), packages are listed once more, under names of their own.
	out, err := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	found := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if name == "" || name == "e2e" || strings.HasPrefix(name, "e2e/") || strings.HasPrefix(name, "deploy/") {
			continue // the tests and tools may import anything
		}
		allowed, known := rooms[name]
		if !known {
			t.Errorf("%s: this package is not in the table of rooms", name)
			continue
		}
		found++
		for _, i := range p.Imports {
			if ours, is := strings.CutPrefix(i, module+"/"); is && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s", name, ours)
			}
			for prefix, home := range homes {
				if strings.HasPrefix(i, prefix) && !slices.Contains(home, name) {
					t.Errorf("%s must not import %s: its home is %v", name, i, home)
				}
			}
			if slices.Contains(pure[name], i) {
				t.Errorf("%s must not import %s: it is pure", name, i)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d packages were looked at", found)
	}
}
