package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"patchferry/layout"
)

// ErrOtherHeader says that the folder of a bundle holds another header than
// this content makes, and that somebody has signed or recorded it: a seq never
// has two headers. The caller burns the seq and goes on with the next.
var ErrOtherHeader = errors.New("another header was made under this name")

// SpaceError says that a medium has no room for a bundle; nothing was written.
type SpaceError struct {
	Need, Free int64 // bytes
}

// Error implements error.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("the bundle needs %d bytes, and there are %d free", e.Need, e.Free)
}

// Writer writes transfer bundles. Its fields are not changed while it writes.
// Several may write at a time, not into one folder.
type Writer struct {
	// Source has the objects.
	Source Source
	// Options are the sizes of volumes and files. Each and First are worked
	// out from the content, what is set here is added.
	Options PlanOptions
	// Record is called by Write with the header's bytes when they are known
	// and before they are signed: from then on this seq has this header. Nil
	// records nothing. It is not called again for what is Content.Recorded.
	Record func(ctx context.Context, header []byte) error
	// Signers sign in Write, at the time at which the bundle was created.
	Signers []Signer
	// NoReadback leaves out reading everything again from the medium.
	NoReadback bool
	// Workers is how many files are copied at a time; 0 is 4. Each takes 512
	// KiB of memory.
	Workers int
	// Progress is told how far the work is, one call at a time, and must not
	// block. Nil is told nothing.
	Progress func(Progress)

	wrap func(target) target // for tests: what stands between us and the medium
}

// Progress says how far a step is.
type Progress struct {
	Step  string // "copy" or "read back"
	Done  int64  // bytes
	Total int64  // bytes
}

// Prepared is a bundle that is whole but for the signatures of its header.
type Prepared struct {
	Dir     string // that holds the volumes, NAME.partial, or NAME where it is finished already
	Name    string
	Header  []byte // exact bytes of HEADER.json
	Copied  int    // files that were written
	Kept    int    // files that an earlier attempt had left whole
	Volumes int
}

// Written is a bundle that is on its medium.
type Written struct {
	Dir      string // that holds the volumes
	Name     string
	Header   []byte        // exact bytes of HEADER.json
	Digest   layout.Digest // of these
	Finished bool          // false: it still has the name NAME.partial, and waits for signatures
	Copied   int           // files that were written
	Kept     int           // files that an earlier attempt had left whole
}

// Plan says what Write would write: for a dry run.
func (w *Writer) Plan(c *Content) (*Plan, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("plan bundle: %w", err)
	}
	return c.plan(w.Options)
}

