package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fromEnvoy runs the command on a text from stdin.
func fromEnvoy(t testing.TB, text string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run([]string{"check", "--from-envoy", "-"}, strings.NewReader(text), &out, &errs)
	return status, out.String(), errs.String()
}

// accepted feeds a configuration to check, which must have no word against it.
func accepted(t testing.TB, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwtguard.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if status := runCheck([]string{"-c", file}, nil, &out, &errs); status != exitDone {
		t.Errorf("status %d: %s%s in\n%s", status, out.String(), errs.String(), text)
	}
}

// Every file of testdata/adopt has beside it what it becomes.
func TestWhatFilesBecome(t *testing.T) {
	for file, want := range map[string]int{
		"filter.yaml": exitNo, "dump.json": exitNo, "small.yaml": exitDone,
		"istio.yaml": exitDone, "istio-paths.yaml": exitNo,
	} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("testdata", "adopt", file)
			becomes, err := os.ReadFile(path + ".jwtguard.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			status := run([]string{"check", "--from-envoy", path}, nil, &out, &errs)
			if diff := cmp.Diff(string(becomes), out.String()); diff != "" {
				t.Error(diff)
			}
			if status != want || !strings.HasPrefix(errs.String(), path+": ") || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("status %d, %s", status, errs.String())
			}
			accepted(t, out.String())
		})
	}
}

// What carries over as a whole says so, and 0.
func TestNothingToSayOfWhatIsTheSame(t *testing.T) {
	status, stdout, stderr := fromEnvoy(t, `providers:
  corp: { issuer: corp, audiences: [api], local_jwks: { filename: /etc/jwks.json }, from_headers: [{ name: x-token }] }
rules: [{ match: { prefix: / }, requires: { provider_name: corp } }]
`)
	want := `# From stdin, by jwtguard check --from-envoy. docs/adopt.md says how to go on:
# begin with mode: shadow and token.forward: true in every policy; compare; then take mode: shadow out, and set forward as below once the old filter is gone.

issuers:
  - name: corp
    issuer: corp
    audiences: [api]
    jwks:
      file: /etc/jwks.json
policies:
  default:
    issuers: [corp]
    token: { header: x-token, query: "", cookie: "", forward: false }
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	if status != exitDone || stderr != "stdin: 1 provider, 1 policy; everything was carried over\n" {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestWhatIsNoJWTConfigurationIsNamed(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for text, want := range map[string]string{
		"":                     "stdin: no JWT configuration in it: found nothing: the file is empty",
		"# only a comment\n":   "stdin: no JWT configuration in it: found nothing: the file is empty",
		"just words":           `stdin: no JWT configuration in it: found the text "just words"`,
		"[1, 2]":               "stdin: no JWT configuration in it: found a list of 2 items without a jwt_authn filter in it",
		"{}":                   "stdin: no JWT configuration in it: found an empty mapping",
		"a: 1\nb: 2\n":         "stdin: no JWT configuration in it: found a mapping with the keys a, b",
		"a: 1\n---\nb: 2\n":    "stdin: no JWT configuration in it: found a mapping with the keys a, and 1 document more",
		"static_resources: {}": "stdin: no JWT configuration in it: found an Envoy configuration without a jwt_authn filter",
		`{"configs": []}`:      "stdin: no JWT configuration in it: found an Envoy config dump without a jwt_authn filter",
		`{"configs": [{"bootstrap": {"node": {"extensions": [{"name": "envoy.filters.http.jwt_authn", "category": "envoy.filters.http"}]}}}]}`: "stdin: no JWT configuration in it: found an Envoy config dump without a jwt_authn filter",
		"issuers: []":                           "stdin: no JWT configuration in it: found a configuration of jwtguard: check it with -c",
		"providers: {docker: {network: web}}":   "stdin: no JWT configuration in it: found a mapping with the keys providers",
		"apiVersion: apps/v1\nkind: Deployment": `stdin: no JWT configuration in it: found a Kubernetes "Deployment" without a jwt_authn filter in it`,
		"http_filters: [{name: envoy.filters.http.jwt_authn, config_discovery: {}}]":                    "stdin: no JWT configuration in it: found a filter envoy.filters.http.jwt_authn without its configuration: give a config dump (/config_dump?include_eds=false), which has it",
		"{\"@type\": type.googleapis.com/envoy.config.filter.http.jwt_authn.v2alpha.JwtAuthentication}": "stdin: no JWT configuration in it: found a JwtAuthentication of an API before v3: convert it to envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
		"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nspec: {}":                         "stdin: no JWT configuration in it: found an AuthorizationPolicy without the RequestAuthentication that it goes with: add that to the file",
		"\x7fELF\x02\x01\x01\x00":     "stdin:1:1: control character 0x7F: remove it",
		"\x1f\x8b\x08":                "stdin:1:1: control character 0x1F: remove it",
		"{\"a\": \"\xff\"}":           "stdin:1:7: not valid JSON: invalid UTF-8",
		"{\"a\": 1":                   "stdin:1:8: not valid JSON: the text ends too early",
		"{\"a\": 1} {\"b\": 2}":       "stdin:1:11: more follows after the end of the JSON value: give one document",
		"{\n  \"a\": 1,\n  \"a\": 2}": "stdin:3:3: not valid JSON: duplicate object member name",
		"a: [1\n":                     "stdin:2:1: not valid YAML: ",
		"a: &x 1\nb: { <<: {} }\n":    "stdin:2:6: the merge key << is not supported: write the keys out",
		deep:                          "stdin:1:65: nested more than 64 levels deep",
		"a: " + deep:                  "stdin:1:",
		"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n": "stdin:",
		strings.Repeat("x", 100<<20): "stdin:1:1: the file is too big: over 33554432 bytes, at most that many are read",
		strings.Repeat("x", 2<<20):   "stdin:1:1: the file is too big: 2097152 bytes, at most 1048576 are read",
	} {
		status, stdout, stderr := fromEnvoy(t, text)
		lines := strings.Split(stderr, "\n")
		if status != exitUsage || stdout != "" || !strings.HasPrefix(lines[0], want) {
			t.Errorf("%.60q: status %d, %q, want %q", text, status, stderr, want)
		}
		if len(lines) != 3 || lines[1] != "jwtguard check: --from-envoy reads "+adoptExpected {
			t.Errorf("%.60q: %q", text, stderr)
		}
	}
}

// A dump repeats a filter for every listener; others are judged beside it.
func TestSeveralFiltersInOneFile(t *testing.T) {
	filter := func(provider, issuer string) string {
		return `{"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", "providers": {"` + provider +
			`": {"issuer": "` + issuer + `", "audiences": ["api"], "local_jwks": {"filename": "/x"}, "from_params": ["t"]}}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "` + provider + `"}}], "strip_failure_response": true}`
	}
	status, stdout, stderr := fromEnvoy(t, "["+filter("p", "a")+","+filter("p", "a")+"]")
	if status != exitDone || strings.Count(stdout, "strip_failure_response") != 1 || !strings.HasPrefix(stderr, "stdin: 1 provider, 1 policy; ") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	accepted(t, stdout)
	status, stdout, stderr = fromEnvoy(t, "["+filter("p", "a")+","+filter("p", "b")+"]")
	for _, want := range []string{"  - name: p\n    issuer: a\n", "  - name: p-2\n    issuer: b\n", "  default:\n    issuers: [p]\n", "  default-2:\n    issuers: [p-2]\n", "set jwtguard.policy: default-2 on the routes behind this filter"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in %s", want, stdout)
		}
	}
	if status != exitNo {
		t.Errorf("status %d, %s", status, stderr)
	}
	accepted(t, stdout)
}

