package authz

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// fetch is a refresher whose fetches take a second, and which waits for 100 ms.
type fetch struct {
	waits  []time.Duration
	asked  atomic.Int64
	finds  bool // the fetch ends within the wait
	panics bool
}

func (f *fetch) Refresh(ctx context.Context, issuer *verify.Issuer, wait time.Duration) bool {
	f.asked.Add(1)
	if f.panics {
		panic("refresher")
	}
	if wait > 0 {
		f.waits = append(f.waits, wait)
		time.Sleep(min(wait, 100*time.Millisecond))
	}
	return f.finds && issuer == corp
}

// unknown is a server on which a token is good from the second decision on. It
// counts the decisions and the instants at which they were taken.
func unknown(t *testing.T, f *fetch, first verify.Refresh) (*Server, *[]time.Time) {
	var at []time.Time
	p := bearer("default")
	decide := func(p *verify.Policy, _ string, now verify.Instant) verify.Decision {
		at = append(at, now.Wall)
		if len(at) > 1 {
			return accepted(p)
		}
		d := verify.Refuse(p, verify.KidUnknown, "")
		d.Issuer, d.Refresh = corp, first
		return d
	}
	return newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p}, decide: decide}, Refresher: f}), &at
}

func TestNewKeysAreWaitedForAndTheTokenJudgedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fetch{finds: true}
		s, at := unknown(t, f, verify.AwaitRefresh)
		got := askServer(t, s, raw("/", "authorization: Bearer x"))
		if !got.passes || len(*at) != 2 || f.asked.Load() != 1 {
			t.Fatalf("%s after %d decisions and %d refreshes", got.reason(), len(*at), f.asked.Load())
		}
		if apart := (*at)[1].Sub((*at)[0]); apart != 100*time.Millisecond {
			t.Errorf("the second decision has a clock reading %v after the first's", apart)
		}
	})
}

func TestDecisionsThatARefreshDoesNotChange(t *testing.T) {
	for name, tc := range map[string]struct {
		refresh verify.Refresh
		finds   bool
		asked   int64
		waited  time.Duration
	}{
		"nothing came":           {verify.AwaitRefresh, false, 1, 100 * time.Millisecond},
		"asked, but not awaited": {verify.AskRefresh, true, 1, 0},
		"no cure":                {verify.NoRefresh, true, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			f := &fetch{finds: tc.finds}
			s, at := unknown(t, f, tc.refresh)
			got := askServer(t, s, raw("/", "authorization: Bearer x"))
			if got.reason() != "kid_unknown" || len(*at) != 1 || f.asked.Load() != tc.asked || time.Since(start) != tc.waited {
				t.Errorf("%s: %s after %d decisions, %d refreshes, %v", name, got.reason(), len(*at), f.asked.Load(), time.Since(start))
			}
		})
	}
}

// TestTheSecondDecisionStands, even if it is that another refresh would help.
func TestTheSecondDecisionStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fetch{finds: true}
		decisions := 0
		s := newServer(t, Config{Refresher: f, Decider: &fake{policies: []*verify.Policy{bearer("default")}, decide: func(p *verify.Policy, _ string, _ verify.Instant) verify.Decision {
			decisions++
			d := verify.Refuse(p, verify.KidUnknown, "")
			d.Issuer, d.Refresh = corp, verify.AwaitRefresh
			return d
		}}})
		if got := askServer(t, s, raw("/", "authorization: Bearer x")); got.reason() != "kid_unknown" || decisions != 2 || f.asked.Load() != 1 {
			t.Errorf("%s after %d decisions and %d refreshes", got.reason(), decisions, f.asked.Load())
		}
	})
}

