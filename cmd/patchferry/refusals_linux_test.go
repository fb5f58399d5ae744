package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mount mounts a small file system in memory, or, of a folder, a read-only view,
// until the test ends.
func mount(t *testing.T, source, on string, size int) {
	t.Helper()
	var err error
	if size > 0 {
		err = syscall.Mount("tmpfs", on, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	} else if err = syscall.Mount(source, on, "", syscall.MS_BIND, ""); err == nil {
		err = syscall.Mount("", on, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
	}
	if err != nil {
		t.Fatalf("mount %s on %s: %v", source, on, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(on, syscall.MNT_DETACH) })
}

// TestReadOnlyMedium reads bundles from a disc that cannot be written, with and
// without a configuration.
func TestReadOnlyMedium(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	disc := t.TempDir()
	source, err := filepath.Abs(filepath.Join(goldenBundles, "good-full"))
	must(t, err)
	mount(t, source, disc, 0)
	if err := os.WriteFile(filepath.Join(disc, "x"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("a write to the disc: %v, want that it is read-only", err)
	}
	far := goldenFar(t)
	back := filepath.Join(t.TempDir(), "back")
	for _, args := range [][]string{
		{"bundle", "inspect", disc}, {"bundle", "verify", disc, "--key", filepath.Join(goldenBundles, "keys", "origin.asc")},
		{"import", disc, "--dry-run"}, {"import", disc, "--receipt", back}, {"audit"},
	} {
		mustRun(t, far, exitDone, args...)
	}
	if receipts, err := filepath.Glob(filepath.Join(back, "RECEIPT-*.json")); err != nil || len(receipts) != 1 {
		t.Errorf("receipts %v, %v", receipts, err)
	}
}

// TestT21FullDisk imports onto a disk that is full after so many bytes: it says
// so and what to do, nothing is published, and when there is space the same
// command finishes.
func TestT21FullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	const size, more = 2 << 20, 8 << 20
	for _, free := range []int64{0, 4 << 10, 16 << 10, 40 << 10, 64 << 10} {
		t.Run(fmt.Sprintf("%d KiB free", free>>10), func(t *testing.T) {
			path := t.TempDir()
			mount(t, "", path, size)
			d := &disk{killSite: &killSite{t: t, dir: filepath.Join(path, "far")}, path: path}
			must(t, os.Rename(goldenFarOn(t, path), d.dir))
			d.leave(free)
			medium := filepath.Join(goldenBundles, "good-full")
			r := runIn(t.Context(), d.dir, "import", medium)
			if r.code != exitFailed || !strings.Contains(r.stderr, "next: make space on the disk of ") {
				t.Errorf("exits %d and says %s", r.code, r.stderr)
			}
			if n := statesOf(t, d.dir); n != 0 {
				t.Errorf("it published %d states", n)
			}
			d.remount(0, more)
			mustRun(t, d.dir, exitDone, "import", medium)
			mustRun(t, d.dir, exitDone, "audit")
		})
	}
}

// goldenFarOn sets up the far side of the golden bundles in a folder of that
// file system.
func goldenFarOn(t *testing.T, path string) string {
	t.Helper()
	from, to := goldenFar(t), filepath.Join(path, "new")
	must(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// TestT21ReadOnlyStore imports into a store that cannot be written.
func TestT21ReadOnlyStore(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	far := goldenFar(t)
	mount(t, far, far, 0)
	medium := filepath.Join(goldenBundles, "good-full")
	r := runIn(t.Context(), far, "import", medium)
	if r.code != exitFailed || !strings.Contains(r.stderr, "read-only file system") || !strings.Contains(r.stderr, "next: make the disk of ") {
		t.Errorf("exits %d and says %s", r.code, r.stderr)
	}
	untouched(t, far)
}

// TestT21UnreadableMedium imports from a medium of which one file answers with
// an input/output error, as this process's memory does at address 0.
func TestT21UnreadableMedium(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	medium := t.TempDir()
	must(t, os.CopyFS(medium, os.DirFS(filepath.Join(goldenBundles, "good-full"))))
	empty, err := filepath.Glob(filepath.Join(medium, "*", "vol-001-of-001", "objects", "e3", "*"))
	if err != nil || len(empty) != 1 {
		t.Fatalf("the bundle has no empty object: %v, %v", empty, err)
	}
	if err := syscall.Mount(fmt.Sprintf("/proc/%d/mem", os.Getpid()), empty[0], "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("mount: %v", err)
	}
	unmount := func() { _ = syscall.Unmount(empty[0], syscall.MNT_DETACH) }
	t.Cleanup(unmount)
	far := goldenFar(t)
	report, e := refusal(t, far, exitFailed, medium)
	if report.Code != "medium" || !strings.Contains(e.Error, "input/output error") || !strings.Contains(e.Hint, "copy the bundle again") {
		t.Errorf("got %s: %s; next: %s", report.Code, e.Error, e.Hint)
	}
	untouched(t, far)
	unmount()
	mustRun(t, far, exitDone, "import", medium)
	mustRun(t, far, exitDone, "audit")
}
