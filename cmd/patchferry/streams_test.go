package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// farSide is "farside DIR NEAR NAME": it makes a far side in DIR that believes
// the origin of the near side in NEAR, with the fingerprint that is pinned
// there.
func farSide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: farside DIR NEAR NAME [FLAG…]")
	}
	fingerprint := ""
	for line := range strings.Lines(ts.ReadFile(args[1] + "/keys/pins")) {
		if fields := strings.Fields(line); strings.Contains(line, "purpose=origin") {
			fingerprint = fields[0]
		}
	}
	words := []string{
		"init", "far", "--dir", args[0], "--name", args[2], "--no-passphrase",
		"--origin-key", args[1] + "/keys/origin.asc", "--fingerprint", fingerprint,
	}
	ts.Check(ts.Exec("patchferry", append(words, args[3:]...)...))
}

// same is "same DIR DIR": it demands that two directories hold the same names
// and bytes.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	a, b := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	names := filesBelow(ts, a)
	if got := filesBelow(ts, b); !slices.Equal(got, names) {
		ts.Fatalf("%s holds %v, want %v", args[1], got, names)
	}
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(a, name))
		ts.Check(err)
		got, err := os.ReadFile(filepath.Join(b, name))
		ts.Check(err)
		if !bytes.Equal(got, want) {
			ts.Fatalf("%s is not the same in %s", name, args[1])
		}
	}
}
