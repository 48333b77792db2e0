package attacks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// attack is one file of the corpus.
type attack struct {
	Title  string
	What   string   // how it works, and against whom it did
	Source []string // the CVE or the clause of an RFC that it is from

	Policy  string   // of the route; default: default
	Token   recipe   // the token; empty: a good one
	Request *carrier // how it is handed over; empty: as Authorization: Bearer

	Reason verify.Reason // what the guard says
	Checks []string      // that refuse it, in their order; each alone suffices
	// Upstream are the identity headers that must reach the upstream, and no others: of
	// an attack on a request that passes.
	Upstream map[string]string
	// Envoy is the status by which Envoy refuses the request before it asks; 200 if it
	// mends the request instead, so that guard and upstream see a good one.
	Envoy int
	// Generated is what the generated code says instead of an answer: a gRPC error.
	Generated string

	id, class string
}

// recipe makes a token from a good one. What is not there is not changed.
type recipe struct {
	From    string // kid of the good token's key; default ec
	Issuer  string // corp, partner or every; default corp
	Header  edit
	Payload edit
	Input   string // template: the signing input
	Sign    signing
	Text    string // template: the whole token
}

// edit is a change of a JSON text.
type edit struct {
	Replace change
	Add     string // a member to stand behind the others
	First   string // a member to stand before the others
	Text    string // template: another text altogether
}

// change is a text that stands there once, and another in its place.
type change struct{ Old, New string }

// signing is who signs, and how.
type signing struct {
	Key  string // default: that of From
	Alg  string // default: the key's
	MAC  string // the encoding of From's public key that is the secret of an HMAC by Alg
	Salt int    // of PSS
}

// carrier is a request. Its texts are templates.
type carrier struct {
	Path       string            // default /
	Headers    []string          // lines, "name: value", in this order
	Extensions map[string]string // context extensions; Envoy never sends such
	Check      string            // the whole CheckRequest as a text proto; no Envoy sends it
	Append     string            // hexadecimal bytes to follow the encoded CheckRequest
}

// token tells whether the attack is in the token alone.
func (a *attack) token() bool { return a.Request == nil }

// sent tells whether an Envoy could send such a check.
func (a *attack) sent() bool {
	return a.Request == nil || a.Request.Check == "" && a.Request.Append == "" && a.Request.Extensions == nil
}

// corpus reads all cases. A file that is not wholly understood is an error.
var corpus = sync.OnceValues(func() ([]*attack, error) {
	var all []*attack
	const root = "testdata/attacks"
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		a, err := readCase(path.Join(root, name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		a.id = strings.TrimSuffix(name, ".yaml")
		a.class = path.Dir(name)
		all = append(all, a)
		return nil
	})
	return all, err
})

func readCase(file string) (*attack, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a := new(attack)
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(a); err != nil {
		return nil, err
	}
	switch {
	case !strings.HasSuffix(file, ".yaml"):
		return nil, errors.New("a case is a .yaml file")
	case a.Title == "", a.What == "", len(a.Source) == 0:
		return nil, errors.New("title, what and source tell a reader what the case is about")
	case a.Reason == "":
		return nil, errors.New("reason: what the guard should say")
	case len(a.Checks) == 0:
		return nil, errors.New("checks: which refuse it")
	case (a.Request == nil) == (a.Token == recipe{}):
		return nil, errors.New("either token or request differs from a good one: a case differs in one thing")
	case a.Policy == "":
		a.Policy = "default"
	}
	return a, nil
}

func cases(t testing.TB) []*attack {
	t.Helper()
	all, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
