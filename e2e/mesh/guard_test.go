package mesh

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	// guardName is what the guard's container is called everywhere: commands in the
	// docs name it.
	guardName = "jwtguard"
	// stopWithin is how long a guard may take besides its drain: 2 s to write what it
	// knows of the use of keys, 5 s for the checks under way.
	stopWithin = 7 * time.Second
)

// guardConfig is what in the guard's configuration has to agree with its pod.
type guardConfig struct {
	Listen struct {
		GRPC    any    `json:"grpc"` // an address, or a list of addresses and policies
		Admin   string `json:"admin"`
		Metrics string `json:"metrics"`
		Drain   string `json:"drain"`
		TLS     struct {
			Cert     string `json:"cert"`
			Key      string `json:"key"`
			ClientCA string `json:"client_ca"`
		} `json:"tls"`
	} `json:"listen"`
	StateDir string `json:"state_dir"`
}

// grpc are the addresses of listen.grpc.
func (c guardConfig) grpc() []string {
	list, ok := c.Listen.GRPC.([]any)
	if !ok {
		return []string{fmt.Sprint(c.Listen.GRPC)}
	}
	var addresses []string
	for _, item := range list {
		addresses = append(addresses, fmt.Sprint(item.(map[string]any)["address"]))
	}
	return addresses
}

// guardFile is the path of the configuration in the container, by its arguments.
func guardFile(c corev1.Container) string {
	if i := slices.Index(c.Args, "-c"); i >= 0 && i+1 < len(c.Args) {
		return c.Args[i+1]
	}
	return ""
}

// mountOf gives the mount that a path lies in, the volume, and the rest of the path.
func (w workload) mountOf(c corev1.Container, file string) (m corev1.VolumeMount, v corev1.Volume, rest string, ok bool) {
	for _, m := range c.VolumeMounts {
		if rest, found := strings.CutPrefix(file, m.MountPath+"/"); found {
			v, _ := w.volume(m.Name)
			return m, v, rest, true
		}
	}
	return m, v, "", false
}

// textOf is the content of a file that a container finds in a ConfigMap.
func (w workload) textOf(all objects, c corev1.Container, file string) (string, bool) {
	_, v, key, ok := w.mountOf(c, file)
	if !ok || v.ConfigMap == nil {
		return "", false
	}
	for _, m := range every[*corev1.ConfigMap](all) {
		if m.Name == v.ConfigMap.Name {
			text, ok := m.Data[key]
			return text, ok
		}
	}
	return "", false
}

// misplaced lists where the guard's configuration and its pod do not agree, and what a
// guard must not be given.
func (w workload) misplaced(all objects) []string {
	var found []string
	say := func(format string, args ...any) {
		found = append(found, w.name+": "+fmt.Sprintf(format, args...))
	}
	guard, ok := w.container(guardName)
	if !ok {
		return []string{w.name + ": there is no container " + guardName}
	}
	text, ok := w.textOf(all, guard, guardFile(guard))
	if !ok {
		return []string{fmt.Sprintf("%s: no ConfigMap has the file %s", w.name, guardFile(guard))}
	}
	var c guardConfig
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return []string{w.name + ": " + err.Error()}
	}

	ports := map[string]int32{}
	for _, p := range guard.Ports {
		ports[fmt.Sprintf(":%d", p.ContainerPort)] = p.ContainerPort
	}
	listening := map[string]bool{c.Listen.Metrics: true}
	for _, address := range c.grpc() {
		listening[address] = true
		if socket, ok := strings.CutPrefix(address, "unix://"); ok {
			found = append(found, w.socketApart(all, guard, socket)...)
		} else {
			if _, ok := ports[address]; !ok {
				say("listen.grpc %s is no port of the container", address)
			}
			found = append(found, w.unencrypted(guard, c)...)
		}
	}
	if _, ok := ports[c.Listen.Metrics]; !ok {
		say("listen.metrics %s is no port of the container", c.Listen.Metrics)
	}
	for address, port := range ports {
		if !listening[address] {
			say("the container has a port %d, and the guard does not listen there", port)
		}
	}
	for what, probe := range map[string]*corev1.Probe{"/healthz": guard.LivenessProbe, "/readyz": guard.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != what || portOf(guard, probe.HTTPGet.Port.StrVal) != c.Listen.Metrics {
			say("no probe asks listen.metrics for %s", what)
		}
	}

	admin, ok := strings.CutPrefix(c.Listen.Admin, "unix://")
	if m, v, _, in := w.mountOf(guard, admin); !ok || !in || v.EmptyDir == nil {
		say("listen.admin %s is no socket in an emptyDir", c.Listen.Admin)
	} else if others := w.sharing(m.Name); len(others) > 1 {
		say("the admin socket is shared with %v", others)
	}
	if m, v, rest, in := w.mountOf(guard, c.StateDir); !in || m.ReadOnly || v.EmptyDir == nil && v.PersistentVolumeClaim == nil {
		say("state_dir %s is in no volume that can be written to", c.StateDir)
	} else if rest == "" {
		say("state_dir %s is the volume itself, which is its group's", c.StateDir)
	}

	drain, err := time.ParseDuration(c.Listen.Drain)
	if err != nil {
		say("listen.drain: %v", err)
	}
	if grace := time.Duration(*w.template.Spec.TerminationGracePeriodSeconds) * time.Second; grace < w.preStop()+drain+stopWithin {
		say("terminationGracePeriodSeconds: %v are less than preStop, drain and stop take: %v, %v and %v", grace, w.preStop(), drain, stopWithin)
	}
	return append(found, w.overdone(guard)...)
}

