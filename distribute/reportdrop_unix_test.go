//go:build unix

package distribute_test

import (
	"syscall"
	"testing"
)

// pipe makes a named pipe, which nobody will write to.
func pipe(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
}
