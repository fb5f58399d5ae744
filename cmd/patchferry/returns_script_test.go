package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

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
