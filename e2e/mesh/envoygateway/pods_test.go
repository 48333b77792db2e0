package envoygateway

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// guardName is what the guard's container is called everywhere: commands in the docs
// name it.
const guardName = "jwtguard"

// proxies gives the Deployment of the proxies: the one that Envoy Gateway has in its own
// tests for what it makes by default, patched in its way as the EnvoyProxy says.
func proxies(t testing.TB) *appsv1.Deployment {
	t.Helper()
	module, err := harness.Command(harnesstest.Step(t), "go", "-C", "e2e/mesh/envoygateway", "list", "-m", "-f", "{{.Dir}}", "github.com/envoyproxy/gateway")
	if err != nil || module.Status != 0 {
		t.Fatal(err, module)
	}
	var made appsv1.Deployment
	file := strings.TrimSpace(module.Stdout) + "/internal/infrastructure/kubernetes/proxy/testdata/deployments/default.yaml"
	if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, file)), &made); err != nil {
		t.Fatal(err)
	}
	spec := the[*egv1a1.EnvoyProxy](t, sidecar(t), guardName).Spec.Provider.Kubernetes.EnvoyDeployment
	if err := yaml.UnmarshalStrict(spec.Patch.Value.Raw, &appsv1.Deployment{}); err != nil {
		t.Fatal("the patch:", err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	// As internal/utils/merge.go does in Envoy Gateway.
	text, err = strategicpatch.StrategicMergePatch(text, spec.Patch.Value.Raw, appsv1.Deployment{})
	if err != nil {
		t.Fatal(err)
	}
	var patched appsv1.Deployment
	if err := json.Unmarshal(text, &patched); err != nil {
		t.Fatal(err)
	}
	return &patched
}

func container(t testing.TB, containers []corev1.Container, name string) corev1.Container {
	t.Helper()
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no container %s", name)
	}
	return containers[i]
}

// Envoy has the guard's socket where the Backend says, may open it, and has nothing else
// of the guard's.
func TestTheProxysPods(t *testing.T) {
	d := proxies(t)
	pod := d.Spec.Template.Spec
	guard, envoy := container(t, pod.InitContainers, guardName), container(t, pod.Containers, "envoy")
	container(t, pod.Containers, "shutdown-manager")
	if guard.RestartPolicy == nil || *guard.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Error("the guard is no sidecar")
	}
	for _, c := range []corev1.Container{guard, envoy} {
		if !slices.Contains(c.VolumeMounts, corev1.VolumeMount{Name: "jwtguard-socket", MountPath: "/run/jwtguard"}) {
			t.Errorf("%s has no socket: %v", c.Name, c.VolumeMounts)
		}
	}
	for _, m := range envoy.VolumeMounts {
		if strings.HasPrefix(m.Name, "jwtguard-") && m.Name != "jwtguard-socket" {
			t.Errorf("envoy has the guard's %s", m.Name)
		}
	}
	if group := pod.SecurityContext.FSGroup; group == nil || *group != *envoy.SecurityContext.RunAsGroup {
		t.Errorf("the socket's group is %v, envoy's %v", group, *envoy.SecurityContext.RunAsGroup)
	}
	for name, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[name] != v {
			t.Errorf("the pods lost the label %s", name)
		}
	}
	socket := the[*egv1a1.Backend](t, sidecar(t), guardName).Spec.Endpoints[0].Unix.Path
	if socket != "/run/jwtguard/authz.sock" {
		t.Errorf("the Backend names %s", socket)
	}
}

// The guard in these pods is the one of deploy/kubernetes, which is tried there.
func TestTheGuardIsTheOneOfDeployKubernetes(t *testing.T) {
	var theirs appsv1.Deployment
	if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, "deploy/kubernetes/sidecar/patch.yaml")), &theirs); err != nil {
		t.Fatal(err)
	}
	d := proxies(t)
	want, got := theirs.Spec.Template.Spec.InitContainers[0], container(t, d.Spec.Template.Spec.InitContainers, guardName)
	got.Image = want.Image
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-kubernetes +envoy-gateway):\n%s", diff)
	}
	volumes := slices.DeleteFunc(d.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "certs" || v.Name == "sds" })
	if diff := cmp.Diff(theirs.Spec.Template.Spec.Volumes, volumes); diff != "" {
		t.Errorf("(-kubernetes +envoy-gateway):\n%s", diff)
	}
	if diff := cmp.Diff(theirs.Spec.Template.Labels["jwtguard-metrics"], d.Spec.Template.Labels["jwtguard-metrics"]); diff != "" {
		t.Errorf("(-kubernetes +envoy-gateway):\n%s", diff)
	}
	config := the[*corev1.ConfigMap](t, sidecar(t), guardName)
	if config.Namespace != the[*egv1a1.EnvoyProxy](t, sidecar(t), guardName).Namespace {
		t.Errorf("the guard's ConfigMap is in the namespace %s", config.Namespace)
	}
}
