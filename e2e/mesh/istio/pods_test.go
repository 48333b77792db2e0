package istio

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pkg/kube/inject"
	istiotest "istio.io/istio/pkg/test"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// podTemplate gives a Deployment or StatefulSet's template of pods.
func podTemplate(t testing.TB, manifests, name string) (template corev1.PodTemplateSpec, text string) {
	t.Helper()
	for _, o := range documents(t, manifests) {
		if (o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet") && o.GetName() == name {
			var d appsv1.Deployment // a StatefulSet's template is at the same place
			text = manifest(t, o)
			if err := yaml.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(err)
			}
			return d.Spec.Template, strings.TrimPrefix(text, "---\n")
		}
	}
	t.Fatalf("nothing named %s makes pods", name)
	return
}

// injected is what Istio's injector makes of a Deployment or StatefulSet.
func injected(t testing.TB, text, namespace string) corev1.PodTemplateSpec {
	t.Helper()
	control := istiod(t)
	data := configMap(t, control, "istio-sidecar-injector")
	config, err := inject.UnmarshalConfig([]byte(data["config"]))
	if err != nil {
		t.Fatal(err)
	}
	values, err := inject.NewValuesConfig(data["values"])
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := inject.IntoResourceFile(nil, config.Templates, values, "", meshConfig(t), strings.NewReader(text), &out, func(s string) { t.Error(s) }); err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := yaml.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d.Spec.Template
}

func container(t testing.TB, pod corev1.PodSpec, name string) corev1.Container {
	t.Helper()
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no container %s", name)
	return corev1.Container{}
}

// istioGroup is what istio-proxy runs as.
const istioGroup = 1337

// sharesTheSocket asks whether Envoy has the guard's sockets where it looks for them,
// and may open them.
func sharesTheSocket(t testing.TB, pod corev1.PodSpec) {
	t.Helper()
	proxy, guard := container(t, pod, "istio-proxy"), container(t, pod, "jwtguard")
	for _, c := range []corev1.Container{proxy, guard} {
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.Name == "jwtguard-socket" && m.MountPath == "/run/jwtguard"
		}) {
			t.Errorf("%s has no socket: %v", c.Name, c.VolumeMounts)
		}
	}
	if diff := cmp.Diff(new(int64(istioGroup)), pod.SecurityContext.FSGroup); diff != "" {
		t.Errorf("the sockets' group (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(new(int64(istioGroup)), proxy.SecurityContext.RunAsGroup); diff != "" {
		t.Errorf("istio-proxy's group (-want +got):\n%s", diff)
	}
	for _, m := range proxy.VolumeMounts {
		if strings.HasPrefix(m.Name, "jwtguard-") && m.Name != "jwtguard-socket" {
			t.Errorf("istio-proxy has the guard's %s", m.Name)
		}
	}
}

func TestTheGatewaysPods(t *testing.T) {
	istiotest.SetForTest(t, &features.EnableNativeSidecars, features.NativeSidecarModeEnabled)
	template, text := podTemplate(t, chart(t, "istio-ingress", "istio-ingress", "gateway", folder+"/gateway/gateway-values.yaml"), "istio-ingress")
	if template.Labels["istio"] != "ingress" || template.Spec.ServiceAccountName != "istio-ingress" {
		t.Errorf("labels %v, service account %q: what is shipped selects others", template.Labels, template.Spec.ServiceAccountName)
	}
	pod := injected(t, text, "istio-ingress").Spec
	sharesTheSocket(t, pod)
	if pod.InitContainers[0].Name != "jwtguard" || pod.InitContainers[0].RestartPolicy == nil {
		t.Errorf("the guard does not start before the gateway: %v", names(pod.InitContainers))
	}
}

func TestTheWorkloadsPods(t *testing.T) {
	for name, mode := range map[string]features.NativeSidecarMode{
		"native sidecars": features.NativeSidecarModeEnabled, "others": features.NativeSidecarModeDisabled,
	} {
		t.Run(name, func(t *testing.T) {
			istiotest.SetForTest(t, &features.EnableNativeSidecars, mode)
			_, text := podTemplate(t, kustomize(t, folder+"/workload"), "workload")
			template := injected(t, text, "default")
			sharesTheSocket(t, template.Spec)
			metricsBypassTheProxy(t, template.Spec)
			order := names(template.Spec.InitContainers)
			// istio-proxy first: the guard fetches through it, and is stopped before it.
			if want := []string{"istio-init", "istio-proxy", "jwtguard"}; mode == features.NativeSidecarModeEnabled && !slices.Equal(order, want) {
				t.Errorf("they start in the order %v, want %v", order, want)
			}
		})
	}
}

