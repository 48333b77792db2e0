package istio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	meshconfigv1 "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/manifests"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	istiocrd "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/validation/agent"
	"istio.io/istio/pkg/util/protomarshal"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// everything is all that deploy/istio has for Istio's API, each as it is applied.
func everything(t testing.TB) map[string]string {
	return map[string]string{
		"mesh":                        kustomize(t, folder+"/mesh"),
		"gateway":                     kustomize(t, folder+"/gateway"),
		"gateway/by-path.yaml":        inNamespace(t, "istio-ingress", folder+"/gateway/by-path.yaml"),
		"workload":                    kustomize(t, folder+"/workload"),
		"shared":                      kustomize(t, folder+"/shared"),
		"shared/gateway-policy.yaml":  inNamespace(t, "istio-ingress", folder+"/shared/gateway-policy.yaml"),
		"docs/istio.md, per workload": perWorkload(t),
	}
}

// everyEnvoyFilter is what Istio says about each of them.
const everyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

// The schemas of Istio's custom resources refuse unknown fields, and what its API
// server's rules refuse; its webhook's validation does the rest, without a warning.
func TestIstioTakesTheManifests(t *testing.T) {
	schemas := resourceSchemas(t)
	for name, text := range everything(t) {
		t.Run(name, func(t *testing.T) {
			_, istio := split(t, text)
			for _, problem := range refused(t, schemas, istio) {
				t.Error(problem)
			}
		})
	}
}

func TestIstioRefusesMistakes(t *testing.T) {
	schemas := resourceSchemas(t)
	_, mesh := split(t, kustomize(t, folder+"/mesh"))
	_, gateway := split(t, kustomize(t, folder+"/gateway"))
	for name, text := range map[string]string{
		"an unknown field":          harnesstest.ReplaceOnce(t, gateway, "    name: jwtguard-default\n", "    names: jwtguard-default\n"),
		"an action that is unknown": harnesstest.ReplaceOnce(t, gateway, "action: CUSTOM", "action: ASK"),
		"a field Envoy has not":     harnesstest.ReplaceOnce(t, gateway, "validate_mutations: true", "validate_mutation: true"),
		"a socket with ports":       strings.Replace(mesh, "  - address: unix:///run/jwtguard/default.sock\n", "  - address: unix:///run/jwtguard/default.sock\n    ports: { grpc: 1 }\n", 1),
		// Istio's own trial is none of CUSTOM. The guard's is mode: shadow.
		"a dry run": harnesstest.ReplaceOnce(t, gateway, "kind: AuthorizationPolicy\nmetadata:\n",
			"kind: AuthorizationPolicy\nmetadata:\n  annotations: { istio.io/dry-run: \"true\" }\n"),
		"a CUSTOM without a provider": harnesstest.ReplaceOnce(t, gateway, "  provider:\n    name: jwtguard-default\n", ""),
	} {
		if len(refused(t, schemas, text)) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}

// resourceSchemas are those of Istio's custom resources.
func resourceSchemas(t testing.TB) *istiocrd.Validator {
	t.Helper()
	text, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "crd.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := istiocrd.NewValidatorFromFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refused says what Istio has against manifests.
func refused(t testing.TB, schemas *istiocrd.Validator, text string) []string {
	t.Helper()
	var problems []string
	for _, o := range documents(t, text) {
		if err := schemas.ValidateCustomResource(o); err != nil {
			problems = append(problems, err.Error())
		}
	}
	configs, unknown, err := crd.ParseInputs(text)
	if err != nil {
		return append(problems, err.Error())
	}
	for _, u := range unknown {
		problems = append(problems, "unknown kind "+u.Kind)
	}
	for _, c := range configs {
		schema, ok := collections.All.FindByGroupVersionAliasesKind(c.GroupVersionKind)
		if !ok {
			problems = append(problems, "no schema for "+c.GroupVersionKind.String())
			continue
		}
		warning, err := schema.ValidateConfig(c)
		if warning != nil && !strings.HasPrefix(warning.Error(), everyEnvoyFilter) {
			problems = append(problems, warning.Error())
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
}

// Istio reads the mesh configuration strictly, and has nothing against it; istioctl
// gets the same.
func TestIstioTakesTheMeshConfiguration(t *testing.T) {
	var values, operator map[string]any
	for file, into := range map[string]*map[string]any{
		istiodValues:                    &values,
		folder + "/istio-operator.yaml": &operator,
	} {
		if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, file)), into); err != nil {
			t.Fatal(err)
		}
	}
	text, err := yaml.Marshal(values["meshConfig"])
	if err != nil {
		t.Fatal(err)
	}
	if err := protomarshal.ApplyYAMLStrict(string(text), &meshconfigv1.MeshConfig{}); err != nil {
		t.Error(err)
	}
	if warning, err := agent.ValidateMeshConfig(meshConfig(t)); warning != nil || err != nil {
		t.Error(warning, err)
	}
	spec := operator["spec"].(map[string]any)
	if diff := cmp.Diff(values["meshConfig"], spec["meshConfig"]); diff != "" {
		t.Errorf("istio-operator.yaml has another mesh configuration (-%s +istio-operator.yaml):\n%s", istiodValues, diff)
	}
	pilot := spec["values"].(map[string]any)["pilot"].(map[string]any)
	if diff := cmp.Diff(values["env"], pilot["env"]); diff != "" {
		t.Errorf("istio-operator.yaml has another environment:\n%s", diff)
	}
}

// `istioctl analyze` has nothing else to say about what is shipped.
func TestIstioctlAnalyzeIsContent(t *testing.T) {
	gateway := shippedGateway(t)
	for name, c := range map[string]struct {
		manifests string
		content   bool
	}{
		"gateway":                  {gateway, true},
		"workload":                 {shippedWorkload(t), true},
		"shared":                   {shippedShared(t), true},
		"a host that is not there": {strings.Replace(gateway, "host: workload.default.", "host: work.default.", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			if said := analyzed(t, c.manifests); c.content != (len(said) == 0) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// analyzed gives the warnings and errors of `istioctl analyze`, with the mesh
// configuration that is shipped.
func analyzed(t testing.TB, manifests string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.WriteFile(file, []byte(configMap(t, istiod(t), "istio")["mesh"]), 0o644); err != nil {
		t.Fatal(err)
	}
	analyzer := local.NewSourceAnalyzer(analyzers.AllCombined(), "", resource.Namespace("istio-system"), nil)
	if err := analyzer.AddTestReaderKubeSource([]local.ReaderSource{{Name: "manifests", Reader: strings.NewReader(manifests)}}); err != nil {
		t.Fatal(err)
	}
	if err := analyzer.AddFileKubeMeshConfig(file); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range result.Messages {
		if m.Type.Level().IsWorseThanOrEqualTo(diag.Warning) && !strings.Contains(m.String(), everyEnvoyFilter) {
			said = append(said, m.String())
		}
	}
	return said
}
