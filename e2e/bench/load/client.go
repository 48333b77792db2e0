package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Client sends requests over some connections, each of which is kept.
type Client struct{ conns []*conn }

// Dial makes connections; each has one request answered.
func Dial(ctx context.Context, network, address string, connections int, r *Requests) (*Client, error) {
	c := &Client{}
	for range connections {
		one, err := dial(ctx, network, address, r)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.conns = append(c.conns, one)
	}
	return c, nil
}

// Close hangs up.
func (c *Client) Close() error {
	var errs []error
	for _, one := range c.conns {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// Result is what came of some load. Everything that was sent was answered with an
// allow.
type Result struct {
	Answered int
	Took     time.Duration
	// Of Pace alone: from when each request was due to its answer, and to when it
	// was sent, both in ascending order. The second is the client's own part.
	Latencies, Delays []time.Duration
}

// all runs one function for each connection, and ends them when ctx does. Its error
// is that of the first connection that has one: they all tell the same.
func (c *Client) all(ctx context.Context, length time.Duration, run func(i int, c *conn) error) error {
	errs := make([]error, len(c.conns))
	var running sync.WaitGroup
	for i, one := range c.conns {
		one.SetDeadline(time.Now().Add(length + patience))
		stop := context.AfterFunc(ctx, func() { one.SetDeadline(time.Now()) })
		running.Go(func() {
			defer stop()
			errs[i] = run(i, one)
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Flood keeps so many requests under way on each connection, for a time: as fast as
// they are answered.
func (c *Client) Flood(ctx context.Context, length time.Duration, streams int) (Result, error) {
	var over atomic.Bool
	timer := time.AfterFunc(length, func() { over.Store(true) })
	defer timer.Stop()
	return c.flood(ctx, length, streams, func() bool { return !over.Load() })
}

// Send sends so many requests, in the same way.
func (c *Client) Send(ctx context.Context, requests int) (Result, error) {
	const inFlight = 32 // enough to keep a server busy
	var left atomic.Int64
	left.Store(int64(requests))
	return c.flood(ctx, patience, max(1, inFlight/len(c.conns)), func() bool { return left.Add(-1) >= 0 })
}

func (c *Client) flood(ctx context.Context, length time.Duration, streams int, more func() bool) (Result, error) {
	var answered atomic.Int64
	start := time.Now()
	err := c.all(ctx, length, func(_ int, one *conn) error {
		n, err := one.flood(streams, more)
		answered.Add(int64(n))
		return err
	})
	return Result{Answered: int(answered.Load()), Took: time.Since(start)}, err
}

// flood sends a new request for each that was answered, while there are more.
func (c *conn) flood(streams int, more func() bool) (answered int, err error) {
	for going := true; ; {
		for going && c.inFlight.Load() < int64(streams) && c.room() {
			if going = more(); !going {
				break
			}
			if err := errors.Join(c.add(0, false), c.flush()); err != nil {
				return answered, err
			}
		}
		if c.inFlight.Load() == 0 {
			return answered, nil
		}
		n, err := c.take(nil)
		answered += n
		if err != nil {
			return answered, err
		}
	}
}

// Quantile is the time that so large a part of some, in ascending order, did not
// exceed; 1 is the worst.
func Quantile(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	n := int(part*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}
