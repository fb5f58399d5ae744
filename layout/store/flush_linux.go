package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// flusher writes a whole file system out: syncfs(2). Since Linux 5.8 the call
// tells of writes that failed after the file was opened that it is given, which
// is why that stays open. It is used where it is known to reach the disk; a file
// system in user space, say, is not told of it.
type flusher struct {
	once sync.Once
	file *os.File // of the root; nil: no flush can be had
	err  error
}

func (f *flusher) flush(root *os.Root) error {
	f.once.Do(func() { f.file, f.err = openFlush(root) })
	if f.err != nil {
		return f.err
	}
	if err := unix.Syncfs(int(f.file.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: root.Name(), Err: err}
	}
	return nil
}

func (f *flusher) close() error {
	f.once.Do(func() { f.err = os.ErrClosed })
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// openFlush returns the folder open, or errors.ErrUnsupported.
func openFlush(root *os.Root) (*os.File, error) {
	if !tellsOfFailures() {
		return nil, fmt.Errorf("flush: this kernel tells of no failures: %w", errors.ErrUnsupported)
	}
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	switch uint32(s.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return f, nil
	}
	return nil, errors.Join(fmt.Errorf("flush a file system of type %x: %w", s.Type, errors.ErrUnsupported), f.Close())
}

// tellsOfFailures reports whether the kernel is Linux 5.8 or newer.
func tellsOfFailures() bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	version := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	if len(version) < 2 {
		return false
	}
	major, err := strconv.Atoi(version[0])
	minor, _, _ := strings.Cut(version[1], "-")
	least, also := strconv.Atoi(minor)
	return err == nil && also == nil && (major > 5 || major == 5 && least >= 8)
}
