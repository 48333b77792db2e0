package mesh

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// variants are the folders that can be applied.
var variants = []string{"gateway", "workload", "service", "service-without-volume"}

const kubernetesDir = "deploy/kubernetes"

// TestManifestsAgree: each variant decodes strictly, its parts fit each other, and the
// guard's and Envoy's configuration in it fit the pods.
func TestManifestsAgree(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			for _, complaint := range complaints(mustDecode(t, kustomize(t, filepath.Join(kubernetesDir, variant)))) {
				t.Error(complaint)
			}
		})
	}
}

// complaints is all that can be wrong with one rendering.
func complaints(all objects) []string {
	found := brokenLinks(all)
	for _, w := range workloads(all) {
		found = append(found, w.misplaced(all)...)
		found = append(found, unrestricted(w)...)
	}
	return found
}

// unrestricted is what Kubernetes' own judgement of the pod security standard
// "restricted" has against a pod, by the rules of the newest version.
func unrestricted(w workload) []string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	level := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &w.template.ObjectMeta, &w.template.Spec))
	if result.Allowed {
		return nil
	}
	return []string{w.name + ": not restricted: " + result.ForbiddenDetail()}
}

// TestManifestsThatDisagreeAreFound changes one thing of the manifests at a time, as a
// hasty edit would, and expects the complaint about it.
func TestManifestsThatDisagreeAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		file, from, to string
		variant, says  string
	}{
		"metrics port of the configuration": {
			"sidecar/jwtguard.yaml", `metrics: ":9193"`, `metrics: ":9194"`, "gateway", "listen.metrics :9194 is no port of the container"},
		"metrics port of the container": {
			"service/statefulset.yaml", "containerPort: 9193", "containerPort: 9194", "service", "port 9194, and the guard does not listen there"},
		"gRPC port": {
			"service/jwtguard.yaml", `grpc: ":9191"`, `grpc: ":9195"`, "service", "listen.grpc :9195 is no port of the container"},
		"target of the service": {
			"service/services.yaml", "targetPort: guard-metrics", "targetPort: metrics", "service", "Service jwtguard-pods: StatefulSet jwtguard has no port metrics"},
		"port of the network policy": {
			"gateway/networkpolicy.yaml", "{ port: guard-metrics, protocol: TCP }", "{ port: metrics, protocol: TCP }", "gateway", "NetworkPolicy gateway: Deployment gateway has no port metrics"},
		"labels of the network policy": {
			"workload/networkpolicy.yaml", "app.kubernetes.io/name: workload", "app.kubernetes.io/name: other", "workload", "NetworkPolicy workload: no pod has the labels"},
		"probed port": {
			"sidecar/patch.yaml", "{ path: /readyz, port: guard-metrics }", "{ path: /readyz, port: metrics }", "gateway", "readiness probe: there is no port metrics"},
		"probed path": {
			"service/statefulset.yaml", "path: /readyz", "path: /ready", "service", "no probe asks listen.metrics for /readyz"},
		"socket of the guard": {
			"sidecar/jwtguard.yaml", "grpc: unix:///run/jwtguard/authz.sock", "grpc: unix:///run/jwtguard/other.sock", "workload", "does not name the socket /run/jwtguard/other.sock"},
		"socket of Envoy": {
			"gateway/envoy.yaml", "path: /run/jwtguard/authz.sock }", "path: /run/other/authz.sock }", "gateway", "does not name the socket /run/jwtguard/authz.sock"},
		"folder of the socket": {
			"sidecar/patch.yaml", "- { name: jwtguard-socket, mountPath: /run/jwtguard }\n      volumes", "- { name: jwtguard-socket, mountPath: /run/guard }\n      volumes", "gateway", "Envoy does not have the socket's folder at /run/jwtguard"},
		"key of the ConfigMap": {
			"service/kustomization.yaml", "files: [jwtguard.yaml]", "files: [guard.yaml=jwtguard.yaml]", "service", "no ConfigMap has the file /etc/jwtguard/jwtguard.yaml"},
		"name of the ConfigMap": {
			"sidecar/kustomization.yaml", "- name: jwtguard\n  files", "- name: guard\n  files", "gateway", "there is no ConfigMap jwtguard"},
		"file of the arguments": {
			"sidecar/patch.yaml", "/etc/jwtguard/jwtguard.yaml, --log-format", "/etc/jwtguard/config.yaml, --log-format", "workload", "no ConfigMap has the file /etc/jwtguard/config.yaml"},
		"single file mounted": {
			"sidecar/patch.yaml", "mountPath: /etc/jwtguard, readOnly: true", "mountPath: /etc/jwtguard/jwtguard.yaml, subPath: jwtguard.yaml, readOnly: true", "gateway", "mounted by subPath"},
		"state on the root file system": {
			"service/jwtguard.yaml", "state_dir: /var/lib/jwtguard/state", "state_dir: /var/lib/guard/state", "service", "state_dir /var/lib/guard/state is in no volume"},
		"admin over the network": {
			"service/jwtguard.yaml", "admin: unix:///run/jwtguard-admin/admin.sock", `admin: ":9192"`, "service", "listen.admin :9192 is no socket in an emptyDir"},
		"admin shared with Envoy": {
			"sidecar/jwtguard.yaml", "admin: unix:///run/jwtguard-admin/", "admin: unix:///run/jwtguard/", "gateway", "the admin socket is shared with [jwtguard envoy]"},
		"no TLS": {
			"service/jwtguard.yaml", "client_ca: /etc/jwtguard-tls/ca.crt", `client_ca: ""`, "service", "of listen.tls is in no Secret"},
		"no time to stop": {
			"service/jwtguard.yaml", "drain: 15s", "drain: 25s", "service", "terminationGracePeriodSeconds"},
		"no group for the socket": {
			"gateway/gateway.yaml", "fsGroup: 65532", "runAsGroup: 65532", "gateway", "without an fsGroup"},
		"guard that ends at once": {
			"sidecar/patch.yaml", "        restartPolicy: Always\n", "", "gateway", "without restartPolicy Always"},
		"token": {
			"workload/workload.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "workload", "pods get a service account token"},
		"limit of CPU": {
			"service/statefulset.yaml", "limits: { memory: 192Mi }", "limits: { memory: 192Mi, cpu: 1 }", "service", "throttles"},
		"capabilities": {
			"sidecar/patch.yaml", "capabilities: { drop: [ALL] }", "capabilities: {}", "gateway", `not restricted: unrestricted capabilities (container "jwtguard" must set`},
		"seccomp": {
			"gateway/gateway.yaml", "seccompProfile: { type: RuntimeDefault }", "seccompProfile: { type: Unconfined }", "gateway", "not restricted: seccompProfile"},
		"writable root": {
			"workload/workload.yaml", "runAsUser: 65533\n          runAsGroup: 65533\n          allowPrivilegeEscalation: false\n          readOnlyRootFilesystem: true", "runAsUser: 65533\n          allowPrivilegeEscalation: false", "workload", "the root file system of your-service can be written to"},
		"a tag": {
			"sidecar/kustomization.yaml", "digest: sha256:0000000000000000000000000000000000000000000000000000000000000000", "newTag: latest", "gateway", "the image has no digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := edited(t, c.file, c.from, c.to)
			found := complaints(mustDecode(t, kustomize(t, filepath.Join(copied, c.variant))))
			if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, c.says) }) {
				t.Errorf("no complaint says %q; there are:\n%s", c.says, strings.Join(found, "\n"))
			}
		})
	}
}

