package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spansPath is where a collector tells how many spans came.
const spansPath = "/spans"

// serveCollector takes OTLP over HTTP, and counts spans. It reads what it gets, as
// any collector does, and keeps nothing.
func serveCollector(address string) error {
	var spans atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		body, err := pushed(r)
		var m coltrace.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &m)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, resource := range m.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				spans.Add(int64(len(scope.Spans)))
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		if _, err := pushed(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	mux.HandleFunc("GET "+spansPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, spans.Load()) })
	s := &http.Server{Addr: address, Handler: mux}
	onStop(func() { s.Close() })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// pushed is the body of a push.
func pushed(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	return io.ReadAll(body)
}

// spansAt is how many spans a collector has.
func spansAt(ctx context.Context, address string) (int, error) {
	text, err := get(ctx, "http://"+address+spansPath)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// awaitCollector waits until one answers.
func awaitCollector(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		_, err := spansAt(ctx, address)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
}
