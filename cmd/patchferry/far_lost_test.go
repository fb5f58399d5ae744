package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"patchferry/verify"
)

// TestFarSideLosesItsStore begins again on a machine whose disk is gone, as
// docs/far-side.md says: with the same keys, and only when the mark is taken away
// by hand.
func TestFarSideLosesItsStore(t *testing.T) {
	g := newGap(t)
	medium := g.export()
	g.on(g.far, "import", medium)
	file := func(names ...string) string { return filepath.Join(append([]string{g.far}, names...)...) }
	ring, err := verify.ReadKeyFile(filepath.Join(g.near, "keys", "origin.asc"))
	if err != nil {
		t.Fatal(err)
	}
	site, err := os.ReadFile(file("keys", "site.key"))
	if err := errors.Join(err, os.RemoveAll(file("store")), os.Rename(file("patchferry.toml"), file("aside.toml"))); err != nil {
		t.Fatal(err)
	}
	g.on(g.far, "init", "far", "--dir", g.far, "--name", "plant", "--origin-key", filepath.Join(g.near, "keys", "origin.asc"),
		"--fingerprint", ring.Fingerprints()[0].String(), "--no-passphrase")
	if err := os.Rename(file("aside.toml"), file("patchferry.toml")); err != nil {
		t.Fatal(err)
	}
	g.says(g.far, exitUntrusted, "state 1 was seen here before", "import", medium)
	if err := os.RemoveAll(file("work")); err != nil {
		t.Fatal(err)
	}
	g.says(g.far, exitDone, "followed from now on", "import", medium)
	g.says(g.far, exitDone, "1 states, 1 generations,", "audit")
	if again, err := os.ReadFile(file("keys", "site.key")); err != nil || string(again) != string(site) {
		t.Errorf("the site's key is another one (%v)", err)
	}
}
