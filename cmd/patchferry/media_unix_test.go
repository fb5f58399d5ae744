//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shell runs a command of a page in a folder; patchferry is that of the mirror.
func shell(t *testing.T, mirror, dir, command string) {
	t.Helper()
	if args := strings.Fields(command); args[0] == "patchferry" {
		if r := runIn(t.Context(), mirror, args[1:]...); r.code != exitDone {
			t.Fatalf("%s: exit status %d: %s", command, r.code, r.stderr)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// TestTreeOnADisc does what docs/media.md says, and reads the images as Linux and as
// Windows do.
func TestTreeOnADisc(t *testing.T) {
	judge(t, "xorriso")
	mirror, _ := newMirror(t, smbFiles())
	syncAll(t, mirror)
	commands := pageCommands(t, "media.md")
	if len(commands) != 5 {
		t.Fatalf("the page has the commands %q, want 5", commands)
	}
	dir := t.TempDir()
	t.Cleanup(func() { openFolders(t, dir) })
	tree := filepath.Join(dir, "tree")
	here := strings.NewReplacer("/srv/updates", tree, "/media/updates", filepath.Join(dir, "disk"), "/tmp/check", filepath.Join(dir, "check"))
	for _, command := range commands {
		shell(t, mirror, dir, here.Replace(command))
	}
	sameTree(t, tree, filepath.Join(dir, "check"))
	sumsHold(t, tree, filepath.Join(dir, "check"))
	disk, whole := contents(t, filepath.Join(dir, "disk")), contents(t, tree)
	for name, b := range disk {
		if !bytes.Equal(whole[name], b) {
			t.Errorf("the disk has another %s", name)
		}
	}

	joliet := filepath.Join(dir, "joliet")
	shell(t, mirror, dir, "xorriso -read_fs norock -indev updates.iso -osirrox on -extract / "+joliet)
	sameTree(t, tree, joliet)
	sumsHold(t, tree, joliet)

	one := filepath.Join(dir, "one")
	shell(t, mirror, dir, "xorriso -read_fs norock -indev windows2000.iso -osirrox on -extract / "+one)
	const system = "Software/EN/com_microsoft.windows2000"
	sameTree(t, filepath.Join(tree, system), filepath.Join(one, system))

	image, err := os.Stat(filepath.Join(dir, "updates.iso"))
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	seen := map[string]bool{}
	for _, b := range whole {
		if !seen[string(b)] {
			bytes += int64(len(b))
		}
		seen[string(b)] = true
	}
	if most := bytes + int64(len(whole))*4096 + 4<<20; image.Size() > most {
		t.Errorf("the image has %d bytes for %d of content: what has several names is in it more than once", image.Size(), bytes)
	}
}

// openFolders makes folders that came from an image such as can be removed.
func openFolders(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(name, 0o755)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// sumsHold has sha256sum check every set of scripts of a copy of the tree, from where it
// stands: so the paths by which scripts find packages hold there.
func sumsHold(t *testing.T, tree, place string) {
	t.Helper()
	var sets []string
	for name := range contents(t, tree) {
		if filepath.Base(name) == "SHA256SUMS" {
			sets = append(sets, filepath.Dir(name))
		}
	}
	slices.Sort(sets)
	for _, set := range sets {
		cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS")
		cmd.Dir = filepath.Join(place, filepath.FromSlash(set))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", set, err, out)
		}
	}
}
