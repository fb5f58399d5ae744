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

// mountReadOnly shows a folder under another name, or its own, where it cannot be
// written, until the test ends.
func mountReadOnly(t *testing.T, source, on string) {
	t.Helper()
	err := syscall.Mount(source, on, "", syscall.MS_BIND, "")
	if err == nil {
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
	mountReadOnly(t, source, disc)
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

// TestT21ReadOnlyStore imports into a store that cannot be written.
func TestT21ReadOnlyStore(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	far := goldenFar(t)
	mountReadOnly(t, far, far)
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