// portOf is the address of a named port, as the configuration writes it.
func portOf(c corev1.Container, name string) string {
	for _, p := range c.Ports {
		if p.Name == name {
			return fmt.Sprintf(":%d", p.ContainerPort)
		}
	}
	return ""
}

// preStop is the longest that a container waits before it is told to stop.
func (w workload) preStop() time.Duration {
	var longest time.Duration
	for _, c := range w.containers() {
		if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
			longest = max(longest, time.Duration(c.Lifecycle.PreStop.Sleep.Seconds)*time.Second)
		}
	}
	return longest
}

// sharing are the containers that mount a volume.
func (w workload) sharing(volume string) []string {
	var names []string
	for _, c := range w.containers() {
		if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// socketApart lists why Envoy does not reach the guard's socket.
func (w workload) socketApart(all objects, guard corev1.Container, socket string) []string {
	m, v, _, ok := w.mountOf(guard, socket)
	if !ok || v.EmptyDir == nil || m.ReadOnly {
		return []string{fmt.Sprintf("%s: listen.grpc %s is in no emptyDir", w.name, socket)}
	}
	var found []string
	if got := w.sharing(m.Name); !slices.Equal(got, []string{guardName, "envoy"}) {
		found = append(found, fmt.Sprintf("%s: the socket's volume is mounted by %v, not by the guard and Envoy", w.name, got))
	}
	envoy, _ := w.container("envoy")
	if !slices.ContainsFunc(envoy.VolumeMounts, func(e corev1.VolumeMount) bool { return e.Name == m.Name && e.MountPath == m.MountPath }) {
		found = append(found, fmt.Sprintf("%s: Envoy does not have the socket's folder at %s", w.name, m.MountPath))
	}
	i := slices.Index(envoy.Args, "-c")
	if text, _ := w.textOf(all, envoy, envoy.Args[i+1]); !strings.Contains(text, "pipe: { path: "+socket+" }") {
		found = append(found, fmt.Sprintf("%s: Envoy's configuration does not name the socket %s", w.name, socket))
	}
	if w.template.Spec.SecurityContext.FSGroup == nil {
		found = append(found, w.name+": without an fsGroup Envoy, another user, may not open the socket")
	}
	if len(w.template.Spec.InitContainers) == 0 || w.template.Spec.InitContainers[0].Name != guardName {
		found = append(found, w.name+": the guard is not the first to start, and so not the last to stop")
	}
	if guard.RestartPolicy == nil || *guard.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		found = append(found, w.name+": an init container without restartPolicy Always has to end before Envoy starts")
	}
	return found
}

// unencrypted lists what lacks for mutual TLS.
func (w workload) unencrypted(guard corev1.Container, c guardConfig) []string {
	var found []string
	for _, file := range []string{c.Listen.TLS.Cert, c.Listen.TLS.Key, c.Listen.TLS.ClientCA} {
		_, v, key, ok := w.mountOf(guard, file)
		switch {
		case !ok || v.Secret == nil:
			found = append(found, fmt.Sprintf("%s: %q of listen.tls is in no Secret", w.name, file))
		case !slices.Contains([]string{"tls.crt", "tls.key", "ca.crt"}, key):
			found = append(found, fmt.Sprintf("%s: a Secret of type kubernetes.io/tls has no %s", w.name, key))
		case v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440:
			found = append(found, fmt.Sprintf("%s: the mode of %s is not 0440", w.name, v.Name))
		}
	}
	return found
}

// overdone lists rights and resources that a guard should not have.
func (w workload) overdone(guard corev1.Container) []string {
	var found []string
	say := func(what string) { found = append(found, w.name+": "+what) }
	if !strings.Contains(guard.Image, "@sha256:") {
		say("the image has no digest")
	}
	for _, c := range w.containers() {
		if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			say("the root file system of " + c.Name + " can be written to")
		}
	}
	if a := w.template.Spec.AutomountServiceAccountToken; a == nil || *a {
		say("pods get a service account token")
	}
	if w.template.Spec.InitContainers != nil && !slices.ContainsFunc(guard.VolumeMounts, func(m corev1.VolumeMount) bool {
		return m.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount"
	}) {
		say("where the pod has a service account token, the guard has it too")
	}
	r := guard.Resources
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() {
		say("the guard lacks a request or the limit of memory")
	}
	if !r.Limits.Cpu().IsZero() {
		say("a limit of CPU throttles the guard amid checks")
	}
	return found
}
