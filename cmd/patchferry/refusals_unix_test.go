//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// smallObject is the one file that good-small ships.
const smallObject = "objects/8c/8cfd8f35cd4830b77a3661910c589f0fd012d8a70dd8a946b4533161438e551e"

// copyOfSmall copies good-small, to be spoilt, and returns its volume.
func copyOfSmall(t *testing.T) (volume string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(goldenBundles, "good-small"))))
	return filepath.Join(dir, "main-e002-s000005", "vol-001-of-001")
}

// asks makes a shell script the program that a site asks before an import
// publishes.
func asks(t *testing.T, dir, script string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "ask.sh"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	name := filepath.Join(dir, "patchferry.toml")
	text, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, append(text, "\n[hooks]\npre_publish = \"ask.sh\"\n"...), 0o600))
}

// untouched demands that nothing was published, and that no object is in the
// store.
func untouched(t *testing.T, far string) {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(far, "store", "objects", "sha256", "*", "*"))
	if err != nil || len(objects) > 0 || statesOf(t, far) > 0 {
		t.Errorf("the store has the objects %v and %d states (%v)", objects, statesOf(t, far), err)
	}
}

// TestT04WhatIsNoFile puts what is no file into a bundle.
func TestT04WhatIsNoFile(t *testing.T) {
	object := func(volume string) string { return filepath.Join(volume, filepath.FromSlash(smallObject)) }
	tests := []struct {
		name  string
		spoil func(volume string) error
		words string
	}{
		{"folder", func(v string) error { return os.Mkdir(filepath.Join(v, "objects", "more"), 0o700) }, "is a directory that the volume does not name"},
		{"link", func(v string) error { return os.Symlink("README.txt", filepath.Join(v, "more")) }, "more is a symbolic link that the volume does not name"},
		{"link for a file", func(v string) error {
			away := filepath.Join(filepath.Dir(filepath.Dir(v)), "away")
			return errors.Join(os.Rename(object(v), away), os.Symlink(away, object(v)))
		}, "is a symbolic link, not a regular file"},
		{"FIFO", func(v string) error { return syscall.Mkfifo(filepath.Join(v, "more"), 0o600) }, "more is a FIFO that the volume does not name"},
		{"FIFO for the header", func(v string) error {
			name := filepath.Join(v, bundle.HeaderFile)
			return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o600))
		}, "HEADER.json is a FIFO, not a regular file"},
		{"device", func(v string) error { return syscall.Mknod(filepath.Join(v, "more"), syscall.S_IFCHR|0o600, 1<<8|3) }, "more is a device that the volume does not name"},
	}
	far := goldenFar(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			volume := copyOfSmall(t)
			if err := tt.spoil(volume); errors.Is(err, syscall.EPERM) {
				if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "mknod") {
					t.Fatal("needs the right to make a device, as PATCHFERRY_REQUIRE says")
				}
				t.Skip("SKIP: needs the right to make a device")
			} else if err != nil {
				t.Fatal(err)
			}
			report, e := refusal(t, far, exitUntrusted, volume)
			if report.Code != bundle.CodeUndeclared || !strings.Contains(e.Error, tt.words) {
				t.Errorf("got %s: %s; want %s with %q", report.Code, e.Error, bundle.CodeUndeclared, tt.words)
			}
			untouched(t, far)
		})
	}
}

// TestT17UnpinnedBulletin imports a bulletin whose key is not pinned here, and
// says so.
func TestT17UnpinnedBulletin(t *testing.T) {
	far := filepath.Join(t.TempDir(), "far")
	origin := filepath.Join(goldenBundles, "keys", "origin.asc")
	mustRun(t, far, exitDone, "init", "far", "--dir", far, "--name", "plant", "--origin-key", origin, "--fingerprint", fingerprintOf(t, origin), "--no-passphrase")
	r := mustRun(t, far, exitDone, "import", filepath.Join(goldenBundles, "good-full"))
	if want := "bulletins:ms08-067: its key is not pinned here, so it announces nothing"; !strings.Contains(r.stderr, want) {
		t.Errorf("it says %q, want %q", r.stderr, want)
	}
}

// TestT20MediumChanges changes the medium after a dry run has found it right,
// and after an import has copied it.
func TestT20MediumChanges(t *testing.T) {
	far := goldenFar(t)
	volume := copyOfSmall(t)
	mustRun(t, far, exitDone, "import", "--dry-run", volume)
	name := filepath.Join(volume, filepath.FromSlash(smallObject))
	right, err := os.ReadFile(name)
	must(t, err)
	spoilt := bytes.Clone(right)
	spoilt[100] ^= 1
	must(t, os.WriteFile(name, spoilt, 0o600))
	report, e := refusal(t, far, exitUntrusted, volume)
	if report.Code != bundle.CodeDigest || !strings.Contains(e.Error, "has other bytes than were signed") {
		t.Errorf("got %s: %s", report.Code, e.Error)
	}
	untouched(t, far)

	must(t, os.WriteFile(name, right, 0o600))
	asks(t, far, fmt.Sprintf("for f in '%s'/*.* '%s'; do echo spoilt >>\"$f\"; done", volume, name))
	mustRun(t, far, exitDone, "import", volume)
	mustRun(t, far, exitDone, "audit")
	if now, err := os.ReadFile(name); err != nil || bytes.Equal(now, right) {
		t.Errorf("the medium was not changed (%v)", err)
	}
}

