package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Whatever happens to keys, a replay gives the same records in the same order;
// after a release even to the moment at which each was seen last.
func TestReplayGivesTheRecordsBack(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			d := newDisk()
			var all *life
			var noted keyset.Instant // with the last event
			for restart := range 4 {
				cfg := d.config()
				cfg.RotateAt = 3000 // so that it happens
				l, err := Open(ctx, cfg)
				if err != nil {
					t.Fatal(seed, err)
				}
				stop := run(t, l)
				if all == nil {
					all = newLife(seed, clockFrom(time.Time{}))
				} else {
					got := l.Restored()[0]
					if diff := cmp.Diff(all.set.Keys(), got.Set.Keys(), exact); diff != "" {
						t.Fatalf("seed %d, restart %d (-then +now):\n%s", seed, restart, diff)
					}
					if got.Set.Observed() != all.set.Observed() || got.Name != "corp" || got.Issuer != iss {
						t.Fatalf("%+v, observed %v", got, all.set.Observed())
					}
					all.set = got.Set.WithParams(all.set.Params())
				}
				for range 15 {
					time.Sleep(time.Duration(all.IntN(400)) * time.Second)
					for range 1 + all.IntN(3) { // several may meet in one batch
						next, events := all.turn()
						all.set = next
						if len(events) > 0 {
							noted = next.Observed()
						}
						if len(events) > 0 || all.IntN(2) == 0 {
							l.Record(change(next, events))
						}
					}
					if keys := all.set.Keys(); len(keys) > 0 {
						keys[0].Allow(time.Now(), time.Now().Add(time.Hour), time.Now())
						keys[0].Attempt(keyset.Valid)
					}
					synctest.Wait()
				}
				if err := l.Record(change(all.set, nil))(ctx); err != nil {
					t.Fatal(err)
				}
				if all.IntN(2) == 0 { // a crash: only what was noted of the last sight is there
					before := newDisk()
					before.names[dir+"/"+fileName] = &inode{data: []byte(d.read(fileName)), mode: fileMode}
					crashed := before.open(t)
					want(t, restored(t, crashed, all.set), all.set)
					if got := crashed.Restored()[0].Set.Observed(); got.Life.Before(noted.Life) {
						t.Errorf("observed %v, and %v with the last event", got, noted)
					}
				}
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if err := l.Commit(ctx, change(all.set, nil)); !errors.Is(err, ErrReleased) {
					t.Fatal(err)
				}
				d.whole(t)
				if t.Failed() {
					t.Fatal("seed", seed)
				}
			}
			if seqs, _ := archives(d.list()); len(seqs) == 0 {
				t.Error("it was never rotated")
			}
		})
		if t.Failed() {
			return
		}
	}
}

// exact compares records whole, and the readings of their usage.
var exact = cmp.Options{
	cmp.Comparer(func(a, b *keyset.Usage) bool { return readable(a.Tally()) == readable(b.Tally()) }),
	sameRecords[1],
}

// readable is a tally as the file holds it: times compare by their instant.
func readable(t keyset.Tally) keyset.Tally {
	t.LastUsed, t.LatestExpiry, t.LatestIssued = t.LastUsed.UTC(), t.LatestExpiry.UTC(), t.LatestIssued.UTC()
	return t
}
