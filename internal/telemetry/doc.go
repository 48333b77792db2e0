// Package telemetry turns what happens in the guard into something that people
// and their tools can see: log events for the lives of keys, for fetches, and
// for refused requests.
//
// No token, signature, subject or other claim value goes into a log: only names
// that the configuration or an issuer's key set holds, and closed words.
package telemetry
