package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"patchferry/layout"
)

var (
	// ErrRollback is matched when a store shows something older than this
	// machine has already accepted from it.
	ErrRollback = errors.New("older than what this machine has accepted before")
	// ErrFork is matched when a store shows something else in the place of what
	// this machine has accepted: two histories with one number.
	ErrFork = errors.New("not what this machine has accepted under this number before")
)

const (
	markName    = "patchferry-mark"
	markVersion = 1

	// lockPause is the time between two attempts to lock a mark.
	lockPause = 5 * time.Millisecond
)

// Mark is the local high-water mark: the newest state that this machine has
// accepted of a store, and of each stream the newest bundle. A store is not
// trusted, so this is kept outside of it, in a small JSON file:
//
//	{
//	  "format": "patchferry-mark",
//	  "version": 1,
//	  "state": {"number": 42, "sha256": "<64 hex>"},
//	  "clock": "2026-11-22T12:00:00Z",
//	  "streams": {"<stream id>": {"epoch": 1, "seq": 7, "header": "<64 hex>"}}
//	}
//
// Its clock is the newest date of what was accepted: of a state, or of a
// transfer bundle. Whoever sets the system's clock back does not make a key
// valid again that has expired by then (Clock).
//
// Invariant: the positions and the clock only rise. A file that is missing is no mark yet; one
// that cannot be read as a mark is an error and never taken for a missing one.
//
// A Mark may be used by any number of goroutines, and its file by any number
// of processes; those that raise it take turns by locking "<file>.lock", which
// works on local disks only.
type Mark struct {
	fs    FS
	name  string
	clock atomic.Int64 // of the file as it was last read or written, Unix seconds
}

// StreamMark is a position in a stream.
type StreamMark struct {
	Epoch  uint32        `json:"epoch"`
	Seq    uint64        `json:"seq"`    // within the epoch, from 1
	Header layout.Digest `json:"header"` // SHA-256 of the bundle's header
}

// markDoc is the content of the file.
type markDoc struct {
	Format  string                `json:"format"`
	Version int                   `json:"version"`
	State   stateMark             `json:"state,omitzero"`
	Clock   layout.Time           `json:"clock,omitzero"`
	Streams map[string]StreamMark `json:"streams,omitempty"`
}

type stateMark struct {
	Number uint64        `json:"number"`
	SHA256 layout.Digest `json:"sha256"` // of the state's bytes as stored
}

// OpenMark opens the mark in the file path, in a folder that exists. The file
// may be missing; if it is there it must be a mark.
func OpenMark(path string) (*Mark, error) {
	fsys, err := OpenFS(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("open mark %s: %w", path, err)
	}
	m, err := OpenMarkFS(fsys, filepath.Base(path))
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return m, nil
}

// OpenMarkFS is OpenMark on a file system. Close of the Mark closes it.
func OpenMarkFS(fsys FS, name string) (*Mark, error) {
	m := &Mark{fs: fsys, name: name}
	if _, err := m.load(); err != nil {
		return nil, err
	}
	return m, nil
}

// Close lets the folder go.
func (m *Mark) Close() error { return m.fs.Close() }

// State returns the newest accepted state, its number and the SHA-256 of its
// bytes, or 0 where there is none. The states after it must lead back to it.
func (m *Mark) State() (uint64, layout.Digest, error) {
	doc, err := m.load()
	return doc.State.Number, doc.State.SHA256, err
}

// Stream returns the newest accepted position of a stream and whether there is
// one.
func (m *Mark) Stream(id string) (StreamMark, bool, error) {
	doc, err := m.load()
	s, ok := doc.Streams[id]
	return s, ok, err
}

