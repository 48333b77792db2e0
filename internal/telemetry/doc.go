// Package telemetry turns what happens in the guard into something that people
// and their tools can see: metrics, spans, and log events for the lives of keys,
// for fetches and for refused requests.
//
// Every decision is counted, exactly once, under the key that it is about;
// attribution never depends on sampling. Counters are plain atomics that a
// scrape reads, so that a decision waits for nobody. Labels come from closed sets:
// names that the configuration or an issuer's key set holds, and closed words.
// What a client invents is [other].
//
// No token, signature, subject or other claim value goes into any of it.
package telemetry