// TestStrictDecodingNamesTheField: what an API server would drop or overwrite in
// silence is an error here.
func TestStrictDecodingNamesTheField(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"unknown field": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndate: {}\n", `unknown field "date"`},
		"twice":         {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n", `key "name" already set`},
		"unknown kind":  {"apiVersion: v1\nkind: Configmap\nmetadata: {name: a}\n", `no kind "Configmap" is registered`},
		"old version":   {"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n", "policy/v1beta1"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decode([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %s", err, c.says)
			}
		})
	}
}

// TestWithoutVolumeDiffersInItsVolumeAlone holds the variant against the one it is made of.
func TestWithoutVolumeDiffersInItsVolumeAlone(t *testing.T) {
	with := string(kustomize(t, filepath.Join(kubernetesDir, "service")))
	without := string(kustomize(t, filepath.Join(kubernetesDir, "service-without-volume")))
	with, claims, ok := strings.Cut(with, "  volumeClaimTemplates:\n")
	if !ok {
		t.Fatal("the service has no volumeClaimTemplates")
	}
	_, rest, _ := strings.Cut(claims, "\n---\n")
	want := with + "      - emptyDir:\n          sizeLimit: 1Gi\n        name: jwtguard-state\n---\n" + rest
	if diff := diffText(want, without); diff != "" {
		t.Errorf("- expected, + rendered:\n%s", diff)
	}
}

// edited copies the folder of manifests and changes a text that stands in one of its
// files, once at least.
func edited(t testing.TB, file, from, to string) string {
	t.Helper()
	copied := openDir(t)
	if err := os.CopyFS(copied, os.DirFS(kubernetesDir)); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(copied, file)
	text := harnesstest.ReadFile(t, file)
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not hold %q", file, from)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, from, to)), 0o644); err != nil {
		t.Fatal(err)
	}
	return copied
}
