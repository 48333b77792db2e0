package ledger

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// A guard that starts, and whoever makes evidence, read the same ledger: where both
// take it, they know of the same keys in the same states. A line that the one finds
// out of place is so to the other, but that evidence bridges files that are missing.
func FuzzReaders(f *testing.F) {
	seeds(f)
	f.Add([]byte(fuzzLedger().text))
	f.Fuzz(func(t *testing.T, text []byte) {
		text = rehash(text)
		d, ctx := newDisk(), context.Background()
		d.write(fileName, string(text))
		l, err := Open(ctx, d.config())
		e, no := recounted(text, time.Time{})
		if err != nil || no != nil {
			if err == nil && (errors.Is(no, errHash) || errors.Is(no, errJSON) || errors.Is(no, errChain)) {
				t.Fatalf("the guard starts, and evidence says: %v", no)
			}
			return
		}
		at := keyset.Instant{Wall: l.Last(), Life: l.Last()}
		if !e.To.Equal(l.Last()) || e.HeadSeq != uint64(e.FirstSeq)+uint64(e.Lines)-1 || e.Lines != bytes.Count(text, []byte("\n")) {
			t.Fatalf("evidence ends at %s with line %d, and the ledger at %s", e.To, e.HeadSeq, l.Last())
		}
		told := map[string]map[ident]Account{}
		n := 0
		for _, a := range e.Keys {
			if a.Forgotten {
				continue
			}
			id := ident{thumbprint: a.Thumbprint}
			if a.Thumbprint == "" {
				id.kid = a.Kid
			}
			if told[a.Iss] == nil {
				told[a.Iss] = map[ident]Account{}
			}
			told[a.Iss][id] = a
			n++
		}
		for _, r := range l.Restored() {
			for _, k := range r.Set.Keys() {
				a, ok := told[r.Issuer][identOf(k)]
				if !ok || a.State != k.State(at).String() || a.Issuer != r.Name {
					t.Fatalf("%v of %s is %s to the guard, and evidence has: %+v", identOf(k), r.Name, k.State(at), a)
				}
				n--
			}
		}
		if n != 0 {
			t.Fatalf("evidence has %d keys more: %+v", n, e.Keys)
		}
	})
}
