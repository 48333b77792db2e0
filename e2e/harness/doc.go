// Package harness starts the real parts for the end-to-end tests, the
// benchmark and the demo: Envoy with the configuration that is shipped, the
// jwtguard binary, an upstream that tells what reached it, and clients that
// may send what a well-behaved client would not.
//
// Everything it starts is stopped by its Stop, and killed by the kernel (on
// Linux) if the process that started it dies first.
package harness
