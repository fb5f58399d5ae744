package mirror

import (
	"context"
	"fmt"
	"strings"

	"patchferry/layout"
	"patchferry/layout/store"
)

// held reports whether the store has an object.
func (i *importing) held(ctx context.Context, d layout.Digest, size int64) bool {
	got, err := i.m.Store.Stat(ctx, d)
	return err == nil && got == size
}

// space makes sure that there is room for what has yet to come.
func (i *importing) space(ctx context.Context, q *quarantine) error {
	free := i.opt.Free
	if free == nil {
		free = freeSpace
	}
	room, known := free(q.dir)
	if !known {
		return nil
	}
	if most, err := i.most(); err != nil || most <= room {
		return err // whatever of it is here already
	}
	need, err := i.need(ctx, q)
	if err != nil {
		return err
	}
	if need > room {
		if err := i.m.dropRefused(q.name); err != nil {
			return err
		}
		room, _ = free(q.dir)
	}
	if need > room {
		return fmt.Errorf("import %s: %w", i.report.Bundle, &SpaceError{Dir: q.dir, Need: need, Free: room})
	}
	return nil
}

const (
	spaceUnit   = 4 << 10  // in which disks hand out space
	publishCost = 64 << 10 // bytes of a generation, its signatures, a state and folders
)

func spaceOf(size int64) int64 { return (size + spaceUnit - 1) / spaceUnit * spaceUnit }

// most returns the bytes that would be written if nothing of what is on the
// medium were here.
func (i *importing) most() (most int64, err error) {
	most = publishCost
	for _, index := range i.b.Present() {
		files, err := i.b.Files(index)
		if err != nil {
			return 0, err
		}
		for f := range files {
			most += spaceOf(f.Size)
			if strings.HasPrefix(f.Path, segmentPrefix) {
				most += spaceOf(f.Size)
			}
		}
	}
	return most, nil
}

// segmentPrefix begins the paths of segments, whose objects are joined of them.
const segmentPrefix = "segments/"

// need returns the bytes that have yet to be written: files that are not here,
// and once more those that are joined of several.
func (i *importing) need(ctx context.Context, q *quarantine) (need int64, err error) {
	need = publishCost
	_, links := i.m.Store.(store.Linker) // else what the store has is copied all the same
	for _, index := range i.b.Present() {
		files, err := i.b.Files(index)
		if err != nil {
			return 0, err
		}
		whole := q.has(index)
		folder := newPrefix + q.volume(index)
		_, err = q.fs.Stat(folder)
		begun := err == nil
		for f := range files {
			if strings.HasPrefix(f.Path, segmentPrefix) {
				need += spaceOf(f.Size)
			}
			if begun {
				_, err = q.fs.Stat(folder + "/" + f.Path)
			}
			here := whole || begun && err == nil
			if !here && !(links && i.held(ctx, f.SHA256, f.Size)) {
				need += spaceOf(f.Size)
			}
		}
	}
	return need, nil
}

// SpaceError says that a disk has no room for what is to be imported; nothing
// was copied.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

// Error implements error.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("%d bytes are needed, and the disk of %s has %d", e.Need, e.Dir, e.Free)
}
