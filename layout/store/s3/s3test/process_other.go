//go:build !linux

package s3test

import "syscall"

func endWithParent() *syscall.SysProcAttr { return nil }

func hasAttributes(string) bool { return false }
