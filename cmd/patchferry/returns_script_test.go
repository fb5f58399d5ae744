package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/verify"
)

// intoVariable is "fingerprint NAME FILE": it sets NAME to the fingerprint of
// the one key in a file, as somebody would read it out.
func intoVariable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fingerprint NAME FILE")
	}
	ring, err := verify.ReadKeyFile(ts.MkAbs(args[1]))
	ts.Check(err)
	if n := len(ring.Fingerprints()); n != 1 {
		ts.Fatalf("%s holds %d keys", args[1], n)
	}
	ts.Setenv(args[0], ring.Fingerprints()[0].Grouped())
}

// types is "types FILE": it runs the commands about keys that the program
// printed into a file, as somebody would type them.
func types(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: types FILE")
	}
	typed := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == "patchferry" && words[1] == "key" {
			ts.Check(ts.Exec(words[0], words[1:]...))
			typed++
		}
	}
	if typed == 0 {
		ts.Fatalf("%s holds no command about keys", args[0])
	}
}
