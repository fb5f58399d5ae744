package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// TestScriptOnBucket runs the stories of testdata/script/bucket, which are about
// stores in buckets.
func TestScriptOnBucket(t *testing.T) {
	runOnBucket(t, filepath.Join("testdata", "script", "bucket"))
}

// runOnBucket runs scripts that have, for a store X, its URL in
// ${STORE}X${AT}: one bucket a script, with a prefix a store.
func runOnBucket(t *testing.T, dir string) {
	t.Helper()
	engine := s3test.Start(t)
	p := scripts()
	p.Dir = dir
	p.Cmds["large"], p.Cmds["volume"] = large, volume
	p.Cmds["alter"] = func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := engine.Alter(context.Background(), ts.Getenv("BUCKET"), args[0]+"/objects/")
		ts.Check(err)
		if n == 0 {
			ts.Fatalf("%s has no objects to alter", args[0])
		}
	}
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		c := engine.Bucket(t)
		store, at, _ := strings.Cut(urlOf(c, "@"), "@")
		env.Setenv("STORE", store)
		env.Setenv("BUCKET", c.Bucket)
		env.Setenv("AT", at)
		none := c
		none.Bucket = "nobody-has-made-it"
		env.Setenv("NOBUCKET", none.String())
		return setup(env)
	}
	testscript.Run(t, p)
}

// large is "large FILE LIST": it makes a file of 900,000 bytes, adds it to a list
// of what the publisher has, and sets LARGE to its digest.
func large(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: large FILE LIST")
	}
	content := make([]byte, 900_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o644))
	list, err := os.OpenFile(ts.MkAbs(args[1]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	digest := fmt.Sprintf("%x", sha256.Sum256(content))
	_, err = fmt.Fprintf(list, "http://@PUB@/%s sha256=%s\n", filepath.Base(args[0]), digest)
	ts.Check(errors.Join(err, list.Close()))
	ts.Setenv("LARGE", digest)
}

// volume is "volume BUNDLE N DIR": it puts volume N of a bundle on a medium of its
// own.
func volume(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: volume BUNDLE N DIR")
	}
	names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "vol-00"+args[1]+"-of-*"))
	ts.Check(err)
	if len(names) != 1 {
		ts.Fatalf("%s has %d volumes %s", args[0], len(names), args[1])
	}
	to := filepath.Join(ts.MkAbs(args[2]), filepath.Base(args[0]), filepath.Base(names[0]))
	ts.Check(os.CopyFS(to, os.DirFS(names[0])))
}

// urlOf returns the URL of a store below a prefix in a bucket.
func urlOf(c s3.Config, prefix string) string {
	url := c.String()
	return strings.Replace(url, "?", "/"+prefix+"?", 1)
}

// notOnBucket are the scripts that are about a directory, and why; the rest of
// testdata/script runs on buckets as it is.
var notOnBucket = map[string]string{
	"init":            "it looks at the folder that init makes",
	"demo":            "its stores are directories",
	"bulletin_verify": "it has no store",
	"usage":           "it has no store",
}

// setsUp is a line that makes a store; one in a folder "shut" is a directory, as
// the script has a second configuration that names it.
var setsUp = regexp.MustCompile(`(?m)^(?:exec patchferry init near .*--dir|farside) (\S+).*$`)

// TestScriptsWithOneLineChanged runs the stories of testdata/script with every
// store in a bucket: what a directory can do, a bucket can.
func TestScriptsWithOneLineChanged(t *testing.T) {
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("scripts: %v, %v", names, err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".txtar")
		if notOnBucket[base] != "" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = setsUp.ReplaceAllFunc(text, func(line []byte) []byte {
			dir := string(setsUp.FindSubmatch(line)[1])
			if dir == "shut" {
				return line
			}
			return append(slices.Clone(line), " --store ${STORE}"+dir+"${AT}"...)
		})
		if err := os.WriteFile(filepath.Join(dir, base+".txtar"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runOnBucket(t, dir)
}
