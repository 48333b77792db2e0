package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// finishWithin bounds the time that checks under way have after the drain.
// Envoy's own deadline for one is 2 s in our configuration.
const finishWithin = 5 * time.Second

// wait is the life of the service: it returns when everything is shut down.
// answer ends the wait for the first keys: a drain has no use for it.
func (s *service) wait(signals <-chan os.Signal, broken <-chan error, answer func()) (failure error) {
	defer s.shutDown()
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				s.guard.reload("SIGHUP")
				continue
			}
			s.log.Info("stopping", "signal", sig.String(), "drain", s.config.Listen.Drain)
			answer()
			if s.drain(signals) {
				s.finish(signals)
			}
			return nil
		case failure = <-broken:
			s.finish(signals)
			return failure
		}
	}
}

// drain goes on answering while whoever sends requests here finds out that it
// should not; false means that there is no time for that.
func (s *service) drain(signals <-chan os.Signal) bool {
	s.guard.readiness.Drain()
	s.health.Shutdown() // NOT_SERVING, for good
	s.guard.release()   // a successor may start now
	return patience(s.config.Listen.Drain, nil, signals)
}

// finish takes no new connection and lets the checks under way finish.
func (s *service) finish(signals <-chan os.Signal) {
	finished := make(chan struct{})
	go func() { // it ends with shutDown at the latest
		defer close(finished)
		var all sync.WaitGroup
		for _, g := range s.grpc {
			all.Go(g.server.GracefulStop)
		}
		all.Wait()
	}()
	patience(finishWithin, finished, signals)
}

// shutDown closes everything that is still open.
func (s *service) shutDown() {
	s.guard.release()
	for _, g := range s.grpc {
		g.server.Stop()
	}
	for _, h := range s.http {
		h.server.Close()
	}
}

// patience waits for done, and no longer than d. It is false if a signal to stop
// came first.
func patience(d time.Duration, done <-chan struct{}, signals <-chan os.Signal) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-done:
			return true
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return false
			}
		}
	}
}
