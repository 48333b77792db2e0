package envoygateway

import (
	"testing"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// Whoever reads the access log finds the fields of deploy/envoy in it, in either way.
func TestTheAccessLogIsTheOneOfDeployEnvoy(t *testing.T) {
	var envoy any
	if err := yaml.Unmarshal([]byte(harnesstest.ReadFile(t, "deploy/envoy/envoy.yaml")), &envoy); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	within(envoy, func(o object) {
		fields, _ := o["json_format"].(object)
		for name, v := range fields {
			want[name] = v.(string)
		}
	})
	for name, text := range everything(t) {
		settings := the[*egv1a1.EnvoyProxy](t, text, guardName).Spec.Telemetry.AccessLog.Settings
		if diff := cmp.Diff(want, settings[0].Format.JSON); diff != "" || len(want) == 0 {
			t.Errorf("%s (-envoy +envoy-gateway):\n%s", name, diff)
		}
	}
}
