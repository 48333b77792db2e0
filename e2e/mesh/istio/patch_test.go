package istio

import (
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"istio.io/istio/pilot/test/xdstest"
)

// A merge that leaves a setting out would do so in silence.
func TestThePatchReachesTheGuardsFilter(t *testing.T) {
	gateway, sidecar := newPlane(t, shippedGateway(t), nil), newPlane(t, shippedWorkload(t), nil)
	listener := xdstest.ExtractListener("0.0.0.0_80", gateway.Listeners(gateway.gateway()))
	for name, text := range map[string]string{
		"gateway": protojson.Format(listener),
		"sidecar": protojson.Format(sidecar.plaintext(sidecar.workload(nil), "0.0.0.0_8080", true)),
	} {
		guards := strings.Count(text, `ext_authz.v3.ExtAuthz"`)
		for _, setting := range []string{
			`"validateMutations":\s*true`, `"encodeRawHeaders":\s*true`, `"decoderHeaderMutationRules":\s*\{`,
		} {
			if n := len(regexp.MustCompile(setting).FindAllString(text, -1)); guards == 0 || n < guards {
				t.Errorf("%s: %d filters ask a guard, and %s stands there %d times", name, guards, setting, n)
			}
		}
	}
}
