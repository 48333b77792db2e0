package mesh

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// chart renders the chart, or fails the test.
func chart(t testing.TB, h helm, dir, release string, values map[string]any) objects {
	t.Helper()
	text, err := h.manifests(dir, release, values)
	if err != nil {
		t.Fatal(err)
	}
	return mustDecode(t, text)
}

// Values that change much of what the chart makes.
const (
	chartPerPolicy = "{listeners: [{name: grpc, port: 9191}, {name: payments, port: 9195, policy: payments}]}"
	chartWithAll   = "{replicas: 5, drain: 40s, tls: {secretName: other}, imagePullSecrets: [{name: pull}], priorityClassName: high, nodeSelector: {a: b}, tolerations: [{operator: Exists}], affinity: {podAntiAffinity: {}}, podAnnotations: {c: d}}"
)

func TestChartIsWithoutComplaint(t *testing.T) {
	for name, over := range map[string]string{
		"as it comes":          "{}",
		"without volume":       "{state: {persistent: false}}",
		"listener per policy":  chartPerPolicy,
		"another way to be":    chartWithAll,
		"with files":           `{files: {corp-ca.crt: "-----BEGIN CERTIFICATE-----\n"}}`,
		"monitored, by a name": "{monitor: {enabled: true, labels: {release: prometheus}}, networkPolicy: {egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}}], ports: [{port: 8443, protocol: TCP}]}]}}",
	} {
		t.Run(name, func(t *testing.T) {
			eachHelm(t, func(t *testing.T, h helm) {
				v := values(t, over)
				for _, complaint := range h.lint(chartDir, v) {
					t.Error(complaint)
				}
				for _, complaint := range complaints(chart(t, h, chartDir, "edge", v)) {
					t.Error(complaint)
				}
			})
		})
	}
}

// TestChartIsTheService: with its defaults, the chart is deploy/kubernetes/service,
// but for the labels by which Helm knows its own.
func TestChartIsTheService(t *testing.T) {
	want := mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, "service")))
	eachHelm(t, func(t *testing.T, h helm) {
		compare(t, want, chart(t, h, chartDir, guardName, values(t, "{}")))
	})
}

func TestChartWithoutVolumeIsTheServiceWithoutVolume(t *testing.T) {
	want := mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, "service-without-volume")))
	eachHelm(t, func(t *testing.T, h helm) {
		compare(t, want, chart(t, h, chartDir, guardName, values(t, "{state: {persistent: false}}")))
	})
}

// TestChartAddsTheSidecar: what its templates add to the pods of another chart is what
// deploy/kubernetes/sidecar adds.
func TestChartAddsTheSidecar(t *testing.T) {
	base := mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, "gateway")))
	want := workloads(base)[0]
	eachHelm(t, func(t *testing.T, h helm) {
		all := chart(t, h, shop(t), "shop", map[string]any{"jwtguard": values(t, "{}")})
		for _, complaint := range complaints(all) {
			t.Error(complaint)
		}
		got := workloads(all)[0]
		if diff := cmp.Diff(want.template.Spec.InitContainers, got.template.Spec.InitContainers, unordered); diff != "" {
			t.Errorf("the guard's container (- kustomize, + chart):\n%s", diff)
		}
		wantVolumes, gotVolumes := guardVolumes(want), guardVolumes(got)
		wantVolumes["jwtguard-config"].ConfigMap.Name = "shop-jwtguard"
		if diff := cmp.Diff(wantVolumes, gotVolumes); diff != "" {
			t.Errorf("the guard's volumes (- kustomize, + chart):\n%s", diff)
		}
		if diff := cmp.Diff(guardText(t, base, "jwtguard"), guardText(t, all, "shop-jwtguard")); diff != "" {
			t.Errorf("the guard's configuration (- kustomize, + chart):\n%s", diff)
		}
	})
}

