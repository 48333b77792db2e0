// Package e2e tests the guard through real Envoy, with the configuration that
// is shipped in deploy/envoy.
package e2e
