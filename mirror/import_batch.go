package mirror

import (
	"errors"
	"io"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"

	"patchferry/layout/store"
)

// A batch is made durable when it has so many files or bytes: the copies of a
// second or two, which is what a kill may cost.
const (
	batchFiles = 128
	batchBytes = 64 << 20
)

// batch is files in quarantine whose bytes are there, but not durable yet. They
// become so together, since to write a file system out once is cheaper than to
// sync each file, and only then get their names. Where the one cannot be had the
// other is done, at once.
type batch struct {
	q     *quarantine
	apart bool // each file is synced by itself

	mu    sync.Mutex
	files []unnamed
	bytes int64
}

// unnamed is a file that is whole, under the name of a part.
type unnamed struct {
	out    store.File
	folder store.FS
	part   string
	name   string
	as     string // what errors call it
}

// openBatch looks how files are made durable here. It asks for a flush before
// anything is written: the first one only tells of what comes after it.
func (q *quarantine) openBatch() (*batch, error) {
	err := q.fs.Flush()
	if errors.Is(err, errors.ErrUnsupported) {
		return &batch{q: q, apart: true}, nil
	}
	return &batch{q: q}, err
}

// write makes a file of a folder of size bytes. It has its name when it is
// durable, which it is at the latest when finish has returned.
func (b *batch) write(folder store.FS, name, as string, size int64, fill func(io.Writer) error) error {
	u, err := b.q.begin(folder, name, as)
	if err != nil {
		return err
	}
	w := &localWriter{w: u.out}
	if err := fill(w); err != nil || w.err != nil {
		return u.dropped(b.q, err, w.err)
	}
	if b.apart {
		return u.finish(b.q)
	}
	return b.finishAll(b.add(u, size))
}

// add adds a file, and returns those that are to be made durable now.
func (b *batch) add(u unnamed, size int64) (due []unnamed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files = append(b.files, u)
	b.bytes += size
	if len(b.files) < batchFiles && b.bytes < batchBytes {
		return nil
	}
	return b.take()
}

// take empties the batch. b.mu is held.
func (b *batch) take() []unnamed {
	files := b.files
	b.files, b.bytes = nil, 0
	return files
}

// finish makes the rest of the batch durable.
func (b *batch) finish() error {
	b.mu.Lock()
	due := b.take()
	b.mu.Unlock()
	return b.finishAll(due)
}

// finishAll makes files durable and gives them their names.
func (b *batch) finishAll(files []unnamed) error {
	if len(files) == 0 {
		return nil
	}
	if err := b.q.fs.Flush(); err != nil {
		for _, u := range files {
			_ = u.dropped(b.q, nil, err)
		}
		return b.q.failed(path.Dir(files[0].as), err)
	}
	var jobs errgroup.Group
	jobs.SetLimit(importCopies)
	for _, u := range files {
		jobs.Go(func() error { return u.named(b.q) })
	}
	return jobs.Wait()
}

// begin makes a file of a folder, under the name of a part.
func (q *quarantine) begin(folder store.FS, name, as string) (unnamed, error) {
	u := unnamed{folder: folder, part: q.part(), name: name, as: as}
	var err error
	if u.out, err = folder.Create(u.part); err != nil {
		return u, q.failed(as, err)
	}
	return u, nil
}

// finish makes the file durable, and then its name appear. The name itself is
// durable once the folder was synced.
func (u unnamed) finish(q *quarantine) error {
	if err := u.out.Sync(); err != nil {
		return u.dropped(q, nil, err)
	}
	return u.named(q)
}

// named gives a durable file its name.
func (u unnamed) named(q *quarantine) error {
	err := u.out.Close()
	if err == nil {
		err = u.folder.Rename(u.part, u.name)
	}
	if err == nil {
		return nil
	}
	_ = u.folder.Remove(u.part) // or the next run does
	return q.failed(u.as, err)
}

// dropped removes the file, which could not be read from the medium or not be
// written, and says which.
func (u unnamed) dropped(q *quarantine, reading, writing error) error {
	writing = errors.Join(writing, u.out.Close())
	_ = u.folder.Remove(u.part) // or the next run does
	if writing != nil {
		return q.failed(u.as, writing)
	}
	return reading
}
