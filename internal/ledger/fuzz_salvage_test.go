package ledger

import (
	"slices"
	"strings"
	"testing"
)

// gone is, of each key that is out of service for ever at the end, the lines from the
// one on that put it there which say so.
func (w *written) gone() map[ident][]string {
	all := map[ident][]string{}
	for _, k := range w.states[len(w.states)-1].Keys() {
		if !k.Final {
			continue
		}
		id, from := identOf(k), 0
		for i, s := range w.states {
			if then := find(s, id); then == nil || !then.Final {
				from = w.upTo[i]
			}
		}
		for _, line := range w.lines[from:] {
			if s := says(line); s.out && s.Thumbprint == id.thumbprint && (id.kid == "" || s.Kid == id.kid) {
				all[id] = append(all[id], line)
			}
		}
	}
	return all
}

// FuzzSalvage alters a ledger, and appends a part of it once more: what is accepted of it
// opens from then on, with the same records, and a key is out of service if one line is
// left that says so.
func FuzzSalvage(f *testing.F) {
	lives := make([]*written, 16)
	gone, retired := make([]map[ident][]string, len(lives)), 0
	for i := range lives {
		lives[i] = write(uint64(i), 30)
		gone[i] = lives[i].gone()
		for _, k := range lives[i].states[len(lives[i].states)-1].Keys() {
			if k.Final && k.RevokedAt.IsZero() {
				retired++
			}
		}
	}
	if retired < 10 {
		f.Fatalf("%d keys were retired: too few", retired)
	}
	for i, w := range lives {
		size, n := uint(len(w.text)), uint(i)
		f.Add(n, uint(3), uint16(0), []byte("\n"), uint(0), uint16(0))
		f.Add(n, size/3, uint16(1), []byte("x"), uint(0), uint16(9000))
		f.Add(n, size/2, uint16(9000), []byte{}, size/4, uint16(3000))
		f.Add(n, size-5000, uint16(4000), []byte("\x00\x00"), uint(0), uint16(size/2))
		f.Add(n, uint(0), uint16(700), []byte(lineMark+"9"), size/2, uint16(7000))
	}
	f.Fuzz(func(t *testing.T, life, at uint, drop uint16, put []byte, again uint, much uint16) {
		w, gone := lives[life%uint(len(lives))], gone[life%uint(len(lives))]
		size := uint(len(w.text))
		text := alter(w.text, at, drop, put)
		i := int(again % size)
		text += w.text[i:min(int(size), i+int(much))]
		d := newDisk()
		d.write(fileName, text)
		kept, found := d.accept(t)
		for id, lines := range gone {
			left := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(text, line) })
			if is := find(kept, id); left >= 0 && (is == nil || !is.Final) {
				t.Errorf("%v is not out of service, and a line says:\n%s\n%s", id, lines[left], found)
			}
		}
		for _, r := range d.open(t).Restored() {
			want(t, r.Set.Keys(), kept)
		}
	})
}
