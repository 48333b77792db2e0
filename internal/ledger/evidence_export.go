package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// EvidenceConfig says of which ledger evidence is wanted, and of which period.
type EvidenceConfig struct {
	Dir      string    // the state directory; a guard may be running there
	From, To time.Time // lifecycle time, both included; zero: the beginning of the record, its end
	Promises []Promise // as configured now

	ReadKey func(jwk []byte) (keyset.Listed, error) // as in [Config]
	Files   Files                                   // nil: the operating system's
}

// Export is evidence that was read, with the lines that give it.
type Export struct {
	Evidence
	Findings []string // what is amiss beside the lines; for whoever exports

	trail *trail
	seed  maphash.Seed
	sum   uint64 // of the lines
}

// ReadEvidence reads the ledger and makes the figures. It takes no lock and
// changes nothing. A line that is being written is left for another time; one that
// is complete may be taken before it is synced. A damaged ledger is a
// *[DamageError].
func ReadEvidence(ctx context.Context, cfg EvidenceConfig) (*Export, error) {
	if cfg.Files == nil {
		cfg.Files = system{}
	}
	t, err := follow(ctx, cfg.Files, cfg.Dir)
	if err != nil {
		return nil, err
	}
	newest := t.parts[len(t.parts)-1].opened
	if t.parts, err = during(t.parts, cfg.From, cfg.To); err != nil {
		return nil, fmt.Errorf("state_dir %s: %w", cfg.Dir, err)
	}
	x := &Export{trail: t, seed: maphash.MakeSeed()}
	whole, err := x.count(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if last := later(newest, whole.last); last.Before(whole.from) {
		return nil, fmt.Errorf("state_dir %s: %w since %s: the last line is of %s", cfg.Dir, ErrPeriod, moment(whole.from), moment(last))
	}
	e, err := whole.finish(cfg.ReadKey)
	if err != nil {
		return nil, &DamageError{File: cfg.Dir, What: err.Error()}
	}
	x.Evidence, x.Findings = *e, t.findings
	x.About, x.Promises = about, cfg.Promises
	return x, nil
}

// during are the files of a period, from the last snapshot before it.
func during(parts []part, from, to time.Time) ([]part, error) {
	if !to.IsZero() {
		if parts[0].opened.After(to) {
			return nil, fmt.Errorf("%w until %s: the first line is of %s", ErrPeriod, moment(to), moment(parts[0].opened))
		}
		for parts[len(parts)-1].opened.After(to) {
			parts = parts[:len(parts)-1]
		}
	}
	start := 0
	for i, p := range parts {
		if !from.IsZero() && !p.opened.After(from) && !p.salvage {
			start = i
		}
	}
	return parts[start:], nil
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// errEnough ends the reading of a file.
var errEnough = errors.New("enough")

// count makes the figures. Lines are read to the end, since one that comes after
// the period may be followed by one of it: events wait for a disk that fails.
func (x *Export) count(ctx context.Context, cfg EvidenceConfig) (*recount, error) {
	r := newRecount(cfg.From, cfg.To)
	var sum maphash.Hash
	sum.SetSeed(x.seed)
	for i, p := range x.trail.parts {
		err := x.trail.read(ctx, p, func(text []byte, number int) error {
			l, err := r.check(text)
			if err != nil && p.salvage {
				return errEnough
			}
			if err == nil {
				err = r.take(&l)
			}
			if err != nil {
				return &DamageError{File: x.trail.path(p.name), Line: number, What: err.Error()}
			}
			if sum.Write(text); r.within(&l) {
				x.sum = sum.Sum64()
			}
			x.trail.parts[i].lines = number
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	return r, nil
}

// errChanged says that the lines are not those of the figures.
var errChanged = errors.New("the ledger was changed while it was read, as after a fault of its disk: export again")

// each gives the lines of the evidence once more.
func (x *Export) each(ctx context.Context, yield func(text []byte) error) error {
	var sum maphash.Hash
	sum.SetSeed(x.seed)
	n := 0
	for _, p := range x.trail.parts {
		err := x.trail.read(ctx, p, func(text []byte, number int) error {
			if n == x.Lines || number > p.lines {
				return errEnough
			}
			n++
			sum.Write(text)
			return yield(text)
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	if n != x.Lines || sum.Sum64() != x.sum {
		return errChanged
	}
	return nil
}
