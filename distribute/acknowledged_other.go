//go:build !linux

package distribute

import "net"

// acknowledged is known on Linux alone.
func acknowledged(*net.TCPConn) (bytes int64, waiting, ok bool) { return 0, false, false }

func cork(*net.TCPConn)   {}
func uncork(*net.TCPConn) {}
