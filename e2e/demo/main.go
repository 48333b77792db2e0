// Command demo walks through a key rotation with everything that is real: an
// issuer over HTTPS, Envoy with the configuration that is shipped, a service
// behind it, and the jwtguard binary. What it prints of a request is what the
// client got and what Envoy's access log says; if that is not what the story
// promises, the demo fails.
//
//	make demo          the walk, in about a minute
//	make demo KEEP=1   leaves everything running afterwards
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	kept := os.Getenv("KEEP") != "" // then Ctrl-C is how it ends
	err := run(ctx, newPrinter(os.Stdout), kept)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Println("\nStopped; everything is cleaned up.")
		if !kept {
			os.Exit(130)
		}
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p *printer, keep bool) (err error) {
	p.title("jwtguard: a signing key is rotated and retired, through real Envoy")
	p.text("Building jwtguard, starting an issuer, Envoy, a service behind it, and the guard ...")
	s, err := newStage(ctx)
	if s != nil {
		defer func() { err = errors.Join(err, s.stop()) }()
	}
	if err != nil {
		return err
	}
	p.cast(s)
	story := &story{stage: s, printer: p}
	if err := story.tell(ctx); err != nil {
		return err
	}
	if err := s.report(ctx, p); err != nil {
		return err
	}
	if keep {
		return s.keep(ctx, p, story.winter)
	}
	p.text("make demo KEEP=1 leaves all of this running and prints commands to play with.")
	return nil
}
