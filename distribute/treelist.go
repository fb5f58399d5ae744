package distribute

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"patchferry/layout"
)

// treeJournal names the scripts that a run is about to make, which replace others one by
// one: JSON lines, each a treeEntry with Modified 0. It is there only while a run makes
// scripts, and after one that was killed then.
const treeJournal = ".patchferry-tree.journal"

// readTreeList reads what earlier runs made; a folder without a list is new.
func readTreeList(root *os.Root) (map[string]treeEntry, error) {
	made := make(map[string]treeEntry)
	for _, name := range [...]string{TreeList, treeJournal} {
		if err := readEntries(root, name, made); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// readEntries reads one of the two. Of the journal the last line may be cut off: what it
// names was not begun.
func readEntries(root *os.Root, name string, made map[string]treeEntry) error {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the list of the tree: %w", err)
	}
	defer f.Close() // it was only read
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var e treeEntry
		err := json.Unmarshal(lines.Bytes(), &e)
		if err == nil {
			err = layout.CheckPath(e.Path)
		}
		if err != nil && name == treeJournal {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the list of the tree: %s line %d: %w", name, n, err)
		}
		made[layout.Fold(e.Path)] = e
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the list of the tree: %w", err)
	}
	return nil
}

// writeList replaces the list, and ends the journal, which it makes needless.
func (g *grower) writeList() error {
	if err := writeTreeList(g.root, g.made); err != nil {
		return err
	}
	if err := notMissing(g.root.Remove(treeJournal)); err != nil {
		return fmt.Errorf("end the journal of the tree: %w", err)
	}
	return nil
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
