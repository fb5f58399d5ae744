//go:build !unix

package store

// dirSync: Windows has no sync of folders; NTFS journals their names in order.
const dirSync = false

func notSyncable(error) bool { return false }
