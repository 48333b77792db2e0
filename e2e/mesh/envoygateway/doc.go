// Package envoygateway tries the manifests under deploy/envoy-gateway with Envoy
// Gateway's own code: its types decode them strictly, the schemas of its custom
// resources judge them, its patching makes the pods, and its translator (egctl) turns
// them into Envoy configuration, which a real Envoy runs with the real guard behind it.
//
// What is elsewhere on one machine is put there, and what Envoy would ask the control
// plane for is written into its bootstrap: static_test.go does both, and says how. All
// else is what Envoy Gateway would send.
//
// It has tests alone, which run in the checkout's folder (TestMain).
package envoygateway
