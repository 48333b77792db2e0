package istio

import (
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
)

// istioVersion is what the proxies of the tests say they are.
const istioVersion = "1.31.0"

// A plane is Istio's discovery server, fed with manifests.
type plane struct {
	*xds.FakeDiscoveryServer
	t testing.TB
}

// newPlane runs a discovery server until the test ends. Its mesh configuration is the
// one that is shipped, but for what edit changes.
func newPlane(t *testing.T, manifests string, edit func(*meshconfig.MeshConfig)) *plane {
	t.Helper()
	mesh := meshConfig(t)
	if edit != nil {
		edit(mesh)
	}
	kubernetes, istio := split(t, manifests)
	return &plane{xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		MeshConfig:             mesh,
		KubernetesObjectString: kubernetes,
		ConfigString:           istio,
	}), t}
}

// gateway is a pod of the ingress gateway that Istio's chart makes.
func (p *plane) gateway() *model.Proxy {
	return p.proxy(model.Router, "istio-ingress", "10.1.0.1", map[string]string{"istio": "ingress"})
}

// proxy tells the control plane who asks.
func (p *plane) proxy(kind model.NodeType, namespace, ip string, labels map[string]string) *model.Proxy {
	return p.SetupProxy(&model.Proxy{
		Type:            kind,
		ConfigNamespace: namespace,
		IPAddresses:     []string{ip},
		Labels:          labels,
		Metadata: &model.NodeMetadata{
			Namespace:    namespace,
			Labels:       labels,
			IstioVersion: istioVersion,
		},
	})
}
