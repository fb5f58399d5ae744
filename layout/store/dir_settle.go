package store

import (
	"errors"
	"io/fs"
	"path"

	"patchferry/layout"
)

// markSeen notes that this process knows of the object. See settleSeen.
func (d *Dir) markSeen(o layout.Digest) { d.seen[o[0]].Store(true) }

// settleSeen makes durable the names of all objects that this process has seen.
// Another process may have linked one of them a moment ago and not synced it
// yet; a state that relies on it must not outlive it. To sync a folder in
// which nothing changed costs next to nothing.
func (d *Dir) settleSeen() error {
	// Who finds a flag cleared by another must wait for that one's sync.
	d.settling.Lock()
	defer d.settling.Unlock()
	if err := d.settleShards(); err != nil {
		return err
	}
	for i := range d.seen {
		if !d.seen[i].Load() {
			continue
		}
		key := ObjectKey(layout.Digest{byte(i)})
		if err := d.makeShard(key); err != nil {
			return err
		}
		d.seen[i].Store(false) // before the sync: who sees one meanwhile sets it again
		if err := d.syncDir(path.Dir(key)); err != nil {
			return err
		}
	}
	return nil
}

// settleShards makes the shard folders of seen objects durable, all with one
// sync of the folder in which they lie.
func (d *Dir) settleShards() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var fresh []string
	for i := range d.seen {
		dir := path.Dir(ObjectKey(layout.Digest{byte(i)}))
		if d.seen[i].Load() && !d.made[dir] {
			fresh = append(fresh, dir)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, dir := range fresh {
		if err := d.fs.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := d.syncDir(path.Dir(fresh[0])); err != nil {
		return err
	}
	for _, dir := range fresh {
		d.made[dir] = true
	}
	return nil
}
