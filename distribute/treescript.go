package distribute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// The limits of how many scripts are written after the journal named them, and how
// many bytes they have.
const (
	scriptBatch      = 1000
	scriptBatchBytes = 16 << 20
)

// addScripts makes the scripts of the tree, and returns their folded paths. Packages
// that stand where a script would keep their place.
func (g *grower) addScripts(ctx context.Context, want map[string]leaf) (map[string]bool, error) {
	made := make(map[string]bool)
	if g.view == nil {
		return made, nil
	}
	b := scriptBatcher{grower: g}
	err := g.view.eachSet(g.links != nil, func(place string, files []script.File) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, f := range files {
			l := leaf{path: path.Join(place, f.Name), digest: layout.DigestOf(f.Data), size: int64(len(f.Data)), data: f.Data}
			if l.data == nil {
				l.data = []byte{}
			}
			key := layout.Fold(l.path)
			if _, taken := want[key]; taken {
				continue
			}
			if err := layout.CheckPath(l.path); err != nil {
				return err
			}
			made[key] = true
			if err := b.add(ctx, key, l); err != nil {
				return err
			}
		}
		return nil
	}, g.Scripts.Options)
	if err == nil {
		err = b.flush(ctx)
	}
	return made, err
}

// scriptBatcher writes scripts that changed, some at a time: first their names into the
// journal, durably, then each in place of what was there. So a run that is killed, also by
// a loss of power, leaves nothing that the next one takes for somebody else's.
type scriptBatcher struct {
	*grower
	keys  []string
	files []leaf
	bytes int64
}

func (b *scriptBatcher) add(ctx context.Context, key string, l leaf) error {
	info, err := b.root.Lstat(filepath.FromSlash(l.path))
	e, ours := b.made[key]
	switch {
	case err == nil && ours && e.Modified != 0 && e.is(info) && e.SHA256 == l.digest && e.Path == l.path:
		b.counts.Present++
		return nil
	case err == nil && !ours && (!info.Mode().IsRegular() || info.Size() > 0) || err == nil && ours && !e.is(info):
		b.replaces(key, l, info) // nothing of ours, or changed: it stays
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make %s: %w", l.path, err)
	}
	b.keys, b.files, b.bytes = append(b.keys, key), append(b.files, l), b.bytes+l.size
	if len(b.files) < scriptBatch && b.bytes < scriptBatchBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *scriptBatcher) flush(ctx context.Context) error {
	if !b.DryRun {
		if err := b.journal(); err != nil {
			return err
		}
	}
	for i, l := range b.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if b.made[b.keys[i]].Path != l.path && b.made[b.keys[i]].Path != "" {
			if err := b.remove(b.keys[i]); err != nil { // it is spelled otherwise now
				return err
			}
		}
		if err := b.grower.add(ctx, b.keys[i], l); err != nil {
			return fmt.Errorf("make %s: %w", l.path, err)
		}
	}
	b.keys, b.files, b.bytes = nil, nil, 0
	return nil
}

// journal names what the batch is about to make.
func (b *scriptBatcher) journal() error {
	if len(b.files) == 0 {
		return nil
	}
	f, err := b.root.OpenFile(treeJournal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the journal of the tree: %w", err)
	}
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	for i, l := range b.files {
		e := treeEntry{Path: l.path, SHA256: l.digest, Script: true}
		if err == nil {
			err = enc.Encode(e)
		}
		if old, ok := b.made[b.keys[i]]; !ok || old.Path == l.path {
			b.made[b.keys[i]] = e
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the journal of the tree: %w", err)
	}
	return nil
}

// write writes a script to the temporary name.
func (g *grower) write(l leaf) error {
	f, err := g.root.OpenFile(treeTemp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(l.data)
	return errors.Join(err, f.Close())
}

// preview says what would be made where nothing is yet.
func (g *grower) preview(want map[string]leaf) (TreeCounts, error) {
	note := func(l leaf) {
		g.counts.Made++
		g.counts.Bytes += l.size
		g.step("make", l.path, l.digest)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		note(want[key])
	}
	if g.view == nil {
		return g.counts, nil
	}
	err := g.view.eachSet(g.links != nil, func(place string, files []script.File) error {
		for _, f := range files {
			l := leaf{path: path.Join(place, f.Name), digest: layout.DigestOf(f.Data), size: int64(len(f.Data))}
			if _, taken := want[layout.Fold(l.path)]; !taken {
				note(l)
			}
		}
		return nil
	}, g.Scripts.Options)
	return g.counts, err
}

// eachSet makes the scripts of a tree, set by set: those of folders first, then
// those that are for many hosts; with aliases in these too. Selections are made for who
// asks over HTTP alone.
func (v *View) eachSet(aliases bool, each func(place string, files []script.File) error, o script.Options) error {
	one := func(place string, w *wanted) error {
		files, err := v.make(w, o, false)
		if err == nil {
			err = each(place, files)
		}
		if err != nil {
			return fmt.Errorf("make the scripts of %s: %w", place, err)
		}
		return nil
	}
	homes := make(map[uint32]bool, len(v.homes))
	for _, n := range v.homes {
		homes[n] = true
	}
	if err := v.walk(0, "", func(at string, n uint32) error {
		f := &v.folders[n]
		if !v.hasScripts(f, false) || !aliases && !homes[n] {
			return nil
		}
		return one(at, v.folderSet(f))
	}); err != nil {
		return err
	}
	for _, n := range v.homes {
		w := v.updateSet(&v.folders[n])
		if err := one(w.place, w); err != nil {
			return err
		}
	}
	for id, g := range v.groupsUnder(bulletinGroup) {
		w := v.bulletinSet(id, g)
		if err := one(w.place, w); err != nil {
			return err
		}
	}
	for _, h := range v.hosts() {
		w := v.hostSet(h)
		if err := one(w.place, w); err != nil {
			return err
		}
	}
	w := hostsFiles()
	return one(w.place, w)
}

// walk visits the folders below one, each after the one it is in.
func (v *View) walk(n uint32, at string, visit func(at string, n uint32) error) error {
	below := v.folders[n].folders
	for i := below.first; i < below.end(); i++ {
		path := path.Join(at, v.text.get(v.folders[i].name))
		if err := visit(path, i); err != nil {
			return err
		}
		if err := v.walk(i, path, visit); err != nil {
			return err
		}
	}
	return nil
}
