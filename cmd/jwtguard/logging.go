package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
)

// logFlags are the flags of commands that log.
type logFlags struct{ format, level string }

func (f *logFlags) register(set *flag.FlagSet) {
	set.StringVar(&f.format, "log-format", "text", "")
	set.StringVar(&f.level, "log-level", "info", "")
}

func (f *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch f.level {
	case "debug", "info", "warn", "error":
		if err := level.UnmarshalText([]byte(f.level)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("--log-level %q: write debug, info, warn or error", f.level)
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withUnits}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: write text or json", f.format)
}

// queued is a logger that never waits for w, and the queue by which it does not;
// the caller runs and closes that.
func (f *logFlags) queued(w io.Writer) (*slog.Logger, *logQueue, error) {
	direct, err := f.logger(w)
	if err != nil {
		return nil, nil, err
	}
	queue := newLogQueue(w, logRoom, func(lines int64) error {
		r := slog.NewRecord(time.Now(), slog.LevelError, "log_lines_lost", 0)
		r.Add("lines", lines)
		return direct.Handler().Handle(context.Background(), r)
	})
	log, err := f.logger(queue)
	return log, queue, err
}

// withUnits writes durations with their unit in either format; as JSON numbers
// they would be nanoseconds.
func withUnits(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// logPanic tells what broke. Of a value that is no runtime error only the type is
// told: it could hold anything, a token included.
func logPanic(log *slog.Logger, value any, stack []byte) {
	what := fmt.Sprintf("a value of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	log.Error("panic", "value", what, "stack", string(stack))
}

func logFinding(log *slog.Logger, f config.Finding) {
	level := slog.LevelWarn
	if f.Severity == config.Error {
		level = slog.LevelError
	}
	log.Log(context.Background(), level, "config_finding", "rule", f.Rule, "issuer", f.Issuer,
		"line", f.Place.Line, "message", f.Message, "remedy", f.Remedy)
}
