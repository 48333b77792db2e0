package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// startWithin is far more than a start takes.
const startWithin = 2 * time.Minute

// start is what a guard starts with, and how that went.
type start struct {
	name   string
	post   post
	ledger string // as it is before each start
	size   int64  // of it

	took []time.Duration // from exec to the first answer
	cpu  []time.Duration // until then
	peak []int64         // of resident memory, until then
	idle int64
}

// starts measures how long a guard takes from exec to its first answer, with its
// issuers down: that it is an allow, it owes to the ledger alone.
func (p orderPlan) starts(ctx context.Context, out io.Writer, s *stage) error {
	past, err := newPast(p.tombstones)
	if err != nil {
		return err
	}
	var all []*start
	for _, c := range []struct {
		name              string
		tombstones, lines int
	}{
		{"no tombstone", 0, 0},
		{fmt.Sprintf("%d tombstones", p.tombstones), p.tombstones, 0},
		{fmt.Sprintf("%d tombstones, %d events", p.tombstones, p.events), p.tombstones, p.events},
	} {
		say("writing a ledger: %s", c.name)
		at, err := s.newPost(fmt.Sprintf("start-%d", len(all)))
		if err != nil {
			return err
		}
		at = at.withState()
		if err := past.write(ctx, at.state, c.tombstones, c.lines); err != nil {
			return fmt.Errorf("write a ledger: %w", err)
		}
		b := &start{name: c.name, post: at, ledger: filepath.Join(at.dir, "before.jsonl")}
		if err := os.Rename(filepath.Join(at.state, "ledger.jsonl"), b.ledger); err != nil {
			return err
		}
		info, err := os.Stat(b.ledger)
		if err != nil {
			return err
		}
		b.size = info.Size()
		all = append(all, b)
	}
	request := newRequest(past.keys[0].Token(claims(past.issuers[0])))
	for round := range p.rounds {
		for _, b := range all {
			say("starting with %s: round %d of %d", b.name, round+1, p.rounds)
			settle := time.Duration(-1)
			if round == p.rounds-1 {
				settle = p.settle
			}
			if err := b.run(ctx, s, past.issuers, request, settle); err != nil {
				return fmt.Errorf("start with %s: %w", b.name, err)
			}
		}
	}
	fmt.Fprintf(out, "\nFrom exec to the first answer, an allow; the issuers are down, the ledger is warm and in the page cache.\n")
	fmt.Fprintf(out, "%d issuers of %d keys in service. Medians of %d rounds (least-most).\n\n", pastIssuers, liveKeys, p.rounds)
	t := columns(out, "\tledger\tstart\tCPU\tresident by then, at most\tidle")
	for _, b := range all {
		took, cpu, peak := spreadOf(b.took), spreadOf(b.cpu), spreadOf(b.peak)
		fmt.Fprintf(t, "%s\t%s\t%s (%s-%s)\t%s\t%s\t%s\n", b.name, mebibytes(b.size), seconds(took.median), seconds(took.least), seconds(took.most), seconds(cpu.median), mebibytes(peak.median), mebibytes(b.idle))
	}
	return t.Flush()
}

// run starts a guard once, and puts everything back as it was. The idle memory is
// read after settle, if that is not negative.
func (b *start) run(ctx context.Context, s *stage, issuers []*devissuer.Issuer, request *authv3.CheckRequest, settle time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := errors.Join(os.RemoveAll(b.post.state), os.RemoveAll(b.post.authz), os.Mkdir(b.post.state, 0o700)); err != nil {
		return err
	}
	// A name more is faster than a copy; what the guard appends is cut off again.
	if err := os.Link(b.ledger, filepath.Join(b.post.state, "ledger.jsonl")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Truncate(b.ledger, b.size)) }()
	config := b.post.config(trust{issuers: issuers}, s.file("ca.pem"))
	began := time.Now()
	process, err := harness.LaunchGuard(s.binary, b.post.dir, config, b.post.metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Kill()) }()
	if err := awaitListener(ctx, process, b.post.authz); err != nil {
		return err
	}
	guard := &server{process: process.Process}
	if err := guard.dial(b.post.authz); err != nil {
		return err
	}
	defer guard.hangUp()
	answer, err := authv3.NewAuthorizationClient(guard.conn).Check(ctx, request, grpc.WaitForReady(true))
	took := time.Since(began)
	if err != nil {
		return err
	}
	if reason := reasonOf(answer); reason != "ok" {
		return fmt.Errorf("the first answer is %s:\n%s", reason, process.Stderr)
	}
	peak, err := memoryOf(process.PID(), residentPeak)
	if err != nil {
		return err
	}
	cpu, err := cpuOf(process.PID())
	if err != nil {
		return err
	}
	b.took, b.cpu, b.peak = append(b.took, took), append(b.cpu, cpu), append(b.peak, peak)
	if settle < 0 {
		return nil
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	b.idle, err = memoryOf(process.PID(), resident)
	return err
}

// awaitListener waits until a guard listens on its socket.
func awaitListener(ctx context.Context, guard *harness.Guard, socket string) error {
	const look = time.Millisecond // what a start may seem to take longer
	for {
		if conn, err := net.Dial("unix", socket); err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(look):
		case <-guard.Done():
			return fmt.Errorf("the guard ended:\n%s", guard.Stderr)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
