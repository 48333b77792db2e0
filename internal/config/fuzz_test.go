package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Whatever the bytes: no panic, mistakes with their place, and the same answer
// twice.
func FuzzParse(f *testing.F) {
	seedConfigurations(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("jwtguard.yaml", data)
		again, errAgain := Parse("jwtguard.yaml", data)
		if err != nil {
			var problems *Problems
			if !errors.As(err, &problems) || len(problems.List) == 0 || len(problems.List) > maxProblems || c != nil {
				t.Fatalf("%#v", err)
			}
			for _, p := range problems.List {
				if p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Fatalf("%+v", p)
				}
			}
			if errAgain == nil || errAgain.Error() != err.Error() {
				t.Fatalf("%v, then %v", err, errAgain)
			}
			return
		}
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v, then %+v", c, again)
		}
		c.Lint()
		for _, p := range c.Policies {
			if len(p.Issuers) == 0 || p.Token.Header+p.Token.Query+p.Token.Cookie == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// seedConfigurations are configurations, right and wrong.
func seedConfigurations(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(full))
	f.Add([]byte(quiet))
	f.Add([]byte("issuers: [{issuer: corp, audiences: [a], jwks: {inline: {keys: [{kid: \"1\", exp: 1}]}}}]"))
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}
