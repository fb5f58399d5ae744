//go:build unix

package store

import (
	"errors"
	"syscall"
)

// dirSync: a folder is a file whose names become durable when it is synced.
const dirSync = true

// notSyncable reports whether err says that this file system has no sync of
// folders, as some network file systems and read-only media do. Where there is
// nothing to call, there is nothing more to do.
func notSyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}
