package ledger

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// lockTick is how often the lock is tried again: a successor shall not lose
	// much of the drain of its predecessor.
	lockTick = 100 * time.Millisecond
	// maxHolder bounds what is read of whoever holds the lock.
	maxHolder = 256 // bytes
)

// acquire takes the lock of the directory, waiting for whoever has it. The file is
// never removed: two guards could then each hold a lock of that name.
func (o *opening) acquire() error {
	f, err := o.Files.Open(o.path(lockName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("state_dir %s: %w: it must be a directory that this user may write to", o.Dir, err)
	}
	who := ""
	wait := time.NewTimer(o.Wait)
	defer wait.Stop()
	for {
		err := f.Lock()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrLocked) {
			f.Close()
			return fmt.Errorf("lock %s: %w", o.path(lockName), err)
		}
		if who == "" {
			who = holder(f)
			o.Log.Info("ledger_waiting", slog.String("for", who), slog.Duration("at_most", o.Wait))
		}
		tick := time.NewTimer(lockTick)
		select {
		case <-tick.C:
			continue
		case <-wait.C:
			err = fmt.Errorf("state_dir %s: in use by %s: stop that guard, or give this one a state_dir of its own", o.Dir, who)
		case <-o.ctx.Done():
			err = fmt.Errorf("state_dir %s: in use by %s: %w", o.Dir, who, o.ctx.Err())
		}
		tick.Stop()
		f.Close()
		return err
	}
	o.lock = f
	info, err := f.Stat()
	o.known = err == nil && info.Size() > 0
	return err
}

// sign writes into the lock who has it, for people, and that there is a ledger. The
// lock holds without it, on a full disk for instance.
func (o *opening) sign() {
	if o.lock.Truncate(0) == nil {
		fmt.Fprintf(o.lock, "%d %s\n", os.Getpid(), o.Guard)
	}
}

// holder tells who has the lock, as far as the file says.
func holder(f File) string {
	text, _ := io.ReadAll(io.LimitReader(f, maxHolder))
	first, guard, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return "another process"
	}
	return fmt.Sprintf("guard %q, pid %d", guard, pid)
}
