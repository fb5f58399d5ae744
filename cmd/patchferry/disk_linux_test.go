package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"patchferry/layout"
)

// ownMounts names the variable that is set where a test runs in a namespace of
// mounts of its own.
const ownMounts = "TEST_OWN_MOUNTS"

// inOwnMounts reports whether this process may mount. If not, it runs the test
// again in one that may, as unshare gives it to anybody on most systems, and
// the test is over.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMounts) != "" {
		return true
	}
	probe := exec.Command("unshare", "-rm", "true")
	if out, err := probe.CombinedOutput(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "unshare") {
			t.Fatalf("unshare -rm: %v: %s", err, out)
		}
		t.Skipf("SKIP: needs unshare -rm: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-rm", self, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("it did not run:\n%s", out)
	}
	return false
}

// disk is a small file system in memory with a site on it.
type disk struct {
	*killSite
	path   string
	bodies map[string][]byte
}

const (
	diskFiles    = 6
	diskFileSize = 1 << 20
)

// emptyDisk is one with no site on it yet.
func emptyDisk(t *testing.T, size int) *disk {
	t.Helper()
	d := &disk{killSite: &killSite{t: t}, path: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.path, syscall.MNT_DETACH) })
	return d
}

func newDisk(t *testing.T, size int) *disk {
	t.Helper()
	d := emptyDisk(t, size)
	d.bodies = map[string][]byte{}
	d.killSite = newKillSite(t, filepath.Join(d.path, "m"))
	var list strings.Builder
	for i := range diskFiles {
		path := "/" + fileName(1, i)
		d.bodies[path] = bytes.Repeat([]byte{byte(i)}, diskFileSize+i)
		d.line.Put(path, d.bodies[path])
		fmt.Fprintf(&list, `{"id":"%d","os":["windowsxp"],"files":[{"url":%q,"sha256":%q}]}`+"\n", i, d.line.url(path), layout.DigestOf(d.bodies[path]))
	}
	d.write("vouched.jsonl", list.String())
	d.write("first.jsonl", "")
	d.write("capture.jsonl", "")
	return d
}

func (d *disk) write(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) remount(flags uintptr, size int) {
	d.t.Helper()
	if err := syscall.Mount("", d.path, "", syscall.MS_REMOUNT|flags, fmt.Sprintf("size=%d", size)); err != nil {
		d.t.Fatalf("remount: %v", err)
	}
}

// leave fills the disk but for so many bytes.
func (d *disk) leave(free int64) {
	d.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.path, &st); err != nil {
		d.t.Fatal(err)
	}
	n := int64(st.Bavail)*st.Bsize - free
	if err := os.WriteFile(filepath.Join(d.path, "filler"), make([]byte, max(n, 0)), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// mustExit runs a command that must end with a status, and returns what it
// printed as errors.
func (d *disk) mustExit(want int, args ...string) string {
	d.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		d.t.Fatal(err)
	}
	if got != want {
		d.t.Fatalf("%v: exit %d, want %d\n%s%s", args, got, want, &stdout, &stderr)
	}
	return stderr.String()
}

// TestFullDisk syncs onto a disk that is full after so many bytes. The sync
// says so and what to do; nothing is lost or wrong, and when there is space
// the same command fetches what is missing and no more.
func TestFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	const size, more = 16 << 20, 64 << 20
	for _, free := range []int64{0, 4 << 10, 16 << 10, 64 << 10, 500 << 10, 1 << 20, 1<<20 + 100<<10, 5 << 20, 6 << 20, 6<<20 + 60<<10} {
		t.Run(fmt.Sprintf("%d KiB free", free>>10), func(t *testing.T) {
			d := newDisk(t, size)
			d.leave(free)
			message := d.mustExit(exitFailed, "sync")
			for _, want := range []string{"no space left on device", d.dir, "next: "} {
				if !strings.Contains(message, want) {
					t.Errorf("the message has no %q:\n%s", want, message)
				}
			}
			d.mustExit(exitDone, "audit")
			done, sent := d.held(), d.sent()
			d.remount(0, more)
			d.mustExit(exitDone, "sync")
			if got, most := d.sent()-sent, int64(diskFiles-done)*(diskFileSize+diskFiles); got > most {
				t.Errorf("%d bytes came, where %d files of %d were missing", got, diskFiles-done, diskFiles)
			}
			if done := d.held(); done != diskFiles {
				t.Errorf("%d files are held, want %d", done, diskFiles)
			}
			d.mustExit(exitDone, "audit")
		})
	}
}

// held returns how many of the files the store has, and demands that each is
// the right one.
func (d *disk) held() int {
	d.t.Helper()
	n := 0
	for _, body := range d.bodies {
		got, err := os.ReadFile(d.object(layout.DigestOf(body)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil || !bytes.Equal(got, body) {
			d.t.Errorf("an object has wrong bytes (%v)", err)
		}
		n++
	}
	return n
}

// sent returns how many bytes of files the publisher sent so far.
func (d *disk) sent() int64 {
	d.line.quiet()
	return d.line.Bytes("")
}

// TestReadOnlyDisk syncs onto a disk that can only be read, which is an error
// that says so; commands that only read work.
func TestReadOnlyDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	const size = 32 << 20
	d := newDisk(t, size)
	d.mustExit(exitDone, "sync")
	d.write("first.jsonl", fmt.Sprintf(`{"id":"new","files":[{"url":%q}]}`, d.line.url("/"+fileName(1, 0))))
	d.remount(syscall.MS_RDONLY, size)
	message := d.mustExit(exitFailed, "sync")
	for _, want := range []string{"read-only file system", d.dir, "next: "} {
		if !strings.Contains(message, want) {
			t.Errorf("the message has no %q:\n%s", want, message)
		}
	}
	for _, args := range [][]string{{"audit"}, {"show", "vouched:1"}, {"status"}} {
		d.mustExit(exitDone, args...)
	}
	d.serves()
	d.remount(0, size)
	d.mustExit(exitDone, "sync")
	d.mustExit(exitDone, "audit")
}

// serves demands that the server hands out an object.
func (d *disk) serves() {
	d.t.Helper()
	cmd := d.command("--json", "serve", "--listen", "127.0.0.1:0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // 130, as asked for
	}()
	first, err := bufio.NewReader(out).ReadBytes('\n')
	var r serveReport
	if err == nil {
		err = json.Unmarshal(first, &r)
	}
	if err != nil {
		d.t.Fatalf("serve: %v\n%s", err, &stderr)
	}
	body := d.bodies["/"+fileName(1, 1)]
	resp, err := http.Get(strings.TrimSuffix(r.URL, "/") + "/objects/sha256/" + layout.DigestOf(body).String())
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got, body) {
		d.t.Errorf("serve: got %s with %d bytes (%v), want the file", resp.Status, len(got), err)
	}
}
