// Package mirror does the jobs that change a store: it syncs updates from
// publishers, audits what is kept, and prunes what nothing needs any more.
//
// Two rules hold everywhere in it. Bytes enter a store only
// through admit: staged on local disk, checked whole against what vouches for
// them, then put. And one write publishes: objects first, then the one
// create-only write of the next state; who dies in between leaves the old
// state whole.
//
// It prints nothing and asks nobody: progress goes to Mirror.Progress, results
// and problems come back as reports and errors.
package mirror

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// Mirror is a store with everything that its jobs need. Its fields must not
// change while a job runs. Jobs that change the store keep each other out by
// a lock in Work; they may be started from several goroutines or processes.
type Mirror struct {
	Store   store.Store
	Trusted *trusted.Reader
	Writer  *trusted.Writer
	// Origin signs generations; only a near side has it.
	Origin trusted.Signer
	// Work is a local directory for locks, journals, partial downloads (where
	// the store has no stage of its own) and quarantine. What is in it can be
	// deleted between two jobs at the cost of asking publishers again.
	Work    string
	Sources []Source
	// Bulletins are the sources of what publishers announce.
	Bulletins []BulletinSource
	// Judge judges a kept document of a source under a profile; audit uses it.
	// nil leaves bulletins out of audits.
	Judge  func(source string, profile verify.Profile) *verify.Judge
	Select layout.Selection
	// Rings are the names of the rings in the order in which updates are
	// released; none is DefaultRings.
	Rings []string
	// Land is the ring that every publication moves; empty is the last one, so
	// that who never heard of rings gives hosts what is newest.
	Land string
	// Before, where it is set, is asked before a new generation is published;
	// an error refuses it, and the sync ends with that error.
	Before func(ctx context.Context, p *Proposed) error
	// KeepPacked leaves service packs as they are; else what is in them is handed
	// out, too, where they can be taken apart.
	KeepPacked bool
	// Parallel is how many files are fetched at once; 0 is 24. The client
	// limits connections; a few files more keep them busy while others are
	// being admitted.
	Parallel int
	// Grace is how long a prune plan waits before it may be applied; 0 is
	// 24 hours, negative is none.
	Grace time.Duration
	// Keep is how long generations are kept at least; 0 is 90 days, negative
	// keeps the last four only.
	Keep     time.Duration
	Log      *slog.Logger // nil discards
	Progress func(Event)  // nil is none; must not block; called concurrently
	Clock    func() time.Time
}

func (m *Mirror) now() time.Time {
	if m.Clock != nil {
		return m.Clock()
	}
	return time.Now()
}

func (m *Mirror) log() *slog.Logger {
	if m.Log != nil {
		return m.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (m *Mirror) parallel() int {
	if m.Parallel > 0 {
		return m.Parallel
	}
	return 24
}

// stageFolder is the stage in the work directory.
const stageFolder = "stage"

// Stage returns the directory in which files are staged: the store's own,
// from which admission is a link, or one in the work directory.
func (m *Mirror) Stage() (string, error) { return m.stageFor(m.Store) }

// stageFor is Stage of a store that may be another one.
func (m *Mirror) stageFor(to store.Store) (string, error) {
	if s, ok := to.(store.Stager); ok {
		return s.StageDir(), nil
	}
	dir := filepath.Join(m.Work, stageFolder)
	return dir, os.MkdirAll(dir, 0o750)
}

// stageFS returns the stage as a file system, to be closed by the caller.
func (m *Mirror) stageFS() (store.FS, error) {
	if s, ok := m.Store.(store.Stager); ok {
		return s.StageFS()
	}
	dir, err := m.Stage()
	if err != nil {
		return nil, err
	}
	return store.OpenFS(dir)
}