func TestWithoutRefresherOrIssuerNothingIsAsked(t *testing.T) {
	p := bearer("default")
	d := verify.Refuse(p, verify.KidUnknown, "")
	d.Refresh = verify.AwaitRefresh
	f := &fetch{finds: true}
	for _, cfg := range []Config{{Refresher: f}, {}} {
		if cfg.Refresher == nil {
			d.Issuer = corp
		}
		cfg.Decider = &fake{policies: []*verify.Policy{p}, decide: func(*verify.Policy, string, verify.Instant) verify.Decision { return d }}
		if got := askServer(t, newServer(t, cfg), raw("/", "authorization: Bearer x")); got.reason() != "kid_unknown" || f.asked.Load() != 0 {
			t.Errorf("%s after %d refreshes", got.reason(), f.asked.Load())
		}
	}
}

func TestHalfOfWhatIsLeftOfTheDeadlineIsWaited(t *testing.T) {
	for _, tc := range []struct {
		deadline time.Duration // 0: none; negative: passed
		gone     bool          // Envoy has given up
		want     []time.Duration
	}{
		{0, false, []time.Duration{maxWait}},
		{200 * time.Millisecond, false, []time.Duration{100 * time.Millisecond}},
		{30 * time.Millisecond, false, []time.Duration{15 * time.Millisecond}},
		{24 * time.Hour, false, []time.Duration{maxWait}},
		{-time.Second, false, nil},
		{0, true, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			if tc.deadline != 0 {
				ctx, cancel = context.WithTimeout(ctx, tc.deadline)
			}
			defer cancel()
			if tc.gone {
				cancel()
			}
			f := new(fetch)
			s, _ := unknown(t, f, verify.AwaitRefresh)
			if _, err := s.Listener("").Check(ctx, raw("/", "authorization: Bearer x")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, f.waits); diff != "" || f.asked.Load() != 1 {
				t.Errorf("deadline %v: asked %d times, waits (-want +got):\n%s", tc.deadline, f.asked.Load(), diff)
			}
		})
	}
}

// crowd is a refresher that lets everyone wait until it is told otherwise.
type crowd struct {
	release chan struct{}
	waiting atomic.Int64
	hurried atomic.Int64
}

func (c *crowd) Refresh(_ context.Context, _ *verify.Issuer, wait time.Duration) bool {
	if wait == 0 {
		c.hurried.Add(1)
		return false
	}
	c.waiting.Add(1)
	<-c.release
	return false
}

func TestAHundredWaitAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{release: make(chan struct{})}
		p := bearer("default")
		d := verify.Refuse(p, verify.KidUnknown, "")
		d.Issuer, d.Refresh = corp, verify.AwaitRefresh
		s := newServer(t, Config{Refresher: c, Decider: &fake{policies: []*verify.Policy{p}, decide: func(*verify.Policy, string, verify.Instant) verify.Decision { return d }}})
		for range maxWaiting + 50 {
			go askServer(t, s, raw("/", "authorization: Bearer x"))
		}
		synctest.Wait()
		if got := [2]int64{c.waiting.Load(), c.hurried.Load()}; got != [2]int64{maxWaiting, 50} {
			t.Errorf("%d wait and %d do not", got[0], got[1])
		}
		c.release <- struct{}{}
		synctest.Wait()
		go askServer(t, s, raw("/", "authorization: Bearer x"))
		synctest.Wait()
		if got := c.waiting.Load(); got != maxWaiting+1 {
			t.Errorf("when one has left the next may wait; %d did", got)
		}
		close(c.release)
	})
}

func TestPanicsOfTheRefresherDoNotUseUpTheWaiting(t *testing.T) {
	f := &fetch{panics: true}
	s, _ := unknown(t, f, verify.AwaitRefresh)
	if got := askServer(t, s, raw("/", "authorization: Bearer x")); got.reason() != "internal_error" {
		t.Errorf("%s", got.reason())
	}
	if counts := []int64{s.waiting.Load(), s.inFlight.Load()}; !slices.Equal(counts, []int64{0, 0}) {
		t.Errorf("still counted: %v", counts)
	}
}
