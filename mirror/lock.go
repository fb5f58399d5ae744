package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked is matched by the error of a job that another job keeps out.
var ErrLocked = errors.New("locked")

// Holder says who holds the lock of a work directory.
type Holder struct {
	Command string    `json:"command"` // "sync"
	Process int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
}

func (h Holder) String() string {
	return fmt.Sprintf("%s (process %d on %s, since %s)", h.Command, h.Process, h.Host, h.Since.UTC().Format(time.RFC3339))
}

// lock takes the lock that all jobs which change the store share on this
// machine, or fails at once naming its holder. The operating system drops it
// when the process ends, however it ends, so it is never stale.
func (m *Mirror) lock(command string) (unlock func(), err error) {
	unlock, err = m.take()
	if err == nil {
		m.hold(command)
	}
	return unlock, err
}

// take is lock for a job that may find that there is nothing to do: nothing is
// written, in a directory that was used before, and until hold nobody is told
// who has the lock.
func (m *Mirror) take() (unlock func(), err error) {
	if err := os.MkdirAll(m.Work, 0o750); err != nil {
		return nil, fmt.Errorf("make the work directory: %w", err)
	}
	path := filepath.Join(m.Work, "lock")
	l := flock.New(path)
	taken, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !taken {
		return nil, fmt.Errorf("%w by %s", ErrLocked, holderOf(path))
	}
	return func() {
		_ = os.Remove(path + ".holder") // where there is one
		_ = l.Unlock()
	}, nil
}

// hold says who has the lock, as a job begins.
func (m *Mirror) hold(command string) {
	host, _ := os.Hostname()
	doc, _ := json.Marshal(Holder{Command: command, Process: os.Getpid(), Host: host, Since: m.now()})
	// Only people read the holder, so a failed write is no reason to stop.
	_ = os.WriteFile(filepath.Join(m.Work, "lock.holder"), doc, 0o640)
	m.sweepStage()
}

// holderOf reads who wrote the holder file; it may be gone by now.
func holderOf(path string) string {
	var h Holder
	doc, err := os.ReadFile(path + ".holder")
	if err != nil || json.Unmarshal(doc, &h) != nil {
		return "another process"
	}
	return h.String()
}
