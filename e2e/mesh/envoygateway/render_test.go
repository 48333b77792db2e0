package envoygateway

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	gwapiv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwapiv1b1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// sidecar is what is applied for guards in the proxies' pods, with a workload's routes.
func sidecar(t testing.TB) string {
	t.Helper()
	return together(kustomize(t, folder+"/sidecar"), kustomize(t, folder+"/routes"))
}

// shared is what is applied for guards that proxies share, with the line that
// routes/payments.yaml has for it.
func shared(t testing.TB) string {
	t.Helper()
	_, line, _ := strings.Cut(harnesstest.ReadFile(t, folder+"/routes/payments.yaml"), "# With ../shared: ")
	line, _, _ = strings.Cut(line, "\n")
	const refs = "- group: gateway.envoyproxy.io\n        kind: Backend\n        name: jwtguard\n        namespace: ingress\n"
	return together(kustomize(t, folder+"/shared"), harnesstest.ReplaceOnce(t, kustomize(t, folder+"/routes"), refs, "- "+line+"\n"))
}

func together(manifests ...string) string { return strings.Join(manifests, "\n---\n") }

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

// documents are the manifests of a text, one each.
func documents(t testing.TB, text string) []string {
	t.Helper()
	var all []string
	for reader := kubeyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(document))
	}
}

// decode reads a manifest as an API server does that is asked to be strict: a kind that
// is not known, an unknown field and one that stands there twice are errors.
func decode(document string) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
		gwapiv1.Install, gwapiv1b1.Install, egv1a1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	object, _, err := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true}).Decode([]byte(document), nil, nil)
	return object, err
}

// the gives the object of a type and name.
func the[T interface {
	runtime.Object
	metav1.Object
}](t testing.TB, manifests, name string) T {
	t.Helper()
	for _, document := range documents(t, manifests) {
		object, err := decode(document)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if o, ok := object.(T); ok && o.GetName() == name {
			return o
		}
	}
	var none T
	t.Fatalf("there is no %T %s", none, name)
	return none
}

// without leaves one manifest out.
func without(t testing.TB, manifests, kind, name string) string {
	t.Helper()
	var kept []string
	all := documents(t, manifests)
	for _, document := range all {
		o, err := decode(document)
		if err != nil {
			t.Fatal(err)
		}
		if o.GetObjectKind().GroupVersionKind().Kind != kind || o.(metav1.Object).GetName() != name {
			kept = append(kept, document)
		}
	}
	if len(kept)+1 != len(all) {
		t.Fatalf("there is no %s %s, or more than one", kind, name)
	}
	return together(kept...)
}
