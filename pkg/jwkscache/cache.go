package jwkscache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Config is how one issuer's keys are kept fresh. Changing it later takes
// [Group.Plan].
type Config struct {
	Name     string // the issuer's name, for reports
	Issuer   string // the iss value: the identity of the cache
	Source   Source
	Params   keyset.Params
	Cooldown time.Duration  // between two fetches that unknown kids ask for
	Wait     time.Duration  // how long a request may wait for one
	Orders   []keyset.Order // that stand in the configuration
}

// Cache keeps the key set of one issuer.
type Cache struct {
	group *Group
	cfg   atomic.Pointer[Config] // in force; written by the owner once it runs

	set    atomic.Pointer[keyset.Set] // written by the owner alone
	status atomic.Pointer[Status]     // written by the owner alone

	mu    sync.Mutex
	inbox []func(*owner)
	wake  chan struct{} // holds one: the inbox has something

	flight flights
}

// Config is the configuration in force; not to be changed.
func (c *Cache) Config() *Config { return c.cfg.Load() }

// Set is the current key set: one atomic load.
func (c *Cache) Set() *keyset.Set { return c.set.Load() }

// Status is what is known about the set's freshness.
func (c *Cache) Status() Status { return *c.status.Load() }

// post hands the owner something to do. It never blocks: owners post to each
// other.
func (c *Cache) post(f func(*owner)) {
	c.mu.Lock()
	c.inbox = append(c.inbox, f)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (c *Cache) take() []func(*owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.inbox
	c.inbox = nil
	return taken
}

// Refresh asks for a fetch because a token named a key that is not there. One in
// each cooldown is granted, and all who ask meanwhile share it. With wait it
// waits for the answer, no longer than the configuration and ctx allow, and
// tells whether there was one: then it is worth looking again.
func (c *Cache) Refresh(ctx context.Context, wait time.Duration) bool {
	cfg := c.Config()
	f := c.flight.join(cfg.Cooldown, func() {
		c.post((*owner).searchKid)
	})
	wait = min(wait, cfg.Wait)
	if f == nil || wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.ok
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
