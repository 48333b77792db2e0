package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
)

const (
	// maxAdminHeader bounds what the admin and metrics listeners read of a
	// request that nobody has authorised yet; net/http adds 4 KiB. Probes and
	// scrapers send some hundred bytes, and an operator token fits in, too.
	maxAdminHeader = 4 << 10
	// headerTimeout bounds how long a request's header may take. A client in the
	// same network needs one packet for it; 3 s allow for one that is lost twice.
	headerTimeout = 3 * time.Second
	// adminTimeout bounds a request to these listeners, from either side, and the
	// time between two: kubelets ask each 10 s on a new connection, and scrapers
	// that ask each 15 s or later do as well with one.
	adminTimeout = 10 * time.Second
	// firstKeysWithin is how long the first checks wait, in the listener's queue,
	// for the first keys. A guard that answered them at once would refuse good
	// tokens at each restart; one that waited for an issuer that is down would
	// answer nothing. Our Envoy configuration lets a check wait for 2 s.
	firstKeysWithin = 1500 * time.Millisecond
)

// service is a guard with its listeners open.
type service struct {
	log     *slog.Logger
	config  *config.Config // that it was started with: listeners do not change
	options serveOptions
	guard   *guard
	health  *health.Server
	secure  *certificates // nil: gRPC without TLS
	clients *clients
	grpc    []served[*grpc.Server]
	http    []served[*http.Server]
}

// served is a server with the listener that it serves.
type served[S any] struct {
	server S
	*listener
}

// serveOptions are the flags that change how a guard serves.
type serveOptions struct {
	acceptLoss     bool // damage to the ledger does not stop it
	generatedCodec bool
}

// newService reads the configuration, makes everything that can fail and opens
// every listener, so that a mistake shows before anything is answered. It serves
// nothing yet. ctx ends the wait for the state directory.
func newService(ctx context.Context, path string, o serveOptions, log *slog.Logger) (*service, error) {
	file := &configFile{path: path}
	c, err := file.load()
	if err != nil {
		return nil, err
	}
	s := &service{log: log, config: c, options: o, health: health.NewServer(), clients: newClients(log)}
	s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	state, err := openLedger(ctx, c, o.acceptLoss, log)
	if err != nil {
		return nil, err
	}
	if s.guard, err = newGuard(file, c, state, log); err != nil {
		if state != nil {
			_ = state.Release(ctx)
		}
		return nil, err
	}
	if err := s.open(); err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// open opens every listener. Sockets come into their places last: until then,
// whoever serves there is not disturbed by a start that fails.
func (s *service) open() error {
	c := s.config
	if c.Listen.TLS.Cert != "" {
		var err error
		if s.secure, err = newCertificates(c.Listen.TLS, s.log); err != nil {
			return err
		}
	}
	var opened []*listener
	for _, g := range c.Listen.GRPC {
		l, err := listen("listen.grpc", g.Address, c.Listen.SocketMode)
		if err != nil {
			return err
		}
		opened = append(opened, l)
		s.grpc = append(s.grpc, served[*grpc.Server]{s.newGRPC(g), l})
	}
	ready := s.guard.readiness
	api, err := s.guard.newAPI()
	if err != nil {
		return err
	}
	for _, h := range [...]struct {
		setting string
		address config.Address
		handler http.Handler
	}{{"listen.admin", c.Listen.Admin, api}, {"listen.metrics", c.Listen.Metrics, admin.Probes(ready.Brief(), s.guard.events.Handler())}} {
		if h.address.IsZero() {
			continue
		}
		l, err := listen(h.setting, h.address, c.Listen.SocketMode)
		if err != nil {
			return err
		}
		opened = append(opened, l)
		s.http = append(s.http, served[*http.Server]{s.newHTTP(h.handler), l})
	}
	for _, l := range opened {
		if err := l.place(); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) newHTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, MaxHeaderBytes: maxAdminHeader,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       adminTimeout, WriteTimeout: adminTimeout, IdleTimeout: adminTimeout,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: admin.ConnContext,
	}
}

// close closes listeners that were opened but are not served.
func (s *service) close() {
	s.guard.release()
	for _, g := range s.grpc {
		g.Close()
	}
	for _, h := range s.http {
		h.Close()
	}
}

// run serves until a signal ends it.
func (s *service) run(signals <-chan os.Signal) error {
	s.announce()
	background, stop := context.WithCancel(context.Background())
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { _ = s.guard.run(background) }) // it ends with background alone
	waiting, answer := context.WithTimeout(background, firstKeysWithin)
	running.Go(func() { s.followReadiness(background, answer) })
	running.Go(func() { s.guard.watch(background) })
	running.Go(func() { _ = s.guard.events.Run(background) }) // it ends with background alone
	running.Go(func() { _ = s.guard.feed.Run(background) })   // it ends with background alone
	running.Go(func() { keepHeapFloor(background) })

	broken := make(chan error, len(s.grpc)+len(s.http))
	for _, g := range s.grpc {
		running.Go(func() {
			<-waiting.Done()
			if err := g.server.Serve(&clientListener{g.listener, s.clients}); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				broken <- fmt.Errorf("%s: %w", g.listener, err)
			}
		})
	}
	for _, h := range s.http {
		running.Go(func() {
			if err := h.server.Serve(&crowdListener{Listener: h.listener, most: maxHTTPConns}); !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("%s: %w", h.listener, err)
			}
		})
	}
	err := s.wait(signals, broken, answer)
	stop()
	running.Wait()
	s.log.Info("stopped")
	return err
}

// announce says what is about to serve.
func (s *service) announce() {
	s.log.Info("starting", "version", versionText(), "issuers", len(s.config.Issuers), "policies", len(s.config.Policies))
	for _, g := range s.grpc {
		s.log.Info("listening", "what", "ext_authz", "address", g.at())
	}
	for _, h := range s.http {
		s.log.Info("listening", "what", "http", "address", h.at())
	}
	for _, f := range s.config.Lint() {
		logFinding(s.log, f)
	}
}
