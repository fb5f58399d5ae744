package s3test

import "syscall"

// endWithParent lets an engine end when the test is killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
