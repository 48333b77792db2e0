package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc/grpclog"
)

const serveUsage = `Usage: jwtguard serve -c FILE [--log-format text|json] [--log-level LEVEL]
                      [--accept-state-loss] [--generated-codec]

Answers Envoy's external-authorization calls until SIGTERM or SIGINT. Then it is
not ready any more, goes on answering for listen.drain, finishes what is under
way, and exits with 0. A second signal ends it at once.

The configuration is read again on SIGHUP and when the file changes. A file that
is not valid changes nothing; the log says what is wrong with it. What belongs to
the listeners and to the state directory takes effect at the next start.

  -c FILE               the configuration
  --log-format FORMAT   text (default) or json, on standard error; lines that
                        nobody reads in time are left out, and counted
  --log-level LEVEL     debug, info (default), warn or error
  --accept-state-loss   start although the ledger in state_dir is damaged, with
                        what can be read of it: keys whose retirement stood in
                        the rest may be trusted again. The old file is kept
                        aside, and the loss is recorded.
  --generated-codec     decode checks and encode answers with the generated
                        protobuf code in place of the guard's own: slower, with
                        the same decisions, but without the bounds on what comes
                        in. Checks that are larger than 16 MiB, compressed, cut
                        short or malformed get an error in place of a deny, which
                        is a pass under failure_mode_allow, and large ones have
                        no limit for their memory in sum. For comparison, and
                        should you suspect the guard's, where Envoy alone reaches
                        the listener and sends no bodies.

Exit status: 0 stopped by a signal; 1 a listener broke, or state_dir cannot be
used (another guard has it, its ledger is damaged, it cannot be written); 2 wrong
usage, or the configuration cannot be read or used, a port is taken, a file is
unreadable.
`

func runServe(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	path := flags.String("c", "", "")
	acceptLoss := flags.Bool("accept-state-loss", false, "")
	generated := flags.Bool("generated-codec", false, "")
	var lf logFlags
	lf.register(flags)
	refuse := func(complaint string) int {
		fmt.Fprintf(stderr, "jwtguard serve: %s\n\n%s", complaint, synopsis(serveUsage))
		return exitUsage
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, serveUsage)
		return exitDone
	case err != nil:
		return refuse(err.Error())
	case flags.NArg() > 0:
		return refuse(fmt.Sprintf("unexpected argument %q", flags.Arg(0)))
	case *path == "":
		return refuse("no configuration given: add -c FILE")
	}
	log, queue, err := lf.queued(stderr)
	if err != nil {
		return refuse(err.Error())
	}
	go queue.run() // until close
	flush := func() { queue.close(logFlushWithin) }
	defer flush()
	// A log reader that exits is not the end: without this, the runtime ends the
	// process at the next line.
	signal.Ignore(syscall.SIGPIPE)
	limitMemory(log)
	// Before anything is opened: the default for SIGHUP is to end the process.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	starting, started := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	s, err := newService(starting, *path, serveOptions{*acceptLoss, *generated}, log)
	interrupted := starting.Err() != nil
	started()
	switch {
	case err != nil && interrupted:
		log.Info("stopped", "before", "the start was complete")
		return exitDone
	case err != nil:
		flush() // what was logged on the way comes first
		fmt.Fprintln(stderr, err)
		if errors.As(err, new(stateError)) {
			return exitNo
		}
		return exitUsage
	}
	// By itself it would write to standard error, and wait for it.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer()))
	if err := s.run(signals); err != nil {
		log.Error("stopped", "error", err)
		return exitNo
	}
	return exitDone
}
