package bundle

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropPages asks the system to forget what it keeps of a file in memory, so
// that what is read next comes from the medium (posix_fadvise(2)). Pages that
// were not synced stay; that it fails does no harm.
func dropPages(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
