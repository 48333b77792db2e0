package mesh

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// TestMonitorsFindTheGuards: each guard is scraped by one of the two, at a port that is
// there, and never by both.
func TestMonitorsFindTheGuards(t *testing.T) {
	pod := the[*monitoringv1.PodMonitor](t, mustDecode(t, []byte(harnesstest.ReadFile(t, "deploy/prometheus/podmonitor.yaml"))), guardName)
	service := the[*monitoringv1.ServiceMonitor](t, mustDecode(t, []byte(harnesstest.ReadFile(t, "deploy/prometheus/servicemonitor.yaml"))), guardName)
	if !pod.Spec.NamespaceSelector.Any || !service.Spec.NamespaceSelector.Any {
		t.Error("guards of other namespaces are not found")
	}
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			all := mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, variant)))
			if n := scraped(t, all, pod, nil) + scraped(t, all, nil, service); n != 1 {
				t.Errorf("%d monitors scrape the guard, want 1", n)
			}
		})
	}
	eachHelm(t, func(t *testing.T, h helm) {
		all := chart(t, h, chartDir, guardName, values(t, "{monitor: {enabled: true}}"))
		own := every[*monitoringv1.ServiceMonitor](all)[0]
		if n := scraped(t, all, nil, own); n != 1 {
			t.Errorf("the chart's monitor scrapes %d guards, want 1", n)
		}
		if diff := cmp.Diff(service.Spec.Endpoints, own.Spec.Endpoints); diff != "" {
			t.Errorf("the chart's endpoints (- file, + chart):\n%s", diff)
		}
		all = chart(t, h, shop(t), "shop", map[string]any{"jwtguard": values(t, "{mode: sidecar, monitor: {enabled: true}}")})
		ownPod := every[*monitoringv1.PodMonitor](all)[0]
		if n := scraped(t, all, ownPod, nil); n != 1 {
			t.Errorf("the chart's monitor scrapes %d guards, want 1", n)
		}
		if diff := cmp.Diff(pod.Spec.PodMetricsEndpoints, ownPod.Spec.PodMetricsEndpoints); diff != "" {
			t.Errorf("the chart's endpoints (- file, + chart):\n%s", diff)
		}
	})
}

// scraped counts the workloads that a monitor finds guards of, and checks that it finds
// their port under the job that the rules look for.
func scraped(t *testing.T, all objects, pod *monitoringv1.PodMonitor, service *monitoringv1.ServiceMonitor) int {
	t.Helper()
	found := 0
	if pod != nil {
		e := pod.Spec.PodMetricsEndpoints[0]
		rulesFind(t, e.RelabelConfigs)
		for _, w := range workloads(all) {
			if guard, _ := w.container(guardName); selects(t, pod.Spec.Selector, w.template.Labels) {
				found++
				if !slices.ContainsFunc(guard.Ports, func(p corev1.ContainerPort) bool { return p.Name == *e.Port }) {
					t.Errorf("%s has no port %s", w.name, *e.Port)
				}
			}
		}
		return found
	}
	e := service.Spec.Endpoints[0]
	rulesFind(t, e.RelabelConfigs)
	for _, s := range every[*corev1.Service](all) {
		if selects(t, service.Spec.Selector, s.Labels) {
			found++
			if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == e.Port }) {
				t.Errorf("Service %s has no port %s", s.Name, e.Port)
			}
		}
	}
	return found
}

func selects(t *testing.T, s metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(of))
}

// rulesFind: deploy/prometheus/rules.yaml looks for the job jwtguard.
func rulesFind(t *testing.T, relabelings []monitoringv1.RelabelConfig) {
	t.Helper()
	if !slices.ContainsFunc(relabelings, func(r monitoringv1.RelabelConfig) bool {
		return r.TargetLabel == "job" && r.Replacement != nil && *r.Replacement == guardName
	}) {
		t.Error("the job is not called jwtguard")
	}
}