func TestTheSharedGuardsPods(t *testing.T) {
	istiotest.SetForTest(t, &features.EnableNativeSidecars, features.NativeSidecarModeEnabled)
	_, text := podTemplate(t, kustomize(t, folder+"/shared"), "jwtguard")
	pod := injected(t, text, "jwtguard").Spec
	container(t, pod, "istio-proxy")
	metricsBypassTheProxy(t, pod)
}

// metricsBypassTheProxy asks whether kubelet and Prometheus reach the guard without a
// certificate of the mesh.
func metricsBypassTheProxy(t testing.TB, pod corev1.PodSpec) {
	t.Helper()
	args := container(t, pod, "istio-init").Args
	if i := slices.Index(args, "-d"); i < 0 || !slices.Contains(strings.Split(args[i+1], ","), "9193") {
		t.Errorf("the guard's health and metrics go through istio-proxy: %v", args)
	}
}

func names(containers []corev1.Container) []string {
	var all []string
	for _, c := range containers {
		all = append(all, c.Name)
	}
	return all
}

// Kubernetes' types know every field, and each stands there once.
func TestKubernetesTakesTheManifests(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	for way, config := range map[string]string{"gateway": "gateway", "workload": "sidecar", "shared": "shared"} {
		kubernetes, _ := split(t, kustomize(t, folder+"/"+way))
		// What the guard's argument names: the key of the ConfigMap is the file's name.
		if got := configMap(t, kubernetes, "jwtguard")["jwtguard.yaml"]; got != harnesstest.ReadFile(t, folder+"/"+config+"/jwtguard.yaml") {
			t.Errorf("%s: the ConfigMap holds another jwtguard.yaml: %q", way, got)
		}
		for _, o := range documents(t, kubernetes) {
			if _, _, err := strict.Decode([]byte(manifest(t, o)), nil, nil); err != nil {
				t.Errorf("%s: %s %s: %v", way, o.GetKind(), o.GetName(), err)
			}
		}
	}
}

// The guard in these pods is the one of deploy/kubernetes, which is tried there.
func TestTheGuardIsTheOneOfDeployKubernetes(t *testing.T) {
	var kubernetes, istio appsv1.Deployment
	for file, into := range map[string]*appsv1.Deployment{
		"deploy/kubernetes/sidecar/patch.yaml": &kubernetes, folder + "/sidecar/patch.yaml": &istio,
	} {
		if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, file)), into); err != nil {
			t.Fatal(err)
		}
	}
	gateway, _ := podTemplate(t, chart(t, "istio-ingress", "istio-ingress", "gateway", folder+"/gateway/gateway-values.yaml"), "istio-ingress")
	want := container(t, kubernetes.Spec.Template.Spec, "jwtguard")
	for name, pod := range map[string]corev1.PodSpec{"sidecar": istio.Spec.Template.Spec, "gateway": gateway.Spec} {
		got := container(t, pod, "jwtguard")
		got.Image = want.Image
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-kubernetes +istio):\n%s", name, diff)
		}
		if diff := cmp.Diff(kubernetes.Spec.Template.Spec.Volumes, pod.Volumes); diff != "" {
			t.Errorf("%s (-kubernetes +istio):\n%s", name, diff)
		}
	}

	service, _ := podTemplate(t, harnesstest.ReadFile(t, "deploy/kubernetes/service/statefulset.yaml"), "jwtguard")
	shared, _ := podTemplate(t, kustomize(t, folder+"/shared"), "jwtguard")
	want, got := container(t, service.Spec, "jwtguard"), container(t, shared.Spec, "jwtguard")
	// TLS is the mesh's here, and each policy has a port.
	got.Image, got.Ports, got.VolumeMounts = want.Image, want.Ports, want.VolumeMounts
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shared (-kubernetes +istio):\n%s", diff)
	}
}
