package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// besideProgram is --with-tools without a directory.
const besideProgram = "beside this program"

// distSums names what make dist has left in a folder, with digests.
const distSums = "SHA256SUMS"

// maxDistSums is the largest such file in bytes.
const maxDistSums = 1 << 20

// bundleTools returns what goes into the folder tools of a bundle: what the
// SHA256SUMS of a folder lists. Beside a program that has none, the program
// alone.
func bundleTools(from string) ([]bundle.Tool, error) {
	program := ""
	if from == besideProgram {
		var err error
		if program, err = os.Executable(); err == nil {
			program, err = filepath.EvalSymlinks(program)
		}
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		from = filepath.Dir(program)
	}
	tools, err := listedTools(from)
	if program != "" && (errors.Is(err, fs.ErrNotExist) || err == nil && !holds(tools, from, program)) {
		one, err := tool(program, programName())
		return []bundle.Tool{one}, err
	}
	return tools, withHint(err, "make dist makes such a folder; --with-tools alone adds this program")
}

// holds reports whether a file of a folder is one of its tools.
func holds(tools []bundle.Tool, dir, file string) bool {
	return slices.ContainsFunc(tools, func(t bundle.Tool) bool { return filepath.Join(dir, filepath.FromSlash(t.Name)) == file })
}

// programName is what this program is called among others.
func programName() string {
	name := "patchferry-" + runtime.GOOS + "-" + runtime.GOARCH
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}

// listedTools returns the files that the SHA256SUMS of a folder lists, each of
// which must have the digest that stands there.
func listedTools(dir string) ([]bundle.Tool, error) {
	f, err := os.Open(filepath.Join(dir, distSums))
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	var tools []bundle.Tool
	lines := bufio.NewScanner(io.LimitReader(f, maxDistSums))
	for lines.Scan() {
		digest, name, ok := strings.Cut(lines.Text(), "  ")
		name = strings.TrimPrefix(name, "./")
		want, err := layout.ParseDigest(digest)
		twice := slices.ContainsFunc(tools, func(t bundle.Tool) bool { return t.Name == name })
		if !ok || err != nil || twice || layout.CheckPath(name) != nil {
			return nil, fmt.Errorf("read %s: the line %q is not one file's, as sha256sum writes it", f.Name(), oneLine(lines.Text(), 100))
		}
		t, err := tool(filepath.Join(dir, filepath.FromSlash(name)), name)
		if err != nil {
			return nil, err
		}
		if t.SHA256 != want {
			return nil, fmt.Errorf("%s has other bytes than %s says", name, f.Name())
		}
		tools = append(tools, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if len(tools) == 0 {
		return nil, fmt.Errorf("%s lists no file", f.Name())
	}
	return tools, nil
}

// tool hashes a file that goes into the folder tools under a name.
func tool(file, name string) (bundle.Tool, error) {
	t := bundle.Tool{Name: name, Open: func(context.Context) (io.ReadCloser, error) { return os.Open(file) }}
	if err := bundle.CheckPayloadName("tools/" + name); err != nil {
		return t, err
	}
	f, err := os.Open(file)
	if err != nil {
		return t, err
	}
	defer f.Close() // it was only read
	hash := sha256.New()
	t.Size, err = io.Copy(hash, f)
	t.SHA256 = layout.Digest(hash.Sum(nil))
	return t, err
}
