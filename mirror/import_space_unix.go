//go:build linux || darwin || freebsd

package mirror

import "syscall"

// freeSpace returns what an ordinary user can still write below dir.
func freeSpace(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
