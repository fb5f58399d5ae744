package distribute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"patchferry/layout"
)

// grower is one run of Tree.Make.
type grower struct {
	*Tree
	root   *os.Root
	links  Linker               // nil: files are copied
	view   *View                // that scripts are made of; nil: none are
	made   map[string]treeEntry // by folded path
	counts TreeCounts
}

// treeEntry is one line of TreeList. Size and Modified say whether the file is
// still the one that was made.
type treeEntry struct {
	Path     string        `json:"path"`
	SHA256   layout.Digest `json:"sha256"`
	Size     int64         `json:"size"`
	Modified int64         `json:"modified"` // nanoseconds since 1970; 0: a run was about to make it, and it is whatever that left
	Script   bool          `json:"script,omitempty"`
}

// treeTemp is the name under which a file is made before it gets its own.
const treeTemp = ".patchferry-tree.new"

// treeProbe is the name of a link that is made to see whether there can be any.
const treeProbe = ".patchferry-tree.probe"

// grow makes what is missing, then the scripts, and then removes what is no longer
// wanted, scripts first.
func (g *grower) grow(ctx context.Context, want map[string]leaf) error {
	if err := g.clear(want); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.add(ctx, key, want[key]); err != nil {
			return fmt.Errorf("make %s: %w", want[key].path, err)
		}
	}
	scripts, err := g.addScripts(ctx, want)
	if err != nil {
		return err
	}
	for _, isScript := range [...]bool{true, false} {
		for _, key := range slices.Sorted(maps.Keys(g.made)) {
			if _, ok := want[key]; ok || scripts[key] || g.made[key].Script != isScript {
				continue
			}
			if err := g.remove(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear removes beforehand what would keep something from being made: files that are
// spelled otherwise now, and files where folders are wanted or the other way round.
func (g *grower) clear(want map[string]leaf) error {
	above := make(map[string]bool) // the folders of what is wanted
	for key := range want {
		for dir := path.Dir(key); dir != "." && !above[dir]; dir = path.Dir(dir) {
			above[dir] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(g.made)) {
		l, wanted := want[key]
		blocks := above[key] || wanted && l.path != g.made[key].Path
		for dir := path.Dir(key); dir != "." && !blocks; dir = path.Dir(dir) {
			_, blocks = want[dir]
		}
		if !blocks {
			continue
		}
		if err := g.remove(key); err != nil {
			return err
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
	return info.Mode().IsRegular() && (e.Modified == 0 || info.Size() == e.Size && info.ModTime().UnixNano() == e.Modified)
}

// add makes a file that is missing, or that has other bytes now.
func (g *grower) add(ctx context.Context, key string, l leaf) error {
	name := filepath.FromSlash(l.path)
	info, err := g.root.Lstat(name)
	if err == nil && !g.replaces(key, l, info) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		g.counts.Removed++
		g.step("remove", l.path, g.made[key].SHA256)
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

// replaces decides what to do about a file that is where one is wanted: one that was
// made here and has other bytes now is replaced.
func (g *grower) replaces(key string, l leaf, info fs.FileInfo) bool {
	e, ours := g.made[key]
	if ours && e.is(info) {
		if e.SHA256 != l.digest || e.Modified == 0 {
			return true
		}
		g.counts.Present++
		return false
	}
	// A run that lost its power made it and could not write the list.
	if !ours && info.Mode().IsRegular() && info.Size() == l.size && g.holds(l) {
		g.counts.Present++
		g.list(key, l, info)
		return false
	}
	g.counts.Failed++
	g.step("in the way", l.path, l.digest)
	return false
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
	g.made[key] = treeEntry{Path: l.path, SHA256: l.digest, Size: info.Size(), Modified: info.ModTime().UnixNano(), Script: l.data != nil}
}

// place makes the file under another name, in the folder's root, and gives it
// its own when it is whole. The root is where a link can be made without
// following anything that somebody put into the tree.
func (g *grower) place(ctx context.Context, name string, l leaf) (fs.FileInfo, error) {
	if err := g.root.Remove(treeTemp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var err error
	switch {
	case l.data != nil:
		err = g.write(l)
	case g.links != nil:
		err = g.links.Link(ctx, l.digest, filepath.Join(g.Dir, treeTemp))
	default:
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

// probe finds out whether files can be linked where the tree is.
func (g *grower) probe(ctx context.Context, files map[string]leaf) error {
	if g.links == nil || g.DryRun {
		return nil
	}
	for _, l := range files {
		err := g.links.Link(ctx, l.digest, filepath.Join(g.Dir, treeProbe))
		if errors.Is(err, syscall.EXDEV) || errors.Is(err, errors.ErrUnsupported) {
			g.links = nil
			if g.Copying != nil {
				g.Copying(err)
			}
		}
		// What else keeps this one from being linked is found when its turn comes.
		return notMissing(g.root.Remove(treeProbe))
	}
	return nil
}
