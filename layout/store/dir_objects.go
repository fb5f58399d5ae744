package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"

	"patchferry/layout"
)

// errNotRegular: something that is no file stands where an object should.
var errNotRegular = errors.New("not a regular file (run patchferry audit)")

// Put implements Store. A file in the stage keeps its name there, which the
// caller removes; it becomes read-only. On Windows f must be open for writing.
func (d *Dir) Put(ctx context.Context, o layout.Digest, size int64, f *os.File) error {
	if err := d.put(ctx, o, size, f); err != nil {
		return fmt.Errorf("put object %s: %w", o, err)
	}
	return nil
}

func (d *Dir) put(ctx context.Context, o layout.Digest, size int64, f *os.File) error {
	if err := d.writable(ctx); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s has %d bytes, want %d", f.Name(), info.Size(), size)
	}
	if there, err := d.present(o, size); there || err != nil {
		return err
	}
	temp, ours, err := d.stage(ctx, f, info)
	if err != nil {
		return err
	}
	if ours {
		defer func() { _ = d.fs.Remove(temp) }()
	}
	err = d.linkTemp(temp, ObjectKey(o))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	_, err = d.present(o, size) // another was faster
	return err
}

// Adopt implements Adopter. A file that does not lie in the stage is put.
func (d *Dir) Adopt(ctx context.Context, o layout.Digest, size int64, f *os.File) error {
	if err := d.adopt(ctx, o, size, f); err != nil {
		return fmt.Errorf("adopt object %s: %w", o, err)
	}
	return nil
}

func (d *Dir) adopt(ctx context.Context, o layout.Digest, size int64, f *os.File) error {
	if err := d.writable(ctx); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	link, there := d.linkFrom(f, info)
	if !there || info.Size() != size {
		return d.put(ctx, o, size, f)
	}
	if info.Mode().Perm() != 0o444 {
		if err := f.Chmod(0o444); err != nil {
			return err
		}
	}
	d.markSeen(o) // a name that is made must be settled, whatever comes
	key := ObjectKey(o)
	err = link(key)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.fs.Mkdir(path.Dir(key)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		err = link(key)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	_, err = d.present(o, size)
	return err
}

// linkFrom returns what gives f, a file in the stage, another name: by what is
// open, where the system has that, for the way to a file deep in the stage is
// longer than the link.
func (d *Dir) linkFrom(f *os.File, info fs.FileInfo) (link func(key string) error, there bool) {
	byName := func(name string) func(string) error {
		return func(key string) error { return d.fs.Link(name, key) }
	}
	if !strings.HasPrefix(filepath.Clean(f.Name()), d.StageDir()+string(filepath.Separator)) {
		name, there := d.inStage(f, info)
		return byName(name), there
	}
	return func(key string) error {
		err := d.fs.LinkFile(f, key)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		name, there := d.inStage(f, info)
		if !there {
			return &fs.PathError{Op: "link", Path: f.Name(), Err: fs.ErrNotExist}
		}
		return byName(name)(key)
	}, true
}

// present reports whether the object is there, with the right size, durably.
func (d *Dir) present(o layout.Digest, size int64) (bool, error) {
	key := ObjectKey(o)
	got, err := d.size(key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if got != size {
		return false, fmt.Errorf("the store has it with %d bytes, want %d: it is damaged (run patchferry audit)", got, size)
	}
	if err := d.makeShard(key); err != nil {
		return false, err
	}
	return true, d.syncDir(path.Dir(key))
}

// stage returns the name of a durable, read-only file in the stage with the
// bytes of f: f itself if it lies there, else a copy, which is ours to remove.
func (d *Dir) stage(ctx context.Context, f *os.File, info fs.FileInfo) (name string, ours bool, err error) {
	name, there := d.inStage(f, info)
	if there {
		if err := f.Chmod(0o444); err != nil {
			return "", false, err
		}
		return name, false, d.fs.Sync(f)
	}
	name, err = d.copyToStage(ctx, f, info.Size())
	return name, true, err
}

// inStage returns the name of f where it lies in the stage.
func (d *Dir) inStage(f *os.File, info fs.FileInfo) (name string, there bool) {
	rel, err := filepath.Rel(d.StageDir(), f.Name())
	if err != nil || !filepath.IsLocal(rel) {
		rel = filepath.Base(f.Name()) // the stage may have been reached by another path
	}
	name = path.Join(stageFolder, filepath.ToSlash(rel))
	found, err := d.fs.Stat(name)
	return name, err == nil && os.SameFile(found, info)
}

func (d *Dir) copyToStage(ctx context.Context, f *os.File, size int64) (string, error) {
	temp, w, err := d.newTemp()
	if err != nil {
		return "", err
	}
	// A section, not f itself: its position may be shared with others.
	section := io.NewSectionReader(f, 0, size)
	n, err := io.Copy(w, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err // nobody wants it any more
		}
		return section.Read(p)
	}))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err := finish(w, err); err != nil {
		_ = d.fs.Remove(temp)
		return "", fmt.Errorf("copy %s to the stage: %w", f.Name(), err)
	}
	return temp, nil
}

