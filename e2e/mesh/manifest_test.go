package mesh

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// objects are the manifests of one rendering.
type objects []runtime.Object

// decode reads manifests as an API server does that is asked to be strict: a kind that
// is not known, an unknown field and one that stands there twice are errors.
func decode(text []byte) (objects, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var all objects
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if empty(document) {
			continue
		}
		object, _, err := serializer.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		all = append(all, object)
	}
}

// empty tells whether a document holds comments alone, as what a template left out.
func empty(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

// mustDecode is decode of what has to be right.
func mustDecode(t testing.TB, text []byte) objects {
	t.Helper()
	all, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// kustomize renders a folder as `kubectl kustomize` does.
func kustomize(t testing.TB, dir string) []byte {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// every gives the objects of one type.
func every[T runtime.Object](all objects) []T {
	var found []T
	for _, o := range all {
		if o, ok := o.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// the gives the object of a type and name.
func the[T interface {
	runtime.Object
	metav1.Object
}](t testing.TB, all objects, name string) T {
	t.Helper()
	for _, o := range every[T](all) {
		if o.GetName() == name {
			return o
		}
	}
	var none T
	t.Fatalf("there is no %T %s", none, name)
	return none
}

// A workload is what makes pods.
type workload struct {
	name     string
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
}

// workloads are those of a rendering.
func workloads(all objects) []workload {
	var found []workload
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			found = append(found, workload{"Deployment " + o.Name, o.Spec.Selector, o.Spec.Template, nil})
		case *appsv1.StatefulSet:
			found = append(found, workload{"StatefulSet " + o.Name, o.Spec.Selector, o.Spec.Template, o.Spec.VolumeClaimTemplates})
		}
	}
	return found
}

// containers are all of a pod, sidecars among them.
func (w workload) containers() []corev1.Container {
	spec := w.template.Spec
	return append(spec.InitContainers[:len(spec.InitContainers):len(spec.InitContainers)], spec.Containers...)
}

// container gives the one of a name.
func (w workload) container(name string) (corev1.Container, bool) {
	for _, c := range w.containers() {
		if c.Name == name {
			return c, true
		}
	}
	return corev1.Container{}, false
}
