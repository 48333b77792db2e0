package admin

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// archivist is a ledger that a guard left behind, and gives evidence of it.
type archivist struct {
	dir    string
	asked  chan asked // each time
	notYet error      // nil: there is evidence
}

// asked is for what evidence was asked.
type asked struct {
	By       string
	From, To time.Time
}

// newArchivist makes a ledger with corp's keys, and with so many notes of a kilobyte.
func newArchivist(t *testing.T, notes int) *archivist {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	l, err := ledger.Open(ctx, ledger.Config{Dir: dir, Guard: "edge-1", ReadKey: jose.ReadMaterial})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(running, func() keyset.Instant { return at(0) }) }()
	l.Record(keyset.Change{Issuer: "https://idp.test", Name: "corp", Set: corp(t, "old", "new").Set})
	for n := range notes {
		l.Note("admin_refused", map[string]string{"detail": strings.Repeat("x", 1000)})
		if n%500 == 0 { // more than a thousand do not wait
			if err := l.Account(ctx, "evidence_exported", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return &archivist{dir: dir, asked: make(chan asked, 100)}
}

// evidence is for Config.Evidence.
func (a *archivist) evidence(ctx context.Context, by string, from, to time.Time) (*ledger.Export, error) {
	a.asked <- asked{by, from, to}
	if a.notYet != nil {
		return nil, a.notYet
	}
	return ledger.ReadEvidence(ctx, ledger.EvidenceConfig{Dir: a.dir, From: from, To: to, ReadKey: jose.ReadMaterial})
}

// pipes is a listener of connections without buffers.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }
