package istio

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// A provider's name ends in the policy that its listener has, whichever way it is
// reached: provider → host and port → socket or container → listener.
func TestEachProviderReachesTheListenerOfItsPolicy(t *testing.T) {
	var names []string
	for _, p := range meshConfig(t).ExtensionProviders {
		grpc := p.GetEnvoyExtAuthzGrpc()
		if grpc == nil {
			continue
		}
		names = append(names, p.Name)
		policy := p.Name[strings.LastIndex(p.Name, "-")+1:]
		switch service := grpc.Service; {
		case strings.HasSuffix(service, ".svc.cluster.local"):
			address := sharedListener(t, service, grpc.Port)
			if got := listeners(t, folder+"/shared/jwtguard.yaml")[address]; got != policy {
				t.Errorf("%s reaches %s, whose policy is %q", p.Name, address, got)
			}
		default:
			address := "unix://" + socket(t, service, grpc.Port)
			for _, way := range []string{"gateway", "sidecar"} {
				if got := listeners(t, folder+"/"+way+"/jwtguard.yaml")[address]; got != policy {
					t.Errorf("%s reaches %s, whose policy is %q in %s", p.Name, address, got, way)
				}
			}
		}
	}
	for _, a := range names {
		for _, b := range names {
			if a != b && strings.HasPrefix(b, a) {
				t.Errorf("%s is the beginning of %s", a, b)
			}
		}
	}
	if len(names) != 4 {
		t.Errorf("providers: %v", names)
	}
}

// listeners are the policies of a guard's listeners, by address.
func listeners(t testing.TB, file string) map[string]string {
	t.Helper()
	var config struct {
		Listen struct {
			GRPC []struct{ Address, Policy string } `json:"grpc"`
		} `json:"listen"`
	}
	if err := yaml.Unmarshal([]byte(harnesstest.ReadFile(t, file)), &config); err != nil {
		t.Fatal(err)
	}
	policies := map[string]string{}
	for _, l := range config.Listen.GRPC {
		policies[l.Address] = l.Policy
	}
	return policies
}

// socket is the path that a provider's host and port stand for.
func socket(t testing.TB, service string, port uint32) string {
	t.Helper()
	for _, o := range documents(t, kustomize(t, folder+"/mesh")) {
		var entry networking.ServiceEntry
		read(t, manifest(t, o), &entry)
		if entry.Namespace+"/"+entry.Spec.Hosts[0] == service && entry.Spec.Ports[0].Number == port {
			return strings.TrimPrefix(entry.Spec.Endpoints[0].Address, "unix://")
		}
	}
	t.Errorf("mesh/ has nothing for %s:%d", service, port)
	return ""
}

// sharedListener is where the guard's sidecar passes on to what comes to a port of its
// service.
func sharedListener(t testing.TB, service string, port uint32) string {
	t.Helper()
	var target string
	var number int32
	var address string
	shared := documents(t, kustomize(t, folder+"/shared"))
	for _, o := range shared {
		var s corev1.Service
		if o.GetKind() != "Service" {
			continue
		}
		read(t, manifest(t, o), &s)
		if s.Name+"."+s.Namespace+".svc.cluster.local" != service {
			t.Errorf("%s is not the service %s.%s", service, s.Name, s.Namespace)
		}
		for _, p := range s.Spec.Ports {
			if p.Port == int32(port) {
				target = p.TargetPort.StrVal
			}
		}
	}
	for _, o := range shared {
		var s appsv1.StatefulSet
		if o.GetKind() != "StatefulSet" {
			continue
		}
		read(t, manifest(t, o), &s)
		for _, p := range container(t, s.Spec.Template.Spec, "jwtguard").Ports {
			if p.Name == target {
				number = p.ContainerPort
			}
		}
	}
	for _, o := range shared {
		var s networking.Sidecar
		if o.GetKind() != "Sidecar" {
			continue
		}
		read(t, manifest(t, o), &s)
		for _, in := range s.Spec.Ingress {
			if in.Port.Number == uint32(number) {
				address = in.DefaultEndpoint
			}
		}
	}
	if address == "" {
		t.Errorf("port %d of %s leads to %q, port %d, and no further", port, service, target, number)
	}
	return address
}

func read(t testing.TB, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}
