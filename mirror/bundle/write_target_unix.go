//go:build unix

package bundle

import (
	"errors"
	"syscall"
)

const errReadOnly = syscall.EROFS

// folderNotSyncable reports whether err says that this file system has no sync
// of folders, as some network file systems have none.
func folderNotSyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}
