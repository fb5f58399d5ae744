//go:build unix

package bundle

import "syscall"

// openFlags keep a link from being followed, and a FIFO that takes the place of
// a file between two looks from blocking for ever.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
