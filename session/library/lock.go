package library

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/session/state"
)

// ErrRunning: another daemon has the state folder.
var ErrRunning = errors.New("another daemon has this state folder")

// lockName is the lock's file, in which its holder says who it is. The lock ends with the process.
const lockName = "daemon.lock"

// takeLock claims the state folder for this process. A lock whose holder was killed is free. Where there can be no lock, as in a folder
// that is read-only, there is none.
func takeLock(dir fsys.FS, log *slog.Logger, now time.Time) (io.Closer, error) {
	l, err := dir.Lock(lockName)
	if errors.Is(err, fsys.ErrLocked) {
		return nil, fmt.Errorf("%s: %w (%s); stop that one first, or use another state folder", dir.Path(), ErrRunning, holder(dir))
	}
	if err != nil {
		log.Warn("the state folder cannot be locked; a second daemon would not notice this one", "folder", dir.Path(), "err", err)
		return noLock{}, nil
	}
	note := fmt.Sprintf("pid %d since %s: %s\n", os.Getpid(), now.Format(time.RFC3339), strings.Join(os.Args, " "))
	if err := writeOver(dir, lockName, []byte(note)); err != nil {
		log.Warn("who comes second cannot be told who we are", "err", err)
	}
	return l, nil
}

// Holder reports whether a daemon has the state folder, and what it says of itself. It takes the lock for a moment where nobody has it.
func Holder(dir fsys.FS) (who string, held bool) {
	if _, err := dir.Lstat(lockName); err != nil {
		return "", false
	}
	l, err := dir.Lock(lockName)
	if err == nil {
		_ = l.Close()
	}
	if !errors.Is(err, fsys.ErrLocked) {
		return "", false
	}
	return holder(dir), true
}

// holder is what the lock's file says.
func holder(dir fsys.FS) string {
	b, err := state.ReadFile(dir, lockName, 4096)
	if err != nil {
		return "its process is not known"
	}
	return text.Clean(strings.TrimSpace(string(b)), 200)
}

type noLock struct{}

func (noLock) Close() error { return nil }
