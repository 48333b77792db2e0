// Package istio tries the manifests under deploy/istio with Istio's own code: its
// validation and its analyzers judge them, its chart and its injector make the pods,
// and its discovery server turns them into Envoy configuration, which a real Envoy
// runs with the real guard behind it.
//
// What a stock Envoy cannot load is taken out of that configuration, and what is
// elsewhere on one machine is put there: static_test.go does both, and says how. All
// else is what Istio would send.
//
// It has tests alone, which run in the checkout's folder (TestMain).
package istio
