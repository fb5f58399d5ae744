package main

import (
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// hostileSummary is "hostile-summary": it sets a summary with line ends, which
// a script cannot write.
func hostileSummary(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: hostile-summary")
	}
	ts.Setenv("PATCHFERRY_SUMMARY", "a\r\nBcc: victim@example.net\n\nX\x1b\x7f")
}

// headers is "headers FILE NAME…": the head of a mail has exactly these.
func headers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: headers FILE NAME…")
	}
	mail, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	head, _, _ := strings.Cut(string(mail), "\n\n")
	var names []string
	for line := range strings.SplitSeq(head, "\n") {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	if !slices.Equal(names, args[1:]) {
		ts.Fatalf("got the headers %q, want %q", names, args[1:])
	}
}
