package main

import (
	"context"
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
		env.Setenv("ENDPOINT", engine.Endpoint)
		return setup(env)
	}
	testscript.Run(t, p)
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