// Write writes a bundle below dir, as Prepare, Record, AddSignature and Finish
// do one after another. Without signers it stops before the signatures. After a
// failure or a kill, at whatever point, the same call completes it; Content must
// then carry in Recorded what Record was given.
func (w *Writer) Write(ctx context.Context, dir string, c *Content) (*Written, error) {
	p, err := w.Prepare(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	if w.Record != nil && c.Recorded == nil {
		if err := w.Record(ctx, p.Header); err != nil {
			return nil, fmt.Errorf("record the header of %s: %w", p.Name, err)
		}
	}
	made := &Written{Dir: p.Dir, Name: p.Name, Header: p.Header, Digest: layout.DigestOf(p.Header), Copied: p.Copied, Kept: p.Kept}
	made.Finished = !isPartial(p.Dir)
	if len(w.Signers) == 0 {
		return made, nil
	}
	for _, s := range w.Signers {
		if err := w.sign(ctx, p.Dir, s, c.Header.Created.Time()); err != nil {
			return nil, err
		}
	}
	done, err := w.Finish(ctx, p.Dir)
	if err != nil {
		return nil, err
	}
	done.Copied, done.Kept = p.Copied, p.Kept
	return done, nil
}

// sign is AddSignature on the writer's own medium. What is finished has its
// signatures.
func (w *Writer) sign(ctx context.Context, dir string, s Signer, at time.Time) error {
	t, name, err := w.open(dir)
	if err != nil {
		return fmt.Errorf("sign %s: %w", dir, err)
	}
	if isPartial(name) {
		err = addSignature(ctx, t, name, s, at)
	}
	if err = errors.Join(err, t.close()); err != nil {
		return fmt.Errorf("sign %s: %w", dir, err)
	}
	return nil
}

// Prepare writes everything but the header's signatures into the folder
// NAME.partial below dir, each object hashed while it is copied, and makes it
// durable. It refuses before it writes if there is no room (*SpaceError). What
// an earlier attempt left there is kept where its bytes are right, and removed
// where it does not belong.
func (w *Writer) Prepare(ctx context.Context, dir string, c *Content) (*Prepared, error) {
	p, err := w.prepare(ctx, dir, c)
	if err != nil {
		return nil, fmt.Errorf("write bundle below %s: %w", dir, err)
	}
	return p, nil
}

func (w *Writer) prepare(ctx context.Context, dir string, c *Content) (made *Prepared, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	plan, err := c.plan(w.Options)
	if err != nil {
		return nil, err
	}
	t, name, err := w.open(filepath.Join(dir, c.Header.Name()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	j := &job{w: w, c: c, t: t, plan: plan, name: name, folder: name + partial, made: make(map[string]bool)}
	done, err := j.finished()
	if err != nil {
		return nil, err
	}
	if done {
		if err := j.dropUnfinished(); err != nil {
			return nil, err
		}
		return &Prepared{Dir: filepath.Join(dir, name), Name: name, Header: c.Recorded, Volumes: len(plan.volumes)}, nil
	}
	if err := j.begin(); err != nil {
		return nil, err
	}
	if err := j.copyAll(ctx); err != nil {
		return nil, err
	}
	header, err := j.lists(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.syncFolders(ctx, j.folder); err != nil {
		return nil, err
	}
	if err := t.syncDir("."); err != nil {
		return nil, err
	}
	return &Prepared{
		Dir: filepath.Join(dir, j.folder), Name: name, Header: header,
		Copied: j.copied, Kept: j.kept, Volumes: len(plan.volumes),
	}, nil
}

// open opens the directory that holds the bundle in dir, and returns the
// bundle's own name.
func (w *Writer) open(dir string) (target, string, error) {
	parent, name, err := place(dir)
	if err != nil {
		return nil, "", err
	}
	t, err := openTarget(parent)
	if err == nil && w.wrap != nil {
		t = w.wrap(t)
	}
	return t, name, err
}

// job is one bundle while it is prepared.
type job struct {
	w      *Writer
	c      *Content
	t      target
	plan   *Plan
	name   string // of the bundle
	folder string // NAME.partial
	there  int64  // bytes that an earlier attempt left

	mu     sync.Mutex
	made   map[string]bool // folders that are there
	copied int
	kept   int
	done   int64 // bytes
	total  int64
}

// finished reports whether the bundle is there under its final name: one with
// the recorded header is, and any other is in the way.
func (j *job) finished() (bool, error) {
	if _, err := j.t.lstat(j.name); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	volumes, err := volumesIn(j.t, j.name)
	if err != nil {
		return false, err
	}
	header, err := commonHeader(j.t, volumes)
	if err != nil {
		return false, fmt.Errorf("%s is in the way: %w", j.name, err)
	}
	if !bytes.Equal(header, j.c.Recorded) {
		return false, fmt.Errorf("%s: %w", j.name, ErrOtherHeader)
	}
	return true, nil
}

// dropUnfinished removes the folder NAME.partial beside the finished bundle: a
// loss of power may leave both names, and of two attempts only one is finished.
func (j *job) dropUnfinished() error {
	if _, err := j.t.lstat(j.folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return j.t.remove(j.folder)
}

// begin looks at what an earlier attempt left, and whether there is room.
func (j *job) begin() error {
	if err := j.mine(); err != nil {
		return err
	}
	if err := j.sweep(); err != nil {
		return err
	}
	if space, block, ok := j.t.free(); ok {
		if need := j.plan.need(block) - j.there; need > space {
			return &SpaceError{Need: need, Free: space}
		}
	}
	return j.mkdir(j.folder)
}

// mine makes sure that what is signed in the folder is what was recorded. What
// is damaged there is made again; signatures that are, their signers give again.
func (j *job) mine() error {
	volumes, err := volumesIn(j.t, j.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range volumes {
		sig, err := readSignatureFile(j.t, v+"/"+HeaderSigFile)
		if err != nil {
			return err
		}
		if len(sig) == 0 {
			continue
		}
		header, err := readSmall(j.t, v+"/"+HeaderFile, MaxHeader)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if j.isOther(header) {
			return fmt.Errorf("%s: %w", v, ErrOtherHeader)
		}
		if _, err := readSignatures(sig); err == nil {
			continue
		}
		if err := j.t.remove(v + "/" + HeaderSigFile); err != nil {
			return err
		}
	}
	return nil
}

// isOther reports whether a signed header is whole and not the recorded one.
func (j *job) isOther(header []byte) bool {
	if j.c.Recorded == nil {
		return true
	}
	_, err := ParseHeader(header)
	return err == nil && !bytes.Equal(header, j.c.Recorded)
}

// need returns the bytes that a plan takes on a file system that hands out
// space in blocks.
func (p *Plan) need(block int64) int64 {
	var size int64
	for _, v := range p.volumes {
		size += v.overhead
	}
	for _, o := range p.placed {
		if o.kind == kindObject {
			size += (o.size+block-1)/block*block + lineCost + int64(o.pieces)*(block+lineCost)
		}
	}
	return size
}
