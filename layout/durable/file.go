// Package durable writes small files of this machine (keys, pins, journals, notes) so
// that a reader finds one whole, whatever died meanwhile. It knows nothing of stores,
// whose files are written through store.FS.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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

// NewSuffix is what Rewrite adds to a name for as long as it writes: what has it is of no
// use when nobody writes.
const NewSuffix = ".new"

// Rewrite writes a file that has a single writer in place of the one of that name, if
// there is one: whoever dies, a reader finds the old one or the new one whole. What it
// leaves when it is killed, name with ".new" behind it, the next call uses again. After a
// loss of power that is so as well where sync is set, which costs waiting for the disk;
// else the file may then be empty, or the old one.
func Rewrite(name string, mode fs.FileMode, data []byte, sync bool) error {
	if err := rewrite(name, mode, data, sync); err != nil {
		return errors.Join(err, Remove(name+NewSuffix))
	}
	if !sync {
		return nil
	}
	return SyncDir(filepath.Dir(name))
}

func rewrite(name string, mode fs.FileMode, data []byte, sync bool) error {
	f, err := os.OpenFile(name+NewSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(name+NewSuffix, name)
}

// Remove removes a file, missing or not.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Boot names the running kernel's start, on Linux; it is empty elsewhere. While it is the
// same, all that was written to a file is in it, synced or not.
var Boot = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})
