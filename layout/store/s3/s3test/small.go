package s3test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// StartSmall is Start with an engine on a disk of so many bytes, in memory. It
// needs unshare, which gives a process mounts of its own; where that is not
// allowed the test is skipped, or fails if PATCHFERRY_REQUIRE names unshare.
func StartSmall(t testing.TB, bytes int) *Engine {
	t.Helper()
	if out, err := exec.Command("unshare", "-rm", "true").CombinedOutput(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "unshare") {
			t.Fatalf("unshare -rm: %v: %s", err, out)
		}
		t.Skipf("SKIP: needs unshare -rm: %v: %s", err, out)
	}
	e, err := inside(t, &Engine{Plain: true, small: bytes})
	return e.orSkip(t, err)
}

// onSmallDisk returns the command line that runs args with a small disk mounted
// at dir.
func onSmallDisk(dir string, bytes int, args []string) []string {
	mount := fmt.Sprintf(`mount -t tmpfs -o size=%d none "$0" && exec "$@"`, bytes)
	return append([]string{"unshare", "-rm", "sh", "-c", mount, dir}, args...)
}
