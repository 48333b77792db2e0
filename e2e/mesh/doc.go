// Package mesh tries the manifests under deploy/ with the code of those that read
// them: kustomize and Helm render them, Kubernetes' types decode them strictly, its API
// server's validation and its pod security standard judge them, and the real guard and
// Envoy run what their ConfigMaps hold, in folders that stand for the volumes of a pod.
//
// It has tests alone, which run in the checkout's folder (TestMain).
package mesh
