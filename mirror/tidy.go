package mirror

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"patchferry/layout/store"
)

// partialLife is how long a download that nobody went on with is kept.
const partialLife = 30 * 24 * time.Hour

// staged are the names that fetches use in the stage: 32 hexadecimal digits of
// a digest of what is wanted, and what upstream keeps beside it.
var staged = regexp.MustCompile(`^[0-9a-f]{32}(\.part|\.json|\.json\.new|\.bad)?$`)

// tidy removes what syncs that were killed left behind: spool files at once,
// for the lock is held, and partial downloads when they are old.
func (m *Mirror) tidy() error {
	for _, name := range namesIn(m.Work) {
		if !strings.HasPrefix(name, spoolPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(m.Work, name)); err != nil {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	stage, err := m.Stage()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return fmt.Errorf("tidy up: %w", err)
	}
	for _, e := range entries {
		if !m.abandoned(e) {
			continue
		}
		if err := os.Remove(filepath.Join(stage, e.Name())); err != nil {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	return nil
}

// tempLife is how old a file that a killed job left in a stage of ours must be
// to be removed, as in that of a store.Dir.
const tempLife = 24 * time.Hour

// sweepStage removes from a stage in the work directory what killed jobs left on
// its way into the store; a store with a stage of its own does so itself. What it
// cannot remove does no harm.
func (m *Mirror) sweepStage() {
	if _, ok := m.Store.(store.Stager); ok {
		return
	}
	stage := filepath.Join(m.Work, stageFolder)
	for _, name := range namesIn(stage) {
		path := filepath.Join(stage, name)
		info, err := os.Lstat(path)
		if err == nil && strings.HasPrefix(name, store.TempPrefix) && time.Since(info.ModTime()) > tempLife {
			_ = os.Remove(path)
		}
	}
}

// abandoned reports whether nobody will go on with a file of the stage: it is
// old, or it was on its way to another name when its writer died.
func (m *Mirror) abandoned(e fs.DirEntry) bool {
	info, err := e.Info()
	if err != nil || !staged.MatchString(e.Name()) {
		return false
	}
	return strings.HasSuffix(e.Name(), ".new") || m.now().Sub(info.ModTime()) > partialLife
}

// namesIn returns the names in a directory in order; none where it cannot be
// read.
func namesIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}
