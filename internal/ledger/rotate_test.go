package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// A crash between any two steps of a rotation, or a cut of the power, leaves a
// directory that opens, with every record and one chain.
func TestCrashAmidRotation(t *testing.T) {
	// create, write, sync, the directory, two names, the directory
	for die := 1; die <= 7; die++ {
		for _, power := range []bool{false, true} {
			for _, torn := range []int{-1, 0, 40} { // what is left of the write at which it dies
				synctest.Test(t, func(t *testing.T) {
					d := newDisk()
					cfg := d.config()
					cfg.RotateAt = 2000
					l, err := Open(context.Background(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					stop := run(t, l)
					synctest.Wait()
					rotating, n := false, 0
					d.fail(func(op operation) outcome {
						if rotating = rotating || op.kind == "create"; !rotating {
							return outcome{persist: -1}
						}
						if n++; n == die {
							return outcome{persist: torn, dies: true, err: errInjected}
						}
						return outcome{persist: -1}
					})
					set := keyset.New(keyset.Params{})
					for i := 0; !rotating; i++ {
						next, c := order(set, fmt.Sprint("kid ", i))
						set = next
						if err := l.Record(c)(context.Background()); err != nil {
							t.Fatal(err)
						}
						synctest.Wait()
					}
					if n != die {
						t.Fatalf("the rotation has %d steps", n)
					}
					if power {
						d.cutPower()
					} else {
						d.kill()
					}
					d.fail(nil)
					stop()
					shown, again := l.Status().Sequence, d.open(t)
					if s := again.Status().Sequence; s < shown {
						t.Errorf("the sequence falls from %d to %d, as if an older state had been restored", shown, s)
					}
					want(t, restored(t, again, set), set)
					d.whole(t)
					if slices.Contains(d.list(), newName) {
						t.Error(d.list())
					}
					if t.Failed() {
						t.Fatalf("died at step %d, power cut %v, torn %d", die, power, torn)
					}
				})
				if t.Failed() {
					return
				}
			}
		}
	}
}

// A rotation that fails stops nothing: the old file goes on, and it is tried again
// after a while.
func TestFailedRotationStopsNothing(t *testing.T) {
	for fails := 1; fails <= 7; fails++ {
		synctest.Test(t, func(t *testing.T) {
			d, log := newDisk(), new(text)
			cfg := d.config()
			cfg.RotateAt, cfg.Log = 2000, slog.New(slog.NewTextHandler(log, nil))
			l, err := Open(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			stop := run(t, l)
			synctest.Wait()
			rotating, n := false, 0
			d.fail(func(op operation) outcome {
				if rotating = rotating || op.kind == "create"; rotating {
					if n++; n == fails {
						return outcome{err: errInjected}
					}
				}
				return outcome{persist: -1}
			})
			set := keyset.New(keyset.Params{})
			act := func(i int) {
				next, c := order(set, fmt.Sprint("kid ", i))
				set = next
				if err := l.Commit(context.Background(), c); err != nil && fails < 7 {
					t.Fatal(fails, err) // 7: the directory of the new file, which must be durable first
				} else if err != nil {
					l.Record(c)
				}
			}
			for i := range 6 {
				act(i)
				synctest.Wait()
			}
			if s := l.Status(); s.Errors != 1 || strings.Count(log.String(), "ledger_rotation_failed") != 1 && fails < 7 {
				t.Errorf("step %d: %+v\n%s", fails, s, log)
			}
			time.Sleep(retryMost)
			cut := newDisk() // what would be left of it
			d.set(func() {
				for name, i := range d.durable {
					cut.durable[name] = &inode{durable: i.durable, mode: i.mode}
				}
			})
			cut.cutPower()
			want(t, restored(t, cut.open(t), set), set)
			time.Sleep(2 * rotatePause)
			act(7)
			synctest.Wait()
			if seqs, _ := archives(d.list()); len(seqs) == 0 || slices.Contains(d.list(), newName) || l.Status().Failing != nil {
				t.Errorf("step %d: %v, %+v", fails, d.list(), l.Status())
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			d.whole(t)
			want(t, restored(t, d.open(t), set), set)
		})
	}
}

// A snapshot that is larger than half of the limit is not written over and over.
func TestLargeSnapshotPutsRotationOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg := d.config()
		cfg.RotateAt = 1000
		l, err := Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, l)
		set := keyset.New(keyset.Params{})
		for i := range 200 {
			next, c := order(set, fmt.Sprint("kid ", i))
			set = next
			if err := l.Commit(context.Background(), c); err != nil {
				t.Fatal(err)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if seqs, _ := archives(d.list()); len(seqs) < 3 || len(seqs) > 12 {
			t.Errorf("%d rotations", len(seqs))
		}
		// The newest file is enough.
		alone := newDisk()
		alone.write(fileName, d.read(fileName))
		again := alone.open(t)
		want(t, restored(t, again, set), set)
		if again.w.snapshot != l.w.snapshot {
			t.Errorf("the snapshot takes %d bytes, and was written with %d", again.w.snapshot, l.w.snapshot)
		}
	})
}

// A stranger's file in the way of the archive is not overwritten.
func TestArchiveIsNotOverwritten(t *testing.T) {
	inLedger(t, func(t *testing.T, d *disk, l *Ledger, log *text) {
		d.names[dir+"/"+archive(1)] = &inode{data: []byte("precious"), mode: fileMode}
		l.cfg.RotateAt = 1
		_, c := order(keyset.New(keyset.Params{}), "A")
		if err := l.Commit(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d.read(archive(1)) != "precious" || !strings.Contains(log.String(), "/state/ledger-1.jsonl is there already: move it away") {
			t.Error(log)
		}
		delete(d.names, dir+"/"+archive(1))
	})
}
