package s3test

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	enginePackage = "github.com/versity/versitygw/cmd/versitygw"
	buildTime     = 15 * time.Minute
)

// program returns the path of versitygw below the repository's root, building it
// where it is missing or of another version. It is built once, however many
// tests want it at the same time.
var program = sync.OnceValues(func() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "testdata", "versitygw")
	version, err := pinned(module)
	if err != nil {
		return "", err
	}
	tools := filepath.Join(root, ".tools")
	name := filepath.Join(tools, "versitygw")
	if isBuilt(name, version) {
		return name, nil
	}
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(name + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer func() { _ = lock.Unlock() }()
	if isBuilt(name, version) { // by whoever held the lock
		return name, nil
	}
	return name, build(module, name)
})

// repository returns the root of the repository that the test runs in.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "versitygw", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testdata/versitygw is not in any folder above")
		}
		dir = parent
	}
}

var requirement = regexp.MustCompile(`(?m)^\s*github\.com/versity/versitygw (v\S+)`)

// pinned returns the version of versitygw in the module's go.mod.
func pinned(module string) (string, error) {
	data, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	m := requirement.FindSubmatch(data)
	if m == nil {
		return "", errors.New("go.mod of testdata/versitygw does not pin versitygw")
	}
	return string(m[1]), nil
}

// isBuilt reports whether the program is there, in that version.
func isBuilt(name, version string) bool {
	info, err := buildinfo.ReadFile(name)
	return err == nil && info.Path == enginePackage && info.Main.Version == version
}

func build(module, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	temp := name + ".new"
	args := []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", temp, enginePackage}
	if nice, err := exec.LookPath("nice"); err == nil {
		args = append([]string{nice, "-n", "15"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build versitygw: %w: %s", err, lastLine(string(out)))
	}
	return os.Rename(temp, name)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