// size returns the length of the regular file key.
func (d *Dir) size(key string) (int64, error) {
	info, err := d.fs.Stat(key)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errNotRegular
	}
	return info.Size(), nil
}

// Stat implements Store.
func (d *Dir) Stat(ctx context.Context, o layout.Digest) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	size, err := d.size(ObjectKey(o))
	if err != nil {
		return 0, fmt.Errorf("look up object %s: %w", o, err)
	}
	d.markSeen(o)
	return size, nil
}

// File implements Filer. The caller closes the file, which is read-only.
func (d *Dir) File(ctx context.Context, o layout.Digest) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, _, err := d.openObject(o)
	return f, err
}

func (d *Dir) openObject(o layout.Digest) (*os.File, int64, error) {
	f, err := d.fs.Open(ObjectKey(o))
	if err != nil {
		return nil, 0, fmt.Errorf("open object %s: %w", o, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open object %s: %w", o, errors.Join(err, f.Close()))
	}
	d.markSeen(o)
	return f, info.Size(), nil
}

// Open implements Store.
func (d *Dir) Open(ctx context.Context, o layout.Digest, offset, n int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, size, err := d.openObject(o)
	if err != nil {
		return nil, err
	}
	n, err = cutRange(size, offset, n)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", o, errors.Join(err, f.Close()))
	}
	return &section{io.NewSectionReader(f, offset, n), f}, nil
}

// section is a part of a file that is closed with it.
type section struct {
	*io.SectionReader
	io.Closer
}

// cutRange returns how many bytes there are to read of n from offset on, in an
// object of the given size. n < 0 is all.
func cutRange(size, offset, n int64) (int64, error) {
	if offset < 0 || offset > size {
		return 0, fmt.Errorf("offset %d lies outside of %d bytes", offset, size)
	}
	if n < 0 || n > size-offset {
		return size - offset, nil
	}
	return n, nil
}

// List implements Store. It holds one shard folder in memory at a time.
func (d *Dir) List(ctx context.Context, after layout.Digest) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for name, err := range d.shards(ctx, ObjectFolder, after) {
			if err != nil {
				yield(Info{}, fmt.Errorf("list objects: %w", err))
				return
			}
			o, ok := ParseObjectKey(name.key)
			if !ok || bytes.Compare(o[:], after[:]) <= 0 || !name.info.Mode().IsRegular() {
				continue
			}
			d.markSeen(o)
			if !yield(Info{Digest: o, Size: name.info.Size()}, nil) {
				return
			}
		}
	}
}

// listedFile is one file of a listing.
type listedFile struct {
	key  string
	info fs.FileInfo
}

// shards yields all files in the shards of a kind of key, in order, beginning
// with the shard in which after lies.
func (d *Dir) shards(ctx context.Context, folder string, after layout.Digest) iter.Seq2[listedFile, error] {
	return func(yield func(listedFile, error) bool) {
		first := after.String()[:2]
		shards, err := d.fs.ReadDir(folder)
		if err := errors.Join(ctx.Err(), err); err != nil {
			yield(listedFile{}, err)
			return
		}
		for _, shard := range shards {
			if shard.Name() < first || !shard.IsDir() {
				continue
			}
			entries, err := d.fs.ReadDir(folder + "/" + shard.Name())
			if err := errors.Join(ctx.Err(), err); err != nil {
				yield(listedFile{}, err)
				return
			}
			if !yieldAll(folder+"/"+shard.Name(), entries, yield) {
				return
			}
		}
	}
}

// yieldAll reports whether more is wanted.
func yieldAll(shard string, entries []fs.DirEntry, yield func(listedFile, error) bool) bool {
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if !yield(listedFile{shard + "/" + e.Name(), info}, err) || err != nil {
			return false
		}
	}
	return true
}

// Delete implements Store.
func (d *Dir) Delete(ctx context.Context, o layout.Digest) error {
	if err := d.remove(ctx, ObjectKey(o)); err != nil {
		return fmt.Errorf("delete object %s: %w", o, err)
	}
	return nil
}

// remove removes key, durably. That it is missing already is not enough:
// another process may have removed it just now.
func (d *Dir) remove(ctx context.Context, key string) error {
	if err := d.writable(ctx); err != nil {
		return err
	}
	if err := d.fs.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := d.syncDir(path.Dir(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the shard was never made
	}
	return err
}

// Link implements Linker. path is a name of the operating system, on the
// store's own file system, in a folder that exists; a name that is taken is
// fs.ErrExist. The new name and the object are one file: whoever writes to it
// damages the store.
func (d *Dir) Link(ctx context.Context, o layout.Digest, path string) error {
	if _, err := d.Stat(ctx, o); err != nil {
		return err
	}
	// os.Link, since only the object lies below the root.
	object := filepath.Join(d.fs.Path(), filepath.FromSlash(ObjectKey(o)))
	if err := os.Link(object, path); err != nil {
		return fmt.Errorf("link object %s: %w", o, err)
	}
	return nil
}

// readerFunc is a reader that is a function.
type readerFunc func([]byte) (int, error)

func (r readerFunc) Read(p []byte) (int, error) { return r(p) }
