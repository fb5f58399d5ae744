package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"patchferry/layout/durable"
)

const (
	// lockName is the file in a directory of keys and pins that whoever changes
	// something there holds locked. It stays: to remove it would let two hold
	// it at once.
	lockName  = ".lock"
	lockPause = 10 * time.Millisecond // between two tries
)

// PinFile is the operator's own list of pins on disk. It lies outside of the
// store, because a store is not trusted.
//
// A reader sees the file before or after a change, never in between. Of two
// changes at the same moment, by whatever processes of this machine, one comes
// after the other and neither is lost.
type PinFile struct {
	Path string
}

// Load reads the file. A missing file matches fs.ErrNotExist.
func (pf PinFile) Load() (*Pins, error) {
	f, err := os.Open(pf.Path)
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	defer f.Close()
	pins, err := ReadPins(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", pf.Path, err)
	}
	return pins, nil
}

// Update reads the file, or starts an empty one, lets change edit the pins,
// and writes them back durably. An error of change leaves the file as it is.
// It waits for other changes under way until ctx ends.
func (pf PinFile) Update(ctx context.Context, change func(*Pins) error) (err error) {
	unlock, err := lockDir(ctx, filepath.Dir(pf.Path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	pins, err := pf.Load()
	if errors.Is(err, fs.ErrNotExist) {
		pins, err = &Pins{}, nil
	}
	if err != nil {
		return err
	}
	if err := change(pins); err != nil {
		return err
	}
	var text bytes.Buffer
	if _, err := pins.WriteTo(&text); err != nil {
		return fmt.Errorf("write pins %s: %w", pf.Path, err)
	}
	return durable.Replace(pf.Path, pf.mode(), text.Bytes())
}

// mode keeps what the operator gave the file; a new one is readable by all,
// since it holds no secret.
func (pf PinFile) mode() fs.FileMode {
	info, err := os.Stat(pf.Path)
	if err != nil {
		return 0o644
	}
	return info.Mode().Perm()
}

// lockDir keeps others from changing what is in a directory of keys and pins.
// The operating system drops the lock when the process ends, however it ends.
func lockDir(ctx context.Context, dir string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o644))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lock.Close, nil
}
