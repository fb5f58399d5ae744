package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
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
	cmd := exec.Command("sh", "-c", theLine)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil && !bytes.HasSuffix(out, []byte("\nchecked\n")) {
		err = fmt.Errorf("the last word is not checked")
	}
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
// makes a line of CHECK.txt fail, also a file that is missing or one too many;
// and where somebody who altered a file that counts made SHA256SUMS anew, too.
func flips(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flips DIR")
	}
	dir := ts.MkAbs(args[0])
	names := filesBelow(ts, dir)
	for _, name := range names {
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
		if slices.Contains([]string{checkName, sumsName, reportName, pinsFile}, name) {
			continue
		}
		sums, err := os.ReadFile(filepath.Join(dir, sumsName))
		ts.Check(err)
		altered := bytes.Clone(content)
		altered[len(altered)/2] ^= 1
		ts.Check(os.WriteFile(full, altered, 0o644))
		line := func(b []byte) string { return fmt.Sprintf("%x  ./%s\n", sha256.Sum256(b), filepath.ToSlash(name)) }
		forged := strings.Replace(string(sums), line(content), line(altered), 1)
		ts.Check(os.WriteFile(filepath.Join(dir, sumsName), []byte(forged), 0o644))
		said, err := runChecks(dir)
		if err == nil {
			ts.Fatalf("%s altered, with its sum, and every line is content:\n%s", name, said)
		}
		if !strings.Contains(said, "./"+filepath.ToSlash(name)+": OK") {
			ts.Fatalf("%s altered, with its sum: it should have been found later:\n%s", name, said)
		}
		ts.Check(os.WriteFile(filepath.Join(dir, sumsName), sums, 0o644))
		ts.Check(os.WriteFile(full, content, 0o644))
	}
	extra := filepath.Join(dir, "extra")
	ts.Check(os.WriteFile(extra, nil, 0o644))
	if _, err := runChecks(dir); err == nil {
		ts.Fatalf("a file too many, and every line is content")
	}
	ts.Check(os.Remove(extra))
	if said, err := runChecks(dir); err != nil {
		ts.Fatalf("put back as it was, the lines fail: %v\n%s", err, said)
	}
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
