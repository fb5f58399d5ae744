package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"patchferry/distribute"
	"patchferry/layout"
)

func runRole(ctx context.Context, role, dir string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	switch role {
	case "server":
		return serveDir(ctx, dir)
	case "dir", "cache":
		return serveStore(ctx, dir, role == "cache")
	case "cold", "warm":
		return startView(ctx, role, dir)
	}
	return fmt.Errorf("no role %q", role)
}

// objects is a distribute.Source over a folder with a file for each object.
type objects struct{ dir string }

func (s objects) File(_ context.Context, d layout.Digest) (*os.File, error) {
	return os.Open(filepath.Join(s.dir, d.String()))
}

func (s objects) Stat(_ context.Context, d layout.Digest) (int64, error) {
	info, err := os.Stat(filepath.Join(s.dir, d.String()))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s objects) Open(context.Context, layout.Digest, int64, int64) (io.ReadCloser, error) {
	return nil, os.ErrInvalid // every object is a file
}

func serveDir(ctx context.Context, dir string) error {
	view, err := viewOf(dir)
	if err != nil {
		return err
	}
	return serveView(ctx, view, objects{dir})
}

// fileNames are the files of the benchmark; their names say how large they are.
var fileNames = [...]string{"4k", "1m", "300m"}

// viewOf makes a catalog of the files.
func viewOf(dir string) (*distribute.View, error) {
	u := &layout.Update{ID: "bench:1", Type: layout.Software, Folder: target("")[1:][:len(target(""))-2]}
	for _, name := range fileNames {
		size, d, err := digestOf(filepath.Join(dir, target(name)))
		if err != nil {
			return nil, err
		}
		u.Files = append(u.Files, layout.File{Name: name, Size: size, SHA256: d, Held: true, Modified: layout.At(fileTime)})
	}
	return distribute.BuildView(distribute.ViewMeta{State: 1, Generation: 1}, one(u))
}

func serveView(ctx context.Context, view *distribute.View, source distribute.Source) error {
	s := &distribute.Server{Source: source}
	s.Swap(view)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return s.Run(ctx, l)
}

func one(u *layout.Update) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) { yield(u, nil) }
}

// digestOf reads a file in small pieces: what it took would count as the
// server's memory.
func digestOf(path string) (int64, layout.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, layout.Digest{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return n, layout.Digest(sum.Sum(nil)), err
}