// Newest returns the newest date that this machine has accepted, as of the last
// time that the mark was read or raised; the zero time where there is none.
func (m *Mark) Newest() time.Time {
	seconds := m.clock.Load()
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// Clock returns a clock that is the system's, nil for time.Now, but never behind
// Newest. It may be used concurrently.
func (m *Mark) Clock(system func() time.Time) func() time.Time {
	if system == nil {
		system = time.Now
	}
	return func() time.Time {
		now, newest := system(), m.Newest()
		if now.Before(newest) {
			return newest
		}
		return now
	}
}

// Check returns nil if state number, with this SHA-256, may be the newest: it
// is the marked one or a later one. An older number is ErrRollback, another
// digest under the same number ErrFork. An empty log is number 0.
func (m *Mark) Check(number uint64, digest layout.Digest) error {
	doc, err := m.load()
	if err != nil {
		return err
	}
	return doc.State.check(number, digest)
}

func (s stateMark) check(number uint64, digest layout.Digest) error {
	switch {
	case number < s.Number:
		return fmt.Errorf("state %d, where state %d was accepted: %w", number, s.Number, ErrRollback)
	case number == s.Number && digest != s.SHA256:
		return fmt.Errorf("state %d is %s, where %s was accepted: %w", number, digest, s.SHA256, ErrFork)
	}
	return nil
}

// CheckStream returns nil if the position may be the newest of the stream: it
// is the marked one or a later one. An older epoch, or an older seq of the same
// epoch, is ErrRollback; another header in the same position ErrFork. Whether a
// later position follows from the marked one is for the caller to say.
func (m *Mark) CheckStream(id string, at StreamMark) error {
	doc, err := m.load()
	if err != nil {
		return err
	}
	if err := doc.Streams[id].check(at); err != nil {
		return fmt.Errorf("stream %s: %w", id, err)
	}
	return nil
}

func (s StreamMark) check(at StreamMark) error {
	switch {
	case at.before(s):
		return fmt.Errorf("epoch %d, seq %d, where epoch %d, seq %d was accepted: %w", at.Epoch, at.Seq, s.Epoch, s.Seq, ErrRollback)
	case !s.before(at) && at.Header != s.Header:
		return fmt.Errorf("epoch %d, seq %d is %s, where %s was accepted: %w", at.Epoch, at.Seq, at.Header, s.Header, ErrFork)
	}
	return nil
}

func (s StreamMark) before(other StreamMark) bool {
	return s.Epoch < other.Epoch || s.Epoch == other.Epoch && s.Seq < other.Seq
}

// Raise raises the mark to a state, to the newest date of what was accepted with
// it, and to positions of streams, durably. It never lowers: what is older than the mark is left out without an error, since
// another process may have been faster; Check is what refuses it. Another
// digest in the same position is ErrFork, and then nothing is raised. Number 0
// leaves the state, a missing stream the stream, a zero clock the clock.
//
// It waits for other processes that raise the mark, as long as ctx allows.
func (m *Mark) Raise(ctx context.Context, number uint64, digest layout.Digest, clock layout.Time, streams map[string]StreamMark) (err error) {
	lock := flock.New(m.path() + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return fmt.Errorf("lock mark %s: %w", m.path(), err)
	}
	// The lock file stays: to remove it would let two hold it at once.
	defer func() { err = errors.Join(err, lock.Close()) }()

	doc, err := m.load()
	if err != nil {
		return err
	}
	raised, err := doc.raise(stateMark{number, digest}, clock, streams)
	if err != nil {
		return fmt.Errorf("raise mark %s: %w", m.path(), err)
	}
	if !raised {
		// It may be that high without being durable, if who raised it died.
		return m.fs.SyncDir(".")
	}
	if err := m.save(doc); err != nil {
		return fmt.Errorf("raise mark %s: %w", m.path(), err)
	}
	return nil
}

// raise reports whether anything rose.
func (doc *markDoc) raise(state stateMark, clock layout.Time, streams map[string]StreamMark) (bool, error) {
	raised := false
	if state.Number > 0 {
		if err := doc.State.check(state.Number, state.SHA256); errors.Is(err, ErrFork) {
			return false, err
		}
		if state.Number > doc.State.Number {
			doc.State, raised = state, true
		}
	}
	if clock.Time().After(doc.Clock.Time()) {
		doc.Clock, raised = clock, true
	}
	rising := make(map[string]StreamMark, len(doc.Streams)+len(streams))
	for id, s := range doc.Streams {
		rising[id] = s
	}
	for id, s := range streams {
		if err := rising[id].check(s); errors.Is(err, ErrFork) {
			return false, fmt.Errorf("stream %s: %w", id, err)
		}
		if rising[id].before(s) {
			rising[id], raised = s, true
		}
	}
	doc.Streams = rising
	return raised, doc.valid()
}

func (m *Mark) path() string { return filepath.Join(m.fs.Path(), m.name) }

// load reads the file. A missing one is an empty mark.
func (m *Mark) load() (markDoc, error) {
	f, err := m.fs.Open(m.name)
	if errors.Is(err, fs.ErrNotExist) {
		return markDoc{}, nil
	}
	if err != nil {
		return markDoc{}, fmt.Errorf("read mark: %w", err)
	}
	data, err := ReadDocument(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return markDoc{}, fmt.Errorf("read mark %s: %w", m.path(), err)
	}
	doc, err := parseMark(data)
	if err != nil {
		return markDoc{}, fmt.Errorf("the mark %s is damaged: %w (compare the store's newest state with a copy you trust before you remove the file)", m.path(), err)
	}
	m.advance(doc.Clock)
	return doc, nil
}

// advance notes the clock of the file; it never goes back.
func (m *Mark) advance(clock layout.Time) {
	if clock.IsZero() {
		return
	}
	for next := clock.Time().Unix(); ; {
		last := m.clock.Load()
		if last >= next || m.clock.CompareAndSwap(last, next) {
			return
		}
	}
}

func parseMark(data []byte) (markDoc, error) {
	var doc markDoc
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return markDoc{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return markDoc{}, errors.New("there is something after its end")
	}
	if doc.Format != markName || doc.Version != markVersion {
		return markDoc{}, fmt.Errorf("its format is %q, version %d, want %q, version %d", doc.Format, doc.Version, markName, markVersion)
	}
	return doc, doc.valid()
}

// valid refuses positions without their digest, which would match anything.
func (doc *markDoc) valid() error {
	if (doc.State.Number == 0) != doc.State.SHA256.IsZero() {
		return errors.New("the state has a number or a digest, not both")
	}
	for id, s := range doc.Streams {
		if s.Seq == 0 || s.Header.IsZero() {
			return fmt.Errorf("stream %q has no seq or no header", id)
		}
	}
	return nil
}

// save replaces the file; the lock is held.
func (m *Mark) save(doc markDoc) error {
	doc.Format, doc.Version = markName, markVersion
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	temp := m.name + ".new"
	if err := m.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // else it is what a crash left
	}
	f, err := m.fs.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := m.fs.Rename(temp, m.name); err != nil {
		return err
	}
	m.advance(doc.Clock)
	return m.fs.SyncDir(".")
}
