package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// rotatePause is how long a failed rotation waits for another try: it writes a
// whole snapshot, and the old file serves as well.
const rotatePause = time.Minute

// rotateIfDue begins a new file if this one has grown enough. A snapshot that is
// most of a file would only multiply what is written.
func (w *writer) rotateIfDue(now keyset.Instant, last bool) {
	if last || w.size < max(w.cfg.RotateAt, 2*w.snapshot) || time.Now().Before(w.rotate) {
		return
	}
	w.mu.Lock()
	w.try()
	w.mu.Unlock()
	old, err := w.turn(now)
	if err == nil {
		w.torn = false
		w.log.Info("ledger_rotated", slog.String("file", old))
		w.logHead()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest()
	if w.dirty { // it stopped where nothing may be written yet
		w.fault(err)
		return
	}
	w.recovered(0)
	w.owe()
	if err != nil {
		w.rotate = time.Now().Add(rotatePause)
		w.status.Errors++
		if !w.torn {
			w.torn = true
			w.log.Warn("ledger_rotation_failed", slog.String("error", err.Error()))
		}
	}
	w.publish()
}

// turn begins a new file in place of this one, which is archived. After an error
// the old one goes on, unless dirty says that the directory must be mended first.
func (w *writer) turn(now keyset.Instant) (old string, err error) {
	old = archive(w.first)
	if _, err := w.files.Stat(w.path(old)); !errors.Is(err, fs.ErrNotExist) {
		return old, fmt.Errorf("rotate: %s is there already: move it away", w.path(old))
	}
	n, images, err := w.begin(w.cfg, now, w.images, nil)
	if err != nil {
		return old, fmt.Errorf("rotate: %w", err)
	}
	err = w.files.Rename(w.path(fileName), w.path(old))
	if err == nil {
		err = w.files.Rename(w.path(newName), w.path(fileName))
	}
	if err != nil { // either may have happened all the same
		n.file.Close()
		w.half, w.dirty = old, true
		if mend := w.repair(); mend != nil {
			err = fmt.Errorf("%w, and back: %w", err, mend)
		}
		return old, fmt.Errorf("rotate: %w", err)
	}
	w.file.Close()
	w.store, w.images = *n, images
	if err := w.files.SyncDir(w.dir); err != nil {
		w.dirty, w.unsynced = true, true
		return old, fmt.Errorf("rotate: %w", err)
	}
	return old, nil
}
