package s3test

import "syscall"

// endWithParent lets an engine end when the test is killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// hasAttributes reports whether files in dir can have extended attributes.
func hasAttributes(dir string) bool {
	return syscall.Setxattr(dir, "user.patchferry", []byte("test"), 0) == nil
}
