package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
)

const (
	defaultWorkers = 4
	writeBuffer    = 512 << 10 // bytes
)

// payload is one file to be copied whole, whose digest is known.
type payload struct {
	path string // below the bundle's folder
	ref  layout.ObjectRef
	open func(context.Context) (io.ReadCloser, error)
}

// copyAll copies everything whose digest is known: objects, segments, bulletins,
// catalog and tools, several at a time. The first failure stops all.
func (j *job) copyAll(ctx context.Context) error {
	_, size := j.plan.Objects()
	for _, t := range j.c.Tools {
		size += t.Size
	}
	j.total = size
	return j.each(ctx, func(start func(func(context.Context, []byte) error) bool) {
		for i := range j.plan.placed {
			o := &j.plan.placed[i]
			if !start(func(ctx context.Context, b []byte) error { return j.object(ctx, o, b) }) {
				return
			}
		}
		for _, t := range j.c.Tools {
			p := payload{path: j.volume(1) + "/tools/" + t.Name, ref: t.ObjectRef, open: t.Open}
			if !start(func(ctx context.Context, b []byte) error { return j.copy(ctx, p, b) }) {
				return
			}
		}
	})
}

// each lets all do what they have to, several at a time, each with a buffer.
// start is false when one has failed and the others need not begin.
func (j *job) each(ctx context.Context, all func(start func(do func(ctx context.Context, buffer []byte) error) bool)) error {
	workers := j.w.workers()
	buffers := make(chan []byte, workers)
	for range workers {
		buffers <- make([]byte, writeBuffer)
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	all(func(do func(context.Context, []byte) error) bool {
		if running.Err() != nil {
			return false
		}
		group.Go(func() error {
			buffer := <-buffers
			defer func() { buffers <- buffer }()
			return do(running, buffer)
		})
		return true
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (w *Writer) workers() int {
	if w.Workers > 0 {
		return w.Workers
	}
	return defaultWorkers
}

func (j *job) volume(index int) string {
	return j.folder + "/" + VolumeName(index, len(j.plan.volumes))
}

func (j *job) object(ctx context.Context, o *placed, buffer []byte) error {
	if o.pieces > 0 {
		return j.copySegments(ctx, o, buffer)
	}
	return j.copy(ctx, payload{
		path: j.volume(int(o.volume)) + "/" + o.path(),
		ref:  layout.ObjectRef{SHA256: o.sha, Size: o.size},
		open: func(ctx context.Context) (io.ReadCloser, error) { return j.w.Source.Open(ctx, o.sha, 0, -1) },
	}, buffer)
}

// copy writes one file, unless it is there already with the right bytes.
func (j *job) copy(ctx context.Context, p payload, buffer []byte) error {
	if j.whole(p, buffer) {
		j.account(p.ref.Size, true)
		return nil
	}
	if err := j.mkdir(path.Dir(p.path)); err != nil {
		return err
	}
	in, err := p.open(ctx)
	if err != nil {
		return fmt.Errorf("open object %s: %w", p.ref.SHA256, err)
	}
	checked := layout.NewVerifyReader(stoppable{ctx, in}, p.ref.Size, p.ref.SHA256)
	err = j.write(p.path, checked, buffer)
	if err = errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("copy object %s: %w", p.ref.SHA256, err)
	}
	j.account(p.ref.Size, false)
	return nil
}

// whole reports whether a file is there with the right bytes, and has made them
// durable: what a killed attempt wrote may still be in memory alone.
func (j *job) whole(p payload, buffer []byte) bool {
	info, err := j.t.lstat(p.path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != p.ref.Size {
		return false
	}
	f, err := j.t.open(p.path)
	if err != nil {
		return false
	}
	_, err = io.CopyBuffer(plainWriter{io.Discard}, plainReader{layout.NewVerifyReader(f, p.ref.Size, p.ref.SHA256)}, buffer)
	return errors.Join(err, j.t.sync(f), f.Close()) == nil
}

// write copies bytes to a new file and makes them durable.
func (j *job) write(name string, in io.Reader, buffer []byte) error {
	f, err := j.t.create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(plainWriter{f}, plainReader{in}, buffer)
	return errors.Join(err, f.Sync(), f.Close())
}

// copySegments reads an object once, cuts it up, and hashes the whole and every
// piece.
func (j *job) copySegments(ctx context.Context, o *placed, buffer []byte) (err error) {
	if j.segmentsWhole(o, buffer) {
		j.account(o.size, true)
		return nil
	}
	in, err := j.w.Source.Open(ctx, o.sha, 0, -1)
	if err != nil {
		return fmt.Errorf("open object %s: %w", o.sha, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	checked := layout.NewVerifyReader(stoppable{ctx, in}, o.size, o.sha)
	for i := range j.plan.pieces(o) {
		s := &j.plan.pieces(o)[i]
		name := j.volume(int(s.volume)) + "/" + SegmentPath(o.sha, i+1)
		if err := j.mkdir(path.Dir(name)); err != nil {
			return err
		}
		sum := newHashReader(io.LimitReader(checked, s.size))
		if err := j.write(name, sum, buffer); err != nil {
			return fmt.Errorf("copy object %s: %w", o.sha, err)
		}
		if sum.size != s.size {
			return fmt.Errorf("copy object %s: %w", o.sha, io.ErrUnexpectedEOF)
		}
		s.sha = sum.digest()
	}
	// Only its end says whether all of it was right.
	if n, err := io.CopyBuffer(plainWriter{io.Discard}, checked, buffer); err != nil || n > 0 {
		return fmt.Errorf("copy object %s: %w", o.sha, errors.Join(err, j.drop(o)))
	}
	j.account(o.size, false)
	return nil
}

// drop removes segments that turned out to be wrong.
func (j *job) drop(o *placed) error {
	var errs []error
	for i, s := range j.plan.pieces(o) {
		errs = append(errs, j.t.remove(j.volume(int(s.volume))+"/"+SegmentPath(o.sha, i+1)))
	}
	return errors.Join(errs...)
}

// segmentsWhole reports whether the segments of an object are all there and
// join to it, and notes their digests.
func (j *job) segmentsWhole(o *placed, buffer []byte) bool {
	whole := newHashReader(nil)
	for i := range j.plan.pieces(o) {
		s := &j.plan.pieces(o)[i]
		name := j.volume(int(s.volume)) + "/" + SegmentPath(o.sha, i+1)
		if info, err := j.t.lstat(name); err != nil || !info.Mode().IsRegular() || info.Size() != s.size {
			return false
		}
		f, err := j.t.open(name)
		if err != nil {
			return false
		}
		sum := newHashReader(f)
		_, err = io.CopyBuffer(plainWriter{whole.hash}, sum, buffer)
		if errors.Join(err, j.t.sync(f), f.Close()) != nil || sum.size != s.size {
			return false
		}
		s.sha = sum.digest()
	}
	return whole.digest() == o.sha
}

// account counts a file that is done.
func (j *job) account(size int64, kept bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if kept {
		j.kept++
	} else {
		j.copied++
	}
	j.done += size
	if j.w.Progress != nil {
		j.w.Progress(Progress{Step: "copy", Done: j.done, Total: j.total})
	}
}

// mkdir makes a folder, once.
func (j *job) mkdir(name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.made[name] {
		return nil
	}
	if err := j.t.mkdir(name); err != nil {
		return fmt.Errorf("make folder %s: %w", name, err)
	}
	j.made[name] = true
	return nil
}

// sweep removes what an earlier attempt left and this one does not write:
// another number of volumes, another choice of objects. Signatures stay.
func (j *job) sweep() error {
	volumes, err := volumesIn(j.t, j.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	wanted := make(map[string]int)
	for i := range j.plan.volumes {
		wanted[j.volume(i+1)] = i + 1
	}
	for _, v := range volumes {
		if wanted[v] == 0 {
			err = j.t.remove(v)
		} else {
			_, err = j.sweepFolder(wanted[v], v, "")
		}
		if err != nil {
			return fmt.Errorf("remove what an earlier attempt left: %w", err)
		}
	}
	return nil
}

// sweepFolder returns how many names stay in a folder of a volume. An empty
// one goes; it is made again where it is needed.
func (j *job) sweepFolder(volume int, root, below string) (stay int, err error) {
	entries, err := j.t.readDir(path.Join(root, below))
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := path.Join(below, e.Name())
		left := 0
		switch {
		case e.IsDir():
			left, err = j.sweepFolder(volume, root, name)
		case e.Type().IsRegular() && j.belongs(volume, name):
			left = 1
			if info, err := e.Info(); err == nil {
				j.there += info.Size()
			}
		}
		if err != nil {
			return 0, err
		}
		if left == 0 {
			err = j.t.remove(path.Join(root, name))
		}
		if err != nil {
			return 0, err
		}
		stay += left
	}
	return stay, nil
}

// belongs reports whether a file is one that this bundle has in that volume.
func (j *job) belongs(volume int, name string) bool {
	dir, last := path.Split(name)
	if folder, n := path.Split(path.Clean(dir)); folder != "" && len(last) == 4 {
		return j.isSegment(volume, name, n)
	}
	if d, err := layout.ParseDigest(last); err == nil {
		o := j.plan.find(d)
		return o != nil && o.pieces == 0 && int(o.volume) == volume && o.path() == name
	}
	return slices.Contains(j.fixed(volume), name)
}

// fixed returns the files of a volume that are neither named by a digest nor
// segments.
func (j *job) fixed(volume int) []string {
	names := []string{HeaderFile, HeaderSigFile, VolumeFile, SumsFile, ReadmeFile}
	for i := range j.c.Rotations {
		names = append(names, RotationPath(i+1), RotationPath(i+1)+".asc")
	}
	if volume > 1 {
		return names
	}
	names = append(names, GenerationFile, GenerationSigFile, CatalogFile, EntriesFile, RequiresFile)
	if !j.c.Notices.IsZero() {
		names = append(names, NoticesFile)
	}
	for _, t := range j.c.Tools {
		names = append(names, "tools/"+t.Name)
	}
	return names
}

func (j *job) isSegment(volume int, name, digits string) bool {
	d, err := layout.ParseDigest(digits)
	if err != nil {
		return false
	}
	o := j.plan.find(d)
	if o == nil {
		return false
	}
	for i, s := range j.plan.pieces(o) {
		if int(s.volume) == volume && SegmentPath(d, i+1) == name {
			return true
		}
	}
	return false
}
