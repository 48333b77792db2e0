package jwkscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// Headers of real issuers, cookies and security policies included, stay
	// under 8 KiB.
	maxHeader = 64 << 10
	// The CA bundle of a Linux distribution has about 230 KiB.
	maxCAFile = 4 << 20
)

// httpClient makes single GET requests. It follows no redirects, keeps no
// connections (names and certificates are judged anew at each fetch, minutes
// apart), and never speaks anything older than TLS 1.2.
type httpClient struct {
	timeout   time.Duration
	caFile    string
	dial      dialFunc
	transport http.RoundTripper // in place of the real one; see [Source]
}

// httpReply is an answer that may be used: 200 with its body, or 304 to a
// request that asked for changes only.
type httpReply struct {
	status int
	header http.Header
	body   []byte
}

// get asks for u. header says what kind of answer is wanted; it is changed. The
// caller ends ctx when it has done with the answer: the connection lives as long.
// Errors are *[FetchError].
func (c *httpClient) get(ctx context.Context, u *url.URL, header http.Header) (*httpReply, error) {
	place := placeOf(u)
	var p httpProgress
	ctx = p.watch(ctx)
	transport, err := c.roundTripper(ctx)
	if err != nil {
		return nil, failedFetch(ResultTLS, place, err, "jwks.ca_file: %v", err)
	}
	conditional := header.Get("If-None-Match") != "" || header.Get("If-Modified-Since") != ""
	header.Set("User-Agent", "jwtguard")
	header.Set("Accept-Encoding", "identity")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failedFetch(ResultMalformed, place, err, "not an address that can be asked")
	}
	req.Header = header

	// A bare round trip: http.Client would follow redirects.
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, c.failure(ctx, place, p.stage(), err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && conditional:
		return &httpReply{status: resp.StatusCode, header: resp.Header}, nil
	case resp.StatusCode != http.StatusOK:
		return nil, statusError(place, u, resp)
	}
	if coding := encodedAs(resp.Header); coding != "" || resp.Uncompressed {
		return nil, failedFetch(ResultMalformed, place, nil, "the body is compressed (content encoding %s) although it was asked for as it is", coding)
	}
	var body []byte
	if resp.ContentLength <= maxDocument {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	}
	switch {
	case len(body) > maxDocument || resp.ContentLength > maxDocument:
		return nil, failedFetch(ResultTooLarge, place, nil, "the body has more than %d bytes (content type %s); a key set is smaller", maxDocument, contentTypeOf(resp.Header))
	case err != nil:
		return nil, c.failure(ctx, place, fmt.Sprintf("reading the body, %d bytes of it so far", len(body)), err)
	}
	return &httpReply{resp.StatusCode, resp.Header, body}, nil
}

// roundTripper makes the transport of one request, with the CA file as it is now.
func (c *httpClient) roundTripper(ctx context.Context) (http.RoundTripper, error) {
	if c.transport != nil {
		return c.transport, nil
	}
	roots, err := readRoots(c.caFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: proxyRefusal,
		// net/http lets a dial and its handshake go on after their request is
		// over, for the next one. There is none: whatever is left ends with ctx.
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := c.dial(ctx, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}, nil
}

// proxyRefusal turns a proxy's refusal to connect into an error that tells it
// from an answer of the issuer; net/http would give the bare status text.
func proxyRefusal(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("the proxy %s answered %d %s", proxy.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
}

// readRoots reads the CAs of a PEM file. Nil means the system's.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile+1))
	if err != nil {
		return nil, err
	}
	if len(pem) > maxCAFile {
		return nil, fmt.Errorf("%s: more than %d bytes; a CA file is smaller", path, maxCAFile)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: holds no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)", path)
	}
	return roots, nil
}
