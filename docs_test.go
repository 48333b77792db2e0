package jwtguard_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestConfigurationsInTheDocsAreValid reads every block of YAML in the docs that
// is a configuration of ours.
func TestConfigurationsInTheDocsAreValid(t *testing.T) {
	for file, want := range map[string]int{"README.md": 1, "docs/configuration.md": 1, "docs/lifecycle.md": 1} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "issuers:") {
				continue
			}
			found++
			if _, err := config.Parse(file, []byte(m[1])); err != nil {
				t.Errorf("%s: a configuration in it is not valid:\n%v", file, err)
			}
		}
		if found != want {
			t.Errorf("%s: %d configurations were found, expected %d", file, found, want)
		}
	}
}

// TestFullConfigurationInTheDocsShowsTheDefaults holds the documented defaults
// against those of the smallest file.
func TestFullConfigurationInTheDocsShowsTheDefaults(t *testing.T) {
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	full, err := config.Parse("full", []byte(yamlBlock.FindStringSubmatch(string(text))[1]))
	if err != nil {
		t.Fatal(err)
	}
	smallest, err := config.Parse("smallest", []byte("issuers:\n  - name: corp\n    issuer: https://issuer.example.com\n    audiences: [payments-api]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffConfigs(smallest, full); diff != "" {
		t.Errorf("the documented defaults differ from the real ones (- real, + documented):\n%s", diff)
	}
}

func diffConfigs(a, b *config.Config) string {
	a.File, b.File = "", ""
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(config.Config{}), cmpopts.EquateEmpty())
}

// TestTheReadmeNamesEveryReason: the table of answers is what on-call engineers
// look a reason up in.
func TestTheReadmeNamesEveryReason(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range verify.Reasons() {
		if !strings.Contains(string(text), "`"+string(r)+"`") {
			t.Errorf("README.md does not say what %q means", r)
		}
	}
}
