package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// PinFile is the operator's own list of pins on disk. It lies outside of the
// store, because a store is not trusted.
//
// A reader sees the file before or after a change, never in between. Two
// changes at the same moment may lose one of them; the caller holds a lock
// where that can happen.
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
func (pf PinFile) Update(change func(*Pins) error) error {
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
	if err := pf.replace(pins); err != nil {
		return fmt.Errorf("write pins %s: %w", pf.Path, err)
	}
	return nil
}

// replace writes a temporary file beside the old one and renames it, so that
// a power loss leaves one of the two whole.
func (pf PinFile) replace(pins *Pins) error {
	dir := filepath.Dir(pf.Path)
	tmp, err := os.CreateTemp(dir, ".pins-*")
	if err != nil {
		return err
	}
	if err := errors.Join(writePins(tmp, pins, pf.mode()), tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), pf.Path); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDir(dir)
}

func writePins(f *os.File, pins *Pins, mode fs.FileMode) error {
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := pins.WriteTo(f); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a rename durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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
