package jwkscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const inHandshake = "in the TLS handshake"

// httpProgress follows a request, so that a failure can say how far it came. Its
// hooks may still run in the background after the request is over.
type httpProgress struct{ now atomic.Value }

// watch gives a context whose request reports to p.
func (p *httpProgress) watch(ctx context.Context) context.Context {
	p.now.Store("connecting")
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { p.now.Store("looking up the host's address") },
		ConnectStart:         func(string, string) { p.now.Store("connecting") },
		TLSHandshakeStart:    func() { p.now.Store(inHandshake) },
		GotConn:              func(httptrace.GotConnInfo) { p.now.Store("sending the request") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { p.now.Store("waiting for the answer") },
		GotFirstResponseByte: func() { p.now.Store("reading the answer's headers") },
	})
}

func (p *httpProgress) stage() string { return p.now.Load().(string) }

// failure classifies the error of a request that came as far as stage.
func (c *httpClient) failure(ctx context.Context, place, stage string, err error) *FetchError {
	var timed net.Error
	var refused *refusedError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return failedFetch(ResultNetwork, place, context.Canceled, "given up while %s", stage)
	case ctx.Err() != nil, errors.As(err, &timed) && timed.Timeout():
		return failedFetch(ResultTimeout, place, err, "timed out while %s (jwks.timeout is %s for the whole fetch)", stage, c.timeout)
	case errors.As(err, &refused):
		return failedFetch(ResultNetwork, place, err, "%v", refused)
	case isTLS(err, stage):
		return failedFetch(ResultTLS, place, err, "%s", c.explainTLS(err))
	}

	// net/http gives these no types. The first two repeat foreign bytes.
	var protocol textproto.ProtocolError
	text := err.Error()
	switch {
	case errors.As(err, &protocol), strings.Contains(text, "malformed HTTP"):
		return failedFetch(ResultMalformed, place, err, "the answer is not HTTP")
	case strings.Contains(text, "response headers exceeded"):
		return failedFetch(ResultTooLarge, place, err, "the answer's headers have more than %d bytes", maxHeader)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failedFetch(ResultNetwork, place, err, "the connection was closed while %s", stage)
	}
	return failedFetch(ResultNetwork, place, err, "%s: %s", stage, printable(text, maxPlace))
}

// isTLS tells whether the two sides could not agree who they are. A connection
// that merely broke during the handshake is a matter of the network.
func isTLS(err error, stage string) bool {
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	var broken syscall.Errno
	switch {
	case errors.As(err, &cert):
		return true
	case errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return true // a TLS alert; some arrive only after the handshake (RFC 8446, section 4.4.2.4)
	}
	return stage == inHandshake
}

// explainTLS says what is wrong with the server's proof, and what to do.
func (c *httpClient) explainTLS(err error) string {
	var authority x509.UnknownAuthorityError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority) && c.caFile == "":
		return "the certificate is signed by a CA that the system does not know; if it is your own, name it in jwks.ca_file"
	case errors.As(err, &authority):
		return "the certificate is not signed by a CA in jwks.ca_file, " + printable(c.caFile, maxPlace)
	case errors.As(err, &cert):
		return "the certificate is refused: " + printable(strings.TrimPrefix(cert.Err.Error(), "x509: "), maxPlace)
	case errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		return "the server speaks plain http on this port"
	case errors.As(err, &op) && op.Op == "remote error":
		return "the server refused us: " + printable(op.Err.Error(), maxPlace)
	}
	return printable(err.Error(), maxPlace)
}

// statusError is the error of an answer that is neither 200 nor a 304 that was
// asked for. None of them says that keys were withdrawn: not even 404 or 410.
func statusError(place string, u *url.URL, resp *http.Response) *FetchError {
	wait := retryAfterOf(resp.Header, time.Now())
	advice := ""
	switch code := resp.StatusCode; {
	case code == http.StatusNotModified:
		advice = ", although the whole document was asked for"
	case code >= 200 && code < 300:
		advice = "; only 200 is a complete answer of the issuer itself"
	case code >= 300 && code < 400:
		advice = "; redirects are not followed" + pointsTo(u, resp)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		advice = "; a key set must be readable without credentials"
	case code == http.StatusNotFound || code == http.StatusGone:
		advice = "; check the address (keys are not withdrawn by this)"
	}
	if wait > 0 {
		advice += fmt.Sprintf("; it asks to wait %s", wait)
	}
	reason := http.StatusText(resp.StatusCode)
	if reason != "" {
		reason = " " + reason
	}
	e := failedFetch(ResultHTTPStatus, place, nil, "answered %d%s%s", resp.StatusCode, reason, advice)
	e.Status, e.RetryAfter = resp.StatusCode, wait
	return e
}

// pointsTo names the host, and only that, to which a redirect leads.
func pointsTo(u *url.URL, resp *http.Response) string {
	location := resp.Header.Get("Location")
	target, err := u.Parse(location)
	if location == "" || err != nil || target.Host == "" {
		return ""
	}
	return fmt.Sprintf(", and this one leads to %s://%s; configure the final address",
		printable(target.Scheme, maxHint), printable(target.Host, maxHint))
}
