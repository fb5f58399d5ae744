package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"patchferry/layout"
)

// fewShards is up to how many shards are synced one by one. Each sync may be a
// journal written out; a flush is one, which also waits for what others wrote.
const fewShards = 4

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
	var seen []byte
	for i := range d.seen {
		if d.seen[i].Swap(false) { // before the sync: who sees one meanwhile sets it again
			seen = append(seen, byte(i))
		}
	}
	err := d.settleShards(seen)
	if err != nil {
		for _, i := range seen {
			d.seen[i].Store(true)
		}
	}
	return err
}

// settleShards makes shards and the names in them durable.
func (d *Dir) settleShards(shards []byte) error {
	if len(shards) == 0 {
		return nil
	}
	fresh, err := d.makeShards(shards)
	if err != nil {
		return err
	}
	err = errors.ErrUnsupported
	if len(shards) > fewShards {
		err = d.flush()
	}
	if errors.Is(err, errors.ErrUnsupported) {
		err = d.syncShards(shards, len(fresh) > 0)
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range fresh {
		d.made[dir] = true
	}
	return nil
}

// makeShards makes the shards that are missing, and returns those whose names
// are not known to be durable.
func (d *Dir) makeShards(shards []byte) (fresh []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range shards {
		dir := shardFolder(i)
		if d.made[dir] {
			continue
		}
		if err := d.fs.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		fresh = append(fresh, dir)
	}
	return fresh, nil
}

// syncShards makes the names in shards durable one shard at a time; those of new
// shards all with one sync of the folder in which they lie.
func (d *Dir) syncShards(shards []byte, fresh bool) error {
	if fresh {
		if err := d.syncDir(ObjectFolder); err != nil {
			return err
		}
	}
	for _, i := range shards {
		if err := d.syncDir(shardFolder(i)); err != nil {
			return err
		}
	}
	return nil
}

// flush makes all that was written durable, or is errors.ErrUnsupported. After a
// failure nothing is written any more (see syncDir).
func (d *Dir) flush() error {
	err := d.fs.Flush()
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	err = fmt.Errorf("write out the file system: %w", err)
	if !errors.Is(err, os.ErrClosed) {
		d.failed.CompareAndSwap(nil, &err)
	}
	return err
}

func shardFolder(i byte) string { return path.Dir(ObjectKey(layout.Digest{i})) }
