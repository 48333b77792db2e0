package envoygateway

import (
	"strings"
	"testing"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// everything is all that deploy/envoy-gateway has applied.
func everything(t testing.TB) map[string]string {
	return map[string]string{"sidecar": sidecar(t), "shared": shared(t)}
}

// The types take what is shipped, and so do the schemas of the custom resources, which
// also know limits and rules between fields.
func TestEnvoyGatewayTakesTheManifests(t *testing.T) {
	for name, text := range everything(t) {
		t.Run(name, func(t *testing.T) {
			if problems := refused(t, text); len(problems) > 0 {
				t.Error(strings.Join(problems, "\n"))
			}
		})
	}
}

func TestEnvoyGatewayRefusesMistakes(t *testing.T) {
	all := sidecar(t)
	for name, text := range map[string]string{
		"an unknown field":            harnesstest.ReplaceOnce(t, all, "failOpen: false", "failOpened: false"),
		"a status that is none":       harnesstest.ReplaceOnce(t, all, "statusOnError: 503", "statusOnError: 200"),
		"a trigger that is unknown":   harnesstest.ReplaceOnce(t, all, "- refused-stream\n", "- refused\n"),
		"an extension with no value":  harnesstest.ReplaceOnce(t, all, "type: Value\n      value: payments", "type: ValueRef\n      value: payments"),
		"a policy for nothing":        harnesstest.ReplaceOnce(t, all, "  - group: gateway.networking.k8s.io\n    kind: HTTPRoute\n    name: shop\n    sectionName: open\n", "  []\n"),
		"a merge of a gateway policy": harnesstest.ReplaceOnce(t, all, "  extAuth:\n    failOpen: false", "  mergeType: StrategicMerge\n  extAuth:\n    failOpen: false"),
	} {
		if len(refused(t, text)) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}

// The chart puts config.envoyGateway into its ConfigMap as Envoy Gateway's configuration.
func TestValuesSwitchOnWhatIsNeeded(t *testing.T) {
	var values struct {
		Config struct {
			EnvoyGateway egv1a1.EnvoyGatewaySpec `json:"envoyGateway"`
		} `json:"config"`
	}
	if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, folder+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	if e := values.Config.EnvoyGateway.ExtensionAPIs; e == nil || !e.EnableBackend || !e.EnableEnvoyPatchPolicy {
		t.Errorf("%+v", e)
	}
}

// refused lists what the types or the schemas do not take.
func refused(t testing.TB, manifests string) []string {
	t.Helper()
	var problems, ours []string
	for _, document := range documents(t, manifests) {
		o, err := decode(document)
		if err != nil {
			problems = append(problems, err.Error()+" in\n"+document)
			continue
		}
		switch o.GetObjectKind().GroupVersionKind().Group {
		case "gateway.envoyproxy.io", "gateway.networking.k8s.io":
			ours = append(ours, document)
		}
	}
	// egctl exits with 0 even so.
	if said := egctl(t, "x", "validate", "-f", tempFile(t, together(ours...))); !strings.Contains(said, "OK") {
		problems = append(problems, said)
	}
	return problems
}
