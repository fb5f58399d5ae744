package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// WriteNew writes a file of the operator's (a key, pins, a configuration) that
// must not exist, durably: it is there whole or not at all, also after a loss
// of power. A file that exists is fs.ErrExist.
func WriteNew(name string, mode fs.FileMode, data []byte) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("write %s: %w", name, fs.ErrExist)
	}
	return write(name, mode, data, os.Link)
}

// Replace writes a file in place of the one of that name, if there is one,
// durably: a reader, or a machine that comes up again after a loss of power,
// finds the old one or the new one whole.
func Replace(name string, mode fs.FileMode, data []byte) error {
	return write(name, mode, data, os.Rename)
}

// write writes a temporary file beside name and gives it that name.
func write(name string, mode fs.FileMode, data []byte, place func(from, to string) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // gone already where it was renamed
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = place(tmp.Name(), name)
	}
	if err == nil {
		err = SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// SyncDir makes the names in a directory durable. Windows has no such call and
// needs none.
func SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
