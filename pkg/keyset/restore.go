package keyset

import "slices"

// Restore is the set that consisted of these records when its newest
// observation was made: what a ledger remembers. The settings come with
// [Set.WithParams]. The records become the set's, and are in the order of
// [Set.Keys].
func Restore(observed Instant, records []*Key) *Set {
	s := &Set{keys: slices.Clone(records), observed: observed}
	for _, k := range s.keys {
		if k.Usage == nil {
			k.Usage = new(Usage)
		}
	}
	s.reindex()
	return s
}