// TestT23ClockSetBack brings a bundle whose key is good by the clock of the
// system, and has expired by the newest date that was accepted here: who sets a
// clock back gains nothing.
func TestT23ClockSetBack(t *testing.T) {
	key := expiring(t)
	volume := copyOfSmall(t)
	for _, name := range []string{bundle.HeaderFile, bundle.GenerationFile} {
		name := filepath.Join(volume, filepath.FromSlash(name))
		doc, err := os.ReadFile(name)
		must(t, err)
		sig, err := key.Sign(doc, time.Now())
		must(t, err)
		must(t, os.WriteFile(name+".asc", sig, 0o600))
	}
	public := filepath.Join(t.TempDir(), "expiring.asc")
	var armored strings.Builder
	must(t, key.WritePublic(&armored))
	must(t, os.WriteFile(public, []byte(armored.String()), 0o600))
	newFar := func() string {
		far := filepath.Join(t.TempDir(), "far")
		mustRun(t, far, exitDone, "init", "far", "--dir", far, "--name", "plant", "--origin-key", public, "--fingerprint", fingerprintOf(t, public), "--no-passphrase")
		return far
	}
	mustRun(t, newFar(), exitDone, "import", volume)

	far := newFar()
	mark, err := store.OpenMark(filepath.Join(far, "work", markFile))
	must(t, err)
	must(t, mark.Raise(t.Context(), 0, layout.Digest{}, layout.At(time.Now().AddDate(0, 0, 9)), nil))
	must(t, mark.Close())
	report, e := refusal(t, far, exitUntrusted, volume)
	if report.Code != mirror.CodeKey || !strings.Contains(e.Error, "expired on ") {
		t.Errorf("got %s: %s; want %s", report.Code, e.Error, mirror.CodeKey)
	}
	untouched(t, far)
}

// expiring makes a key that is good for another day.
func expiring(t *testing.T) *verify.SecretKey {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "gpg") {
			t.Fatal("gpg is required and not installed")
		}
		t.Skip("SKIP: needs gpg")
	}
	home, err := os.MkdirTemp("", "gpg") // the path of a socket must be short
	must(t, err)
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	gpg := func(args ...string) []byte {
		out, err := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...).Output()
		must(t, err)
		return out
	}
	gpg("--faked-system-time", time.Now().Add(-24*time.Hour).UTC().Format("20060102T150405"), "--quick-gen-key", "expiring", "ed25519", "sign", "2d")
	key, err := verify.ReadSecret(bytes.NewReader(gpg("--armor", "--export-secret-keys")), nil)
	must(t, err)
	return key
}

// TestT24RevokedByTheSameWrite revokes on the near side what hosts of the far
// side fetch: the import takes it from them in every ring, with nobody promoting
// anything.
func TestT24RevokedByTheSameWrite(t *testing.T) {
	content := []byte("MZ update")
	near, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": content})
	origin := filepath.Join(near, "keys", "origin.asc")
	far, medium := filepath.Join(t.TempDir(), "far"), t.TempDir()
	mustRun(t, far, exitDone, "init", "far", "--dir", far, "--name", "plant", "--origin-key", origin, "--fingerprint", fingerprintOf(t, origin), "--no-passphrase")
	mustRun(t, near, exitDone, "sync")
	mustRun(t, near, exitDone, "export", "--to", medium)
	mustRun(t, far, exitDone, "import", filepath.Join(medium, "main-e001-s000001"))
	mustRun(t, far, exitDone, "promote", "pilot")
	mustRun(t, far, exitDone, "promote", "production")
	object := serveRings(t, far) + "objects/sha256/" + fmt.Sprintf("%x", sha256.Sum256(content))
	if got := status(t, object); got != http.StatusOK {
		t.Fatalf("promoted: %d, want 200", got)
	}
	mustRun(t, near, exitDone, "revoke", "KB835732", "--reason", "malware")
	mustRun(t, near, exitDone, "export", "--to", medium)
	states := statesOf(t, far)
	mustRun(t, far, exitDone, "import", filepath.Join(medium, "main-e001-s000002"))
	if now := statesOf(t, far); now != states+1 {
		t.Errorf("the import wrote %d states, want one", now-states)
	}
	got := 0
	for end := time.Now().Add(time.Minute); got != http.StatusGone && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = status(t, object) // a server follows within a second
	}
	if got != http.StatusGone {
		t.Errorf("revoked: %d, want 410", got)
	}
}
