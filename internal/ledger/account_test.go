package ledger

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// What was counted until now is in evidence once it was asked for, long before it is
// due, and once.
func TestUsageIsWrittenWhenItIsAskedFor(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.lists("A=m1/n1")
		p.uses("A", 3)
		p.wait(time.Minute)
		if x := p.read(time.Time{}, time.Time{}); x.Keys[0].Allowed != 0 {
			t.Fatal("it was written before")
		}
		for range 2 {
			if err := p.l.Account(context.Background(), "evidence_exported", map[string]string{"by": "uid:1000"}); err != nil {
				t.Fatal(err)
			}
			x := p.read(time.Time{}, time.Time{})
			if k := x.Keys[0]; k.Allowed != 3 || !k.LastUsed.Equal(at(0)) || !x.To.Equal(at(time.Minute)) {
				t.Errorf("%+v until %s", k, x.To)
			}
			checked(t, p.export(time.Time{}, time.Time{}))
		}
		if text := p.d.read(fileName); strings.Count(text, `"event":"evidence_exported","attrs":{"by":"uid:1000"}`) != 2 || strings.Count(text, `"event":"usage"`) != 1 {
			t.Error(text)
		}
	})
}

// While the disk fails nothing is promised, and what was asked for comes when it is
// well again. Of a ledger that was given back, nothing comes.
func TestUsageThatIsAskedForWaitsForTheDisk(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		ctx := context.Background()
		p.lists("A=m1/n1")
		p.uses("A", 3)
		p.d.full(0)
		if err := p.l.Account(ctx, "evidence_exported", nil); !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		p.d.full(1 << 20)
		p.wait(retryMost)
		if x := p.read(time.Time{}, time.Time{}); x.Keys[0].Allowed != 3 {
			t.Errorf("%+v", x.Keys[0])
		}
		p.key("A").Attempt(keyset.Valid)
		p.quit()
		if err := p.l.Account(ctx, "evidence_exported", nil); !errors.Is(err, ErrReleased) {
			t.Error(err)
		}
	})
}