// TestChartRestartsGuardsForWhatTheyDoNotReadAgain: an upgrade replaces the pods if
// their listeners change, and only then.
func TestChartRestartsGuardsForWhatTheyDoNotReadAgain(t *testing.T) {
	annotations := func(t *testing.T, h helm, over string) map[string]string {
		return workloads(chart(t, h, chartDir, guardName, values(t, over)))[0].template.Annotations
	}
	eachHelm(t, func(t *testing.T, h helm) {
		before := annotations(t, h, "{}")
		for over, same := range map[string]bool{
			"{config: {policies: {default: {issuers: [corp], realm: new}}}}": true,
			"{config: {token_cache: {max_bytes: 8MiB}}}":                     true,
			"{drain: 16s}": false,
			"{listeners: [{name: grpc, port: 9191, policy: payments}]}": false,
			"{config: {ledger: {strict: true}}}":                        false,
		} {
			if cmp.Equal(before, annotations(t, h, over)) != same {
				t.Errorf("%s: the pods' annotations are the same: %v, expected %v", over, !same, same)
			}
		}
	})
}

// unordered disregards the order of volumes and mounts, which means nothing.
var unordered = cmp.Options{
	cmpopts.SortSlices(func(a, b corev1.VolumeMount) bool { return a.MountPath < b.MountPath }),
	cmpopts.SortSlices(func(a, b corev1.Volume) bool { return a.Name < b.Name }),
}

// compare holds all objects of two renderings against each other.
func compare(t *testing.T, want, got objects) {
	t.Helper()
	compareTyped[*appsv1.StatefulSet](t, want, got)
	compareTyped[*corev1.Service](t, want, got)
	compareTyped[*corev1.ServiceAccount](t, want, got)
	compareTyped[*policyv1.PodDisruptionBudget](t, want, got)
	compareTyped[*networkingv1.NetworkPolicy](t, want, got)
	if diff := cmp.Diff(guardText(t, want, guardName), guardText(t, got, guardName)); diff != "" {
		t.Errorf("the guard's configuration (- kustomize, + chart):\n%s", diff)
	}
}

func compareTyped[T interface {
	metav1.Object
	runtime.Object
}](t *testing.T, want, got objects) {
	t.Helper()
	wanted := every[T](want)
	if n := len(every[T](got)); n != len(wanted) || n == 0 {
		t.Errorf("%d %T in one, %d in the other", len(wanted), *new(T), n)
	}
	for _, w := range wanted {
		if diff := cmp.Diff(any(w), any(the[T](t, got, w.GetName())), unordered, ofHelm); diff != "" {
			t.Errorf("%T %s (- kustomize, + chart):\n%s", w, w.GetName(), diff)
		}
	}
}

// ofHelm disregards what Helm adds to labels and annotations.
var ofHelm = cmpopts.AcyclicTransformer("withoutHelms", func(m map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range m {
		switch key {
		case "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart", "checksum/jwtguard-listen":
		default:
			kept[key] = value
		}
	}
	return kept
})

// meaning is what the YAML of a configuration says; a single listener without a policy
// may be written in two ways.
func meaning(text string) any {
	var c map[string]any
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return err.Error()
	}
	if listen, ok := c["listen"].(map[string]any); ok {
		if address, ok := listen["grpc"].(string); ok {
			listen["grpc"] = []any{map[string]any{"address": address}}
		}
	}
	return c
}

// guardText is what a ConfigMap's configuration says.
func guardText(t *testing.T, all objects, name string) any {
	t.Helper()
	return meaning(the[*corev1.ConfigMap](t, all, name).Data["jwtguard.yaml"])
}

// guardVolumes are the volumes that the guard adds to a pod.
func guardVolumes(w workload) map[string]corev1.Volume {
	found := map[string]corev1.Volume{}
	for _, v := range w.template.Spec.Volumes {
		if strings.HasPrefix(v.Name, guardName) {
			found[v.Name] = v
		}
	}
	return found
}
