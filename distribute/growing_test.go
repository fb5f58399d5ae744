package distribute_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// growing is a file that comes while it is read: a layout.Filling over a real file,
// whose blocks come in any order, when the test says so.
type growing struct {
	path     string
	want     []byte
	etag     string
	modified time.Time

	mu        sync.Mutex
	here      []bool // by block
	changed   chan struct{}
	err       error
	sum       layout.Digest
	restarted time.Time

	open, most atomic.Int32 // readers now, and the most at once
	fillings   atomic.Int32 // that were not closed
	waiting    chan int64   // offsets that a reader waits for, where there is room
}

// blockSize is how much of a growing file comes at once, in bytes.
const blockSize = 64 << 10

func newGrowing(t testing.TB, content []byte) *growing {
	t.Helper()
	g := &growing{
		path: filepath.Join(t.TempDir(), "partial"), want: content, etag: `"growing-1"`, modified: fixtureTime.Time(),
		here: make([]bool, (len(content)+blockSize-1)/blockSize), changed: make(chan struct{}), waiting: make(chan int64, 1<<16),
	}
	if err := os.WriteFile(g.path, make([]byte, len(content)), 0o644); err != nil {
		t.Fatal(err)
	}
	return g
}

// come writes blocks and wakes who waits for them.
func (g *growing) come(t testing.TB, blocks ...int) {
	t.Helper()
	f, err := os.OpenFile(g.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range blocks {
		at := n * blockSize
		if _, err := f.WriteAt(g.want[at:min(at+blockSize, len(g.want))], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	g.change(func() {
		for _, n := range blocks {
			g.here[n] = true
		}
	})
}

// whole writes all that is missing.
func (g *growing) whole(t testing.TB) {
	t.Helper()
	var missing []int
	g.mu.Lock()
	for n, here := range g.here {
		if !here {
			missing = append(missing, n)
		}
	}
	g.mu.Unlock()
	g.come(t, missing...)
}

// end ends the fill with an error.
func (g *growing) end(err error) { g.change(func() { g.err = err }) }

func (g *growing) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *growing) filling() layout.Filling {
	g.fillings.Add(1)
	return &oneFilling{growing: g}
}

// oneFilling is what one who asked got.
type oneFilling struct {
	*growing
	closed bool
}

func (g *growing) Size() int64         { return int64(len(g.want)) }
func (g *growing) ETag() string        { g.mu.Lock(); defer g.mu.Unlock(); return g.etag }
func (g *growing) Modified() time.Time { return g.modified }

func (g *growing) SHA256() layout.Digest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sum
}

func (g *growing) Restarted() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.restarted
}

func (f *oneFilling) Close() error {
	if f.closed {
		panic("closed twice")
	}
	f.closed = true
	f.fillings.Add(-1)
	return nil
}

func (f *oneFilling) Read(start, end int64) (layout.FillReader, error) {
	if start < 0 || end > f.Size() || start >= end {
		return nil, fmt.Errorf("bytes %d to %d of %d", start, end, f.Size())
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	now := f.open.Add(1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	return &growingReader{growing: f.growing, file: file, end: end}, nil
}

type growingReader struct {
	*growing
	file *os.File
	end  int64
}

func (r *growingReader) File() *os.File { return r.file }

func (r *growingReader) Close() error {
	r.open.Add(-1)
	return r.file.Close()
}

func (r *growingReader) Ready(ctx context.Context, offset int64) (int64, error) {
	for told := false; ; told = true {
		r.mu.Lock()
		end := offset
		for end < r.end && r.here[end/blockSize] {
			end = min((end/blockSize+1)*blockSize, r.end)
		}
		err, changed := r.err, r.changed
		r.mu.Unlock()
		if end > offset {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		if !told {
			select {
			case r.waiting <- offset:
			default:
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// filler is a Filler that a test decides.
type filler struct {
	mu       sync.Mutex
	fill     func(context.Context, layout.Listed) (layout.Filling, error)
	unlisted func(context.Context, layout.PathRequest) (layout.Filling, error)
	asked    []layout.Listed
	paths    []layout.PathRequest
}

func (f *filler) Fill(ctx context.Context, l layout.Listed) (layout.Filling, error) {
	f.mu.Lock()
	f.asked = append(f.asked, l)
	fill := f.fill
	f.mu.Unlock()
	if fill == nil {
		return nil, layout.ErrNoFill
	}
	return fill(ctx, l)
}

func (f *filler) Unlisted(ctx context.Context, q layout.PathRequest) (layout.Filling, error) {
	f.mu.Lock()
	f.paths = append(f.paths, q)
	unlisted := f.unlisted
	f.mu.Unlock()
	if unlisted == nil {
		return nil, layout.ErrNoFill
	}
	return unlisted(ctx, q)
}

// hands makes a filler hand out g for every file.
func (f *filler) hands(g *growing) *filler {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fill = func(context.Context, layout.Listed) (layout.Filling, error) { return g.filling(), nil }
	f.unlisted = func(context.Context, layout.PathRequest) (layout.Filling, error) { return g.filling(), nil }
	return f
}

// The listed file of a coldFixture.
const (
	coldPath = "/Software/EN/com_microsoft.windows10/x64win10/com_microsoft.KB3195781_1/windows10.0-kb3195781-x64_" + coldSHA1 + ".msu"
	coldURL  = "http://download.windowsupdate.com/c/msdownload/update/software/updt/2016/09/windows10.0-kb3195781-x64_" + coldSHA1 + ".msu"
	coldSHA1 = "0123456789abcdef0123456789abcdef01234567"
)

// coldFixture is a catalog with a file that is listed and may be fetched.
func coldFixture(t testing.TB, content []byte) *fixture {
	t.Helper()
	fx := newFixture()
	fx.add(coldPath, content)
	f := &fx.updates[len(fx.updates)-1].Files[0]
	sha1, err := layout.ParseSHA1(coldSHA1)
	if err != nil {
		t.Fatal(err)
	}
	*f = layout.File{
		Name: f.Name, Size: f.Size, SHA1: sha1, MD5: layout.MD5{5}, URL: coldURL,
		Evidence: []layout.Evidence{{Grade: layout.GradeChannel, Algorithm: "sha1"}},
	}
	return fx
}

// fold makes the listed file of a coldFixture a held one, as a sync after its fill does.
func (fx *fixture) fold(content []byte, g *growing) {
	f := &fx.updates[len(fx.updates)-1].Files[0]
	f.Held, f.SHA256, f.Size = true, layout.DigestOf(content), int64(len(content))
	f.Modified, f.Tag = layout.At(g.modified), string(bytes.Trim([]byte(g.etag), `"`))
}

// serveCold runs a server over a coldFixture whose listed file is g.
func serveCold(t testing.TB, s *distribute.Server, content []byte, g *growing) *running {
	t.Helper()
	fx := coldFixture(t, content)
	if s.Source == nil {
		s.Source = fx.folder(t)
	}
	if s.Filler == nil {
		s.Filler = new(filler).hands(g)
	}
	if s.DrainTime == 0 {
		s.DrainTime = time.Second
	}
	s.Swap(fx.view(t))
	srv := start(t, s)
	t.Cleanup(func() {
		if err := srv.stop(); err != nil {
			t.Error(err)
		}
		if n := g.open.Load(); n != 0 {
			t.Errorf("%d readers were not closed", n)
		}
		if n := g.fillings.Load(); n != 0 {
			t.Errorf("%d fillings were not closed", n)
		}
	})
	return srv
}

// readN reads n bytes of a body.
func readN(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	return b
}
