package mesh

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// brokenLinks lists where one manifest names what another one does not have: labels
// that nothing bears, ports, volumes and files that are not there. The API server takes
// such manifests as they are.
func brokenLinks(all objects) []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	pods := workloads(all)

	// selected gives the workloads whose pods a selector chooses.
	selected := func(what string, s *metav1.LabelSelector) []workload {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil || selector.Empty() {
			say("%s: selects no labels", what)
			return nil
		}
		chosen := slices.DeleteFunc(slices.Clone(pods), func(w workload) bool {
			return !selector.Matches(labels.Set(w.template.Labels))
		})
		if len(chosen) == 0 {
			say("%s: no pod has the labels %s", what, selector)
		}
		return chosen
	}
	// target checks that the pods have a port, by name or number.
	target := func(what string, chosen []workload, port intstr.IntOrString) {
		for _, w := range chosen {
			if !slices.ContainsFunc(w.containers(), func(c corev1.Container) bool { return hasPort(c, port) }) {
				say("%s: %s has no port %s", what, w.name, port.String())
			}
		}
	}

	for _, s := range every[*corev1.Service](all) {
		what := "Service " + s.Name
		chosen := selected(what, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		for _, p := range s.Spec.Ports {
			target(what, chosen, p.TargetPort)
		}
	}
	for _, b := range every[*policyv1.PodDisruptionBudget](all) {
		selected("PodDisruptionBudget "+b.Name, b.Spec.Selector)
	}
	for _, n := range every[*networkingv1.NetworkPolicy](all) {
		what := "NetworkPolicy " + n.Name
		chosen := selected(what, &n.Spec.PodSelector)
		for _, rule := range n.Spec.Ingress {
			if len(rule.Ports) == 0 {
				say("%s: a rule lets in to every port", what)
			}
			for _, p := range rule.Ports {
				target(what, chosen, *p.Port)
			}
		}
	}
	for _, w := range pods {
		if own := selected(w.name, w.selector); !slices.ContainsFunc(own, func(o workload) bool { return o.name == w.name }) {
			say("%s: does not select its own pods", w.name)
		}
		for _, spread := range w.template.Spec.TopologySpreadConstraints {
			selected(w.name+": topologySpreadConstraints", spread.LabelSelector)
		}
		for _, c := range w.containers() {
			found = append(found, w.brokenContainer(c)...)
		}
		found = append(found, w.brokenVolumes(all)...)
	}
	return found
}

// brokenContainer looks at what a container says of itself.
func (w workload) brokenContainer(c corev1.Container) []string {
	var found []string
	say := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: container %s: %s", w.name, c.Name, fmt.Sprintf(format, args...)))
	}
	for name, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		switch {
		case probe == nil:
		case probe.HTTPGet != nil && !hasPort(c, probe.HTTPGet.Port):
			say("%s probe: there is no port %s", name, probe.HTTPGet.Port.String())
		case probe.TCPSocket != nil && !hasPort(c, probe.TCPSocket.Port):
			say("%s probe: there is no port %s", name, probe.TCPSocket.Port.String())
		}
	}
	paths := map[string]bool{}
	for _, m := range c.VolumeMounts {
		if _, ok := w.volume(m.Name); !ok {
			say("there is no volume %s", m.Name)
		}
		if m.SubPath != "" || m.SubPathExpr != "" {
			say("%s is mounted by subPath, and would not change with its source", m.MountPath)
		}
		if paths[m.MountPath] {
			say("%s is mounted twice", m.MountPath)
		}
		paths[m.MountPath] = true
	}
	return found
}

// brokenVolumes looks for what the volumes are made of.
func (w workload) brokenVolumes(all objects) []string {
	var found []string
	for _, v := range w.template.Spec.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		if !slices.ContainsFunc(every[*corev1.ConfigMap](all), func(m *corev1.ConfigMap) bool { return m.Name == v.ConfigMap.Name }) {
			found = append(found, fmt.Sprintf("%s: volume %s: there is no ConfigMap %s", w.name, v.Name, v.ConfigMap.Name))
		}
	}
	return found
}

// volume gives a volume of the pod, or a claim that becomes one.
func (w workload) volume(name string) (corev1.Volume, bool) {
	for _, v := range w.template.Spec.Volumes {
		if v.Name == name {
			return v, true
		}
	}
	for _, c := range w.claims {
		if c.Name == name {
			return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}}, true
		}
	}
	return corev1.Volume{}, false
}

func hasPort(c corev1.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
		if port.Type == intstr.String {
			return p.Name == port.StrVal
		}
		return p.ContainerPort == port.IntVal
	})
}
