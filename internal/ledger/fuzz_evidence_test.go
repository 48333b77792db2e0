package ledger

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fuzzExport is evidence of the ledger that is altered, as a file.
var fuzzExport = sync.OnceValue(func() string {
	w := fuzzLedger()
	d := newDisk()
	d.write(fileName, w.text)
	x, err := ReadEvidence(context.Background(), EvidenceConfig{Dir: dir, Files: d.process(), ReadKey: readKey})
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	if err := x.WriteJSON(context.Background(), &b); err != nil {
		panic(err)
	}
	return b.String()
})

// FuzzAlteredEvidence alters an export: it is refused. With a good hash again, as a
// forger would put there, its lines are still those of the ledger and its figures those
// of the lines.
func FuzzAlteredEvidence(f *testing.F) {
	whole := fuzzExport()
	if _, err := CheckEvidence(context.Background(), strings.NewReader(whole), CheckConfig{ReadKey: readKey}); err != nil {
		f.Fatal(err)
	}
	at := uint(0)
	for i, row := range slices.Collect(strings.Lines(whole)) {
		if i > 12 && i%12 != 3 {
			at += uint(len(row))
			continue
		}
		f.Add(at, uint16(len(row)), []byte{})
		f.Add(at+uint(len(row))/2, uint16(1), []byte("7"))
		f.Add(at+uint(len(row))-1, uint16(0), []byte(" "))
		at += uint(len(row))
	}
	for i := range 30 {
		f.Add(uint(i*20), uint16(1), []byte("1"))
	}
	f.Fuzz(func(t *testing.T, at uint, drop uint16, put []byte) {
		text := alter(whole, at, drop, put)
		if text == whole {
			return
		}
		if _, err := CheckEvidence(context.Background(), strings.NewReader(text), CheckConfig{ReadKey: readKey}); err == nil {
			t.Fatalf("taken with %q in place of %d bytes at %d", put, drop, at)
		}
		if !strings.Contains(text, hashMark) {
			return
		}
		text = reseal(text)
		c, err := CheckEvidence(context.Background(), strings.NewReader(text), CheckConfig{ReadKey: readKey})
		if err != nil {
			return
		}
		_, ours, _ := strings.Cut(whole, rowLedger)
		_, theirs, _ := strings.Cut(text, rowLedger)
		if i, j := strings.LastIndex(ours, "\n]"), strings.LastIndex(theirs, "\n]"); !strings.HasPrefix(ours[:i], theirs[:j]) {
			t.Fatalf("other lines are taken: %q in place of %d bytes at %d", put, drop, at)
		}
		e, err := recounted([]byte(strings.Join(fuzzLedger().lines[:c.Lines], "\n")+"\n"), c.To)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range e.Keys {
			if mine := c.Keys[i]; c.From.Equal(e.From) && (mine.Allowed != k.Allowed || mine.Denied != k.Denied || mine.State != k.State || mine.Attempts != k.Attempts) {
				t.Fatalf("%+v is told, and it is %+v", mine, k)
			}
		}
	})
}
