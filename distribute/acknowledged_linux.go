package distribute

import (
	"net"

	"golang.org/x/sys/unix"
)

// acknowledged returns how many bytes the other end of a connection has
// acknowledged since it was made, and whether more wait for it.
func acknowledged(conn *net.TCPConn) (bytes int64, waiting, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false, false
	}
	var info *unix.TCPInfo
	var failed error
	err = raw.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || failed != nil {
		return 0, false, false
	}
	return int64(info.Bytes_acked), info.Unacked > 0 || info.Notsent_bytes > 0, true
}

// cork holds back what is written to a connection until uncork, so that a
// header and the small file behind it leave in one packet, and wake the client
// once (tcp(7), TCP_CORK). That it fails does no harm.
func cork(conn *net.TCPConn) { setCork(conn, 1) }

// uncork sends what was held back.
func uncork(conn *net.TCPConn) { setCork(conn, 0) }

func setCork(conn *net.TCPConn, on int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, on)
	})
}
