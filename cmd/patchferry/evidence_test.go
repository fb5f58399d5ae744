package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/verify"
)

// needs is "needs PROGRAM…": a program that is missing and that
// PATCHFERRY_REQUIRE names fails the script, which skips itself otherwise.
func needs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: needs PROGRAM…")
	}
	required := strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ",")
	for _, program := range args {
		if _, err := exec.LookPath(program); err != nil && slices.Contains(required, program) {
			ts.Fatalf("needs %s, which PATCHFERRY_REQUIRE names: %v", program, err)
		}
	}
}

// theLine is the one that CHECK.txt gives to run all others.
const theLine = `sed -n 's/^    [$] //p' CHECK.txt | sh -e && echo checked`

// runChecks runs the lines of CHECK.txt as its reader would.
func runChecks(dir string) (said string, err error) {
	out, err := runShell(dir, theLine)
	if err == nil && !strings.HasSuffix(out, "\nchecked\n") {
		err = fmt.Errorf("the last word is not checked")
	}
	return out, err
}

// runShell runs a line of a shell in a folder.
func runShell(dir, line string) (said string, err error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// checks is "checks DIR": every line of CHECK.txt in a folder of evidence does
// what it should, with the programs of others; and CHECK.txt names the line that
// runs them. stdout has what they said.
func checks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: checks DIR")
	}
	dir := ts.MkAbs(args[0])
	text, err := os.ReadFile(filepath.Join(dir, checkName))
	ts.Check(err)
	if !strings.Contains(string(text), "\n   "+theLine+"\n") {
		ts.Fatalf("%s does not say how to run it:\n%s", checkName, text)
	}
	said, err := runChecks(dir)
	fmt.Fprint(ts.Stdout(), said)
	if err != nil {
		ts.Fatalf("the lines of %s fail: %v\n%s", checkName, err, said)
	}
}

// flips is "flips DIR": one byte of any file of a folder of evidence flipped
// makes a line of CHECK.txt fail, and so does a file too many.
func flips(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flips DIR")
	}
	dir := ts.MkAbs(args[0])
	for _, name := range filesBelow(ts, dir) {
		full := filepath.Join(dir, name)
		content, err := os.ReadFile(full)
		ts.Check(err)
		for at, bit := range map[int]byte{0: 0x10, len(content) / 2: 0x20, len(content) - 1: 0x01} {
			altered := bytes.Clone(content)
			altered[at] ^= bit
			ts.Check(os.WriteFile(full, altered, 0o644))
			if name == checkName {
				mustNotSum(ts, dir)
			} else if said, err := runChecks(dir); err == nil {
				ts.Fatalf("byte %d of %s flipped by %#x, and every line is content:\n%s", at, name, bit, said)
			}
		}
		ts.Check(os.WriteFile(full, content, 0o644))
	}
	extra := filepath.Join(dir, "extra")
	ts.Check(os.WriteFile(extra, nil, 0o644))
	if _, err := runChecks(dir); err == nil {
		ts.Fatalf("a file too many, and every line is content")
	}
	ts.Check(os.Remove(extra))
}

// forges is "forges DIR": whoever alters a file that counts and makes SHA256SUMS
// anew is found by a later line.
func forges(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: forges DIR")
	}
	dir := ts.MkAbs(args[0])
	for _, name := range filesBelow(ts, dir) {
		if slices.Contains([]string{checkName, sumsName, reportName, pinsFile}, name) {
			continue // nothing is concluded from these
		}
		full := filepath.Join(dir, name)
		content, err := os.ReadFile(full)
		ts.Check(err)
		altered := bytes.Clone(content)
		altered[len(altered)/2] ^= 1
		ts.Check(os.WriteFile(full, altered, 0o644))
		mustFailLate(ts, dir, name+" altered")
		ts.Check(os.WriteFile(full, content, 0o644))
	}
	sumAnew(ts, dir)
	if said, err := runChecks(dir); err != nil {
		ts.Fatalf("put back as it was, the lines fail: %v\n%s", err, said)
	}
}

// mustFailLate makes the sums of a folder anew, and demands that they are right
// and a later line fails.
func mustFailLate(ts *testscript.TestScript, dir, what string) {
	sumAnew(ts, dir)
	said, err := runChecks(dir)
	if err == nil || !strings.Contains(said, "./"+checkName+": OK") || strings.Contains(said, "FAILED") {
		ts.Fatalf("%s: the sums should be right, and a later line fail: %v\n%s", what, err, said)
	}
}

// replays is "replays DIR MIRROR": in a folder of evidence whose file has been
// there for several states, what is rightly signed and belongs elsewhere is
// found, though every sum is right: the first generation in place of the newest,
// a state in place of the next, and a signature by another key of the site.
func replays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: replays DIR MIRROR")
	}
	for what, replace := range map[string]func(dir string){
		"the first generation for the newest": func(dir string) {
			for _, name := range []string{generationName, signatureName, catalogName, lineName} {
				copyFile(ts, filepath.Join(dir, firstEdition, name), filepath.Join(dir, name))
			}
		},
		"the first catalog for the newest": func(dir string) {
			for _, name := range []string{catalogName, lineName} {
				copyFile(ts, filepath.Join(dir, firstEdition, name), filepath.Join(dir, name))
			}
		},
		"a state for the next": func(dir string) {
			copyFile(ts, filepath.Join(dir, store.StateKey(2)), filepath.Join(dir, store.StateKey(3)))
		},
		"a signature of the site for one of the origin": func(dir string) {
			key, err := verify.ReadSecret(strings.NewReader(ts.ReadFile(args[1]+"/keys/site.key")), nil)
			ts.Check(err)
			document, err := os.ReadFile(filepath.Join(dir, generationName))
			ts.Check(err)
			signature, err := key.Sign(document, time.Now())
			ts.Check(err)
			ts.Check(os.WriteFile(filepath.Join(dir, signatureName), signature, 0o644))
		},
	} {
		dir := filepath.Join(ts.Getenv("WORK"), "replayed")
		ts.Check(os.CopyFS(dir, os.DirFS(ts.MkAbs(args[0]))))
		replace(dir)
		mustFailLate(ts, dir, what)
		ts.Check(os.RemoveAll(dir))
	}
}

func copyFile(ts *testscript.TestScript, from, to string) {
	content, err := os.ReadFile(from)
	ts.Check(err)
	ts.Check(os.WriteFile(to, content, 0o644))
}

// sumAnew makes SHA256SUMS of a folder as it is.
func sumAnew(ts *testscript.TestScript, dir string) {
	d := &dossier{sums: make(map[string]layout.Digest)}
	for _, name := range filesBelow(ts, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		ts.Check(err)
		if name != sumsName {
			d.sums[name] = layout.DigestOf(content)
		}
	}
	ts.Check(os.WriteFile(filepath.Join(dir, sumsName), d.sumLines(), 0o644))
}

// mustNotSum runs the lines that every CHECK.txt has: those of an altered one
// are not to be run.
func mustNotSum(ts *testscript.TestScript, dir string) {
	cmd := exec.Command("sh", "-ec", "sha256sum --strict -c SHA256SUMS")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil {
		ts.Fatalf("%s altered, and its sum is right:\n%s", checkName, out)
	}
}

func filesBelow(ts *testscript.TestScript, dir string) []string {
	var names []string
	ts.Check(fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	return names
}
