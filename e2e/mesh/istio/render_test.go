package istio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/operator/pkg/helm"
	"istio.io/istio/operator/pkg/values"
	"istio.io/istio/pkg/config/mesh"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// The folder and the files that are tried.
const (
	folder       = "deploy/istio"
	istiodValues = folder + "/istiod-values.yaml"
)

// kustomize renders a folder as `kubectl kustomize` does.
func kustomize(t testing.TB, dir string) string {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inNamespace puts the manifests of a file into a namespace, as `kubectl apply -n` does.
func inNamespace(t testing.TB, namespace, file string) string {
	t.Helper()
	var text strings.Builder
	for _, o := range documents(t, harnesstest.ReadFile(t, file)) {
		o.SetNamespace(namespace)
		text.WriteString(manifest(t, o))
	}
	return text.String()
}

// documents reads the manifests of a text; a field that stands there twice is an error.
func documents(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for reader := kubeyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		text, err := yaml.YAMLToJSONStrict(document)
		if err == nil {
			err = json.Unmarshal(text, &o.Object) // whole numbers stay so
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

func manifest(t testing.TB, o *unstructured.Unstructured) string {
	t.Helper()
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return "---\n" + string(text)
}

// split tells Kubernetes' own manifests from Istio's.
func split(t testing.TB, text string) (kubernetes, istio string) {
	t.Helper()
	var k, i bytes.Buffer
	for _, o := range documents(t, text) {
		if strings.HasSuffix(o.GroupVersionKind().Group, "istio.io") {
			i.WriteString(manifest(t, o))
		} else {
			k.WriteString(manifest(t, o))
		}
	}
	return k.String(), i.String()
}

// istiod is Istio's chart of the control plane with the values that are shipped.
func istiod(t testing.TB) string {
	return chart(t, "istiod", "istio-system", "istio-control/istio-discovery", istiodValues)
}

// configMap gives the data of a ConfigMap.
func configMap(t testing.TB, manifests, name string) map[string]string {
	t.Helper()
	for _, o := range documents(t, manifests) {
		if o.GetKind() == "ConfigMap" && o.GetName() == name {
			data, _, err := unstructured.NestedStringMap(o.Object, "data")
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
	t.Fatalf("there is no ConfigMap %s", name)
	return nil
}

// meshConfig is what istiod reads where the chart has installed it.
func meshConfig(t testing.TB) *meshconfig.MeshConfig {
	t.Helper()
	m, err := mesh.ApplyMeshConfigDefaults(configMap(t, istiod(t), "istio")["mesh"])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chart renders one of Istio's charts with the values of a file.
func chart(t testing.TB, release, namespace, name, file string) string {
	t.Helper()
	v := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(harnesstest.ReadFile(t, file)), &v); err != nil {
		t.Fatal(err)
	}
	rendered, warnings, err := helm.Render(release, namespace, name, values.Map{"spec": map[string]any{"values": v}}, nil)
	if err != nil || warnings.ToError() != nil {
		t.Fatal(err, warnings.ToError())
	}
	var text strings.Builder
	for _, m := range rendered {
		text.WriteString("---\n" + m.Content + "\n")
	}
	return text.String()
}