// What the file says must not become part of the configuration by way of a comment.
func TestACommentStaysAComment(t *testing.T) {
	_, stdout, _ := fromEnvoy(t, `{"providers": {"p\nadmin: {token_file: /x}\n#\u001b[31m": {"issuer": "corp", "local_jwks": {"filename": "/x"}}}}`)
	if !strings.Contains(stdout, `providers.p\nadmin: {token_file: /x}\n#\u001b[31m: no audiences`) {
		t.Error(stdout)
	}
	accepted(t, stdout)
}

func TestFilesThatAreNotAdopted(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--from-envoy", filepath.Join(dir, "none")}, filepath.Join(dir, "none") + ": cannot be read: no such file or directory\n"},
		{[]string{"--from-envoy", dir}, dir + ": cannot be read: it is a directory, not a file\n"},
		{[]string{"--from-envoy", "/dev/zero"}, "/dev/zero: cannot be read: it is not a regular file: give - as FILE and send the text to stdin\n"},
		{[]string{"--from-envoy", "a", "--json"}, "jwtguard check: --from-envoy goes with no other flag\n\n" + synopsis(checkUsage)},
		{[]string{"--from-envoy", "a", "-c", "b"}, "jwtguard check: --from-envoy goes with no other flag\n\n" + synopsis(checkUsage)},
	} {
		var out, errs bytes.Buffer
		if status := runCheck(tt.args, nil, &out, &errs); status != exitUsage || out.Len() > 0 {
			t.Errorf("%q: status %d, %s", tt.args, status, out.String())
		}
		if diff := cmp.Diff(tt.want, errs.String()); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

func TestAdoptionIsNotDoneIfNobodyCouldReadIt(t *testing.T) {
	var errs bytes.Buffer
	status := runCheck([]string{"--from-envoy", "testdata/adopt/small.yaml"}, nil, closedPipe{}, &errs)
	if status != exitUsage || errs.String() != "jwtguard check: write the configuration: broken pipe\n" {
		t.Errorf("status %d, %s", status, errs.String())
	}
}
