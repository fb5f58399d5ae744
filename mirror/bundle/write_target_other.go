//go:build !unix

package bundle

import "io/fs"

// errReadOnly: other systems call it a missing permission.
var errReadOnly = fs.ErrPermission

// folderNotSyncable: Windows has no sync of folders; NTFS journals their names
// in order.
func folderNotSyncable(error) bool { return true }
