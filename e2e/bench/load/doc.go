// Package load is an HTTP/2 client that makes load and measures answers, and does
// as little as it can besides: requests are frames made beforehand, in which only
// the stream's number is written anew, and of an answer no more is read than tells
// an allow from anything else. Where client and server share a machine, each
// microsecond of the client's is one that the server lacks, and hides differences
// between servers; a client of grpc-go does as much work for a request as the
// server. h2load has one body for all its requests, which none that is cold can do
// with, and does not look into the answers: it would count a deny as fast.
package load
