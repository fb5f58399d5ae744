package distribute

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"patchferry/layout"
)

// grower is one run of Tree.Make.
type grower struct {
	*Tree
	root   *os.Root
	made   map[string]treeEntry // by folded path
	counts TreeCounts
}

// treeEntry is one line of TreeList. Size and Modified say whether the file is
// still the one that was made.
type treeEntry struct {
	Path     string        `json:"path"`
	SHA256   layout.Digest `json:"sha256"`
	Size     int64         `json:"size"`
	Modified int64         `json:"modified"` // nanoseconds since 1970
}

// treeTemp is the name under which a file is made before it gets its own.
const treeTemp = ".patchferry-tree.new"

// grow removes what is no longer wanted, then makes what is missing.
func (g *grower) grow(ctx context.Context, want map[string]leaf) error {
	for _, key := range slices.Sorted(maps.Keys(g.made)) {
		if l, ok := want[key]; ok && l.digest == g.made[key].SHA256 && l.path == g.made[key].Path {
			continue
		}
		if err := g.remove(key); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.add(ctx, key, want[key]); err != nil {
			return fmt.Errorf("make %s: %w", want[key].path, err)
		}
	}
	return nil
}

// remove takes away a file that was made here, unless somebody changed it.
func (g *grower) remove(key string) error {
	e := g.made[key]
	info, err := g.root.Lstat(filepath.FromSlash(e.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.forget(key)
		return nil
	case err != nil:
		return fmt.Errorf("remove %s: %w", e.Path, err)
	case !e.is(info):
		g.counts.Failed++
		g.step("changed", e.Path, e.SHA256)
		return nil
	}
	g.counts.Removed++
	g.step("remove", e.Path, e.SHA256)
	if g.DryRun {
		return nil
	}
	if err := g.root.Remove(filepath.FromSlash(e.Path)); err != nil {
		return fmt.Errorf("remove %s: %w", e.Path, err)
	}
	g.forget(key)
	for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
		if g.root.Remove(filepath.FromSlash(dir)) != nil {
			return nil // not empty
		}
	}
	return nil
}

func (g *grower) forget(key string) {
	if !g.DryRun {
		delete(g.made, key)
	}
}

// is reports whether the file is still the one that was made.
func (e treeEntry) is(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == e.Size && info.ModTime().UnixNano() == e.Modified
}

// add makes a file that is missing.
func (g *grower) add(ctx context.Context, key string, l leaf) error {
	name := filepath.FromSlash(l.path)
	info, err := g.root.Lstat(name)
	if err == nil {
		return g.meet(key, l, info)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.counts.Made++
	g.counts.Bytes += l.size
	g.step("make", l.path, l.digest)
	if g.DryRun {
		return nil
	}
	if err := g.root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if info, err = g.place(ctx, name, l); err != nil {
		return err
	}
	g.list(key, l, info)
	return nil
}

// meet decides what to do about a file that is where one is wanted.
func (g *grower) meet(key string, l leaf, info fs.FileInfo) error {
	e, ours := g.made[key]
	if ours && e.SHA256 == l.digest && e.is(info) {
		g.counts.Present++
		return nil
	}
	// A run that lost its power made it and could not write the list.
	if !ours && info.Mode().IsRegular() && info.Size() == l.size && g.holds(l) {
		g.counts.Present++
		g.list(key, l, info)
		return nil
	}
	g.counts.Failed++
	g.step("in the way", l.path, l.digest)
	return nil
}

// holds reports whether the file has the right bytes.
func (g *grower) holds(l leaf) bool {
	f, err := g.root.Open(filepath.FromSlash(l.path))
	if err != nil {
		return false
	}
	defer f.Close() // it was only read
	_, err = io.Copy(io.Discard, layout.NewVerifyReader(f, l.size, l.digest))
	return err == nil
}

func (g *grower) list(key string, l leaf, info fs.FileInfo) {
	g.made[key] = treeEntry{Path: l.path, SHA256: l.digest, Size: info.Size(), Modified: info.ModTime().UnixNano()}
}

// place makes the file under another name, in the folder's root, and gives it
// its own when it is whole. The root is where a link can be made without
// following anything that somebody put into the tree.
func (g *grower) place(ctx context.Context, name string, l leaf) (fs.FileInfo, error) {
	if err := g.root.Remove(treeTemp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var err error
	if g.Links != nil {
		err = g.Links.Link(ctx, l.digest, filepath.Join(g.Dir, treeTemp))
	} else {
		err = g.copy(ctx, l)
	}
	if err == nil {
		err = g.root.Rename(treeTemp, name)
	}
	if err != nil {
		return nil, errors.Join(err, notMissing(g.root.Remove(treeTemp)))
	}
	return g.root.Lstat(name)
}

func notMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copy writes the object to the temporary name, checked and durable.
func (g *grower) copy(ctx context.Context, l leaf) error {
	in, err := g.Source.Open(ctx, l.digest, 0, -1)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := g.root.OpenFile(treeTemp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, layout.NewVerifyReader(in, l.size, l.digest))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil || l.mtime.IsZero() {
		return err
	}
	return g.root.Chtimes(treeTemp, time.Time{}, l.mtime.Time())
}

// readTreeList reads what earlier runs made; a folder without a list is new.
func readTreeList(root *os.Root) (map[string]treeEntry, error) {
	made := make(map[string]treeEntry)
	f, err := root.Open(TreeList)
	if errors.Is(err, fs.ErrNotExist) {
		return made, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of the tree: %w", err)
	}
	defer f.Close() // it was only read
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var e treeEntry
		err := json.Unmarshal(lines.Bytes(), &e)
		if err == nil {
			err = layout.CheckPath(e.Path)
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of the tree: %s line %d: %w", TreeList, n, err)
		}
		made[layout.Fold(e.Path)] = e
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list of the tree: %w", err)
	}
	return made, nil
}

// writeTreeList replaces the list, durably.
func writeTreeList(root *os.Root, made map[string]treeEntry) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, key := range slices.Sorted(maps.Keys(made)) {
		if err := enc.Encode(made[key]); err != nil {
			return fmt.Errorf("write the list of the tree: %w", err)
		}
	}
	const temp = TreeList + ".new"
	err := notMissing(root.Remove(temp))
	var f *os.File
	if err == nil {
		f, err = root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	}
	if err == nil {
		_, err = f.Write(b.Bytes())
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = root.Rename(temp, TreeList)
	}
	if err != nil {
		return fmt.Errorf("write the list of the tree: %w", err)
	}
	return nil
}
