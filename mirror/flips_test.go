package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// everyFlip is set where there is time for all flips (.ci/full).
const everyFlip = "TEST_FULL"

// flipped is bits of one byte of one file.
type flipped struct {
	path string
	at   int
	bits byte
}

func (fl flipped) String() string {
	return fmt.Sprintf("%s with byte %d flipped by %#x", fl.path, fl.at, fl.bits)
}

// flipper flips bytes of its own copy of a bundle and imports it each time.
type flipper struct {
	f     *far
	dir   string
	codes []bundle.Code // that may be said of it; none is all
}

func newFlipper(t *testing.T, f *far, bundle string, codes []bundle.Code) *flipper {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	must(t, os.CopyFS(dir, os.DirFS(bundle)))
	return &flipper{f, dir, codes}
}

// refuses imports the bundle with a flip, which must be refused as untrusted and
// leave the store empty. A dry run reads as much as an import does; what it
// leaves out is the quarantine.
func (p *flipper) refuses(fl flipped, dry bool) error {
	file, err := os.OpenFile(filepath.Join(p.dir, fl.path), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	right := make([]byte, 1)
	if _, err := file.ReadAt(right, int64(fl.at)); err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte{right[0] ^ fl.bits}, int64(fl.at)); err != nil {
		return err
	}
	_, err = p.f.Import(p.f.t.Context(), []string{p.dir}, mirror.ImportOptions{Destination: "plant", DryRun: dry})
	if refusal, ok := errors.AsType[*mirror.ImportError](err); err == nil {
		return fmt.Errorf("%s was accepted", fl)
	} else if !ok || !errors.Is(err, verify.ErrUntrusted) || len(p.codes) > 0 && !slices.Contains(p.codes, refusal.Code) {
		return fmt.Errorf("%s: %w", fl, err)
	}
	if !dry { // what an earlier flip left would be taken for copied
		if err := os.RemoveAll(filepath.Join(p.f.dir.StageDir(), "import")); err != nil {
			return err
		}
	}
	_, err = file.WriteAt(right, int64(fl.at))
	return err
}

// runFlips imports a bundle with each flip, on two cores; one in so many is no dry
// run. In the end the store is empty, and the bundle is right.
func runFlips(t *testing.T, makeFar func() *far, dir string, flips []flipped, codes ...bundle.Code) {
	t.Helper()
	const hands, wet = 2, 32
	var group errgroup.Group
	for hand := range hands {
		p := newFlipper(t, makeFar(), dir, codes)
		group.Go(func() error {
			for i := hand; i < len(flips); i += hands {
				if err := p.refuses(flips[i], i/hands%wet != 0); err != nil {
					return err
				}
			}
			if n := p.f.objects(); n > 0 || p.f.newest() != 0 {
				return fmt.Errorf("the store has %d objects and state %d", n, p.f.newest())
			}
			if _, err := p.f.Import(t.Context(), []string{p.dir}, mirror.ImportOptions{Destination: "plant"}); err != nil {
				return fmt.Errorf("the bundle is not right any more, so this proves nothing: %w", err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d flips", len(flips))
}

// sizesOf returns the files of a bundle that are not empty, sorted, with their
// sizes: objects and pieces of objects, or all others.
func sizesOf(t *testing.T, dir string, payload bool) (paths []string, sizes map[string]int) {
	t.Helper()
	sizes = map[string]int{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		inPayload := strings.Contains(path, "/objects/") || strings.Contains(path, "/segments/")
		if err != nil || info.Size() == 0 || inPayload != payload {
			return err
		}
		paths, sizes[path] = append(paths, path), int(info.Size())
		return nil
	})
	must(t, err)
	return paths, sizes
}

// TestT01EveryFlipOfMetadata flips a bit of every byte of everything but
// objects, one at a time; where there is time, every bit, and where there is
// little, of every 17th byte.
func TestT01EveryFlipOfMetadata(t *testing.T) {
	stride, bits := 1, 1
	switch {
	case os.Getenv(everyFlip) != "":
		bits = 8
	case testing.Short() || raced:
		stride = 17
	}
	dir := filepath.Join(bundles, "good-full")
	paths, sizes := sizesOf(t, dir, false)
	var flips []flipped
	n := 0
	for _, path := range paths {
		for at := range sizes[path] {
			if n++; n%stride != 0 {
				continue
			}
			for bit := range bits {
				flips = append(flips, flipped{path, at, 1 << ((at + bit) % 8)})
			}
		}
	}
	runFlips(t, func() *far { return newGoldenFar(t) }, dir, flips)
}

// TestT01RandomFlipsOfPayload flips random bits of objects, whole and in
// segments.
func TestT01RandomFlipsOfPayload(t *testing.T) {
	count := 1_000
	switch {
	case os.Getenv(everyFlip) != "":
		count = 10_000
	case testing.Short() || raced:
		count = 200
	}
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 12_000))
	w.sync(mirror.SyncOptions{})
	c := w.content(nil)
	c.Header.Seq, c.Header.Bundle = 1, "11111111-2222-4333-8444-555555555555"
	writer := &bundle.Writer{Source: w.Store, Signers: w.signer, Options: bundle.PlanOptions{MaxFile: 5000, Cluster: 1}}
	made, err := writer.Write(t.Context(), t.TempDir(), c)
	must(t, err)
	paths, sizes := sizesOf(t, made.Dir, true)
	if len(paths) != 4 {
		t.Fatalf("payload %v, want one object and three segments", paths)
	}
	random := rand.New(rand.NewPCG(4, 2))
	flips := make([]flipped, count)
	for i := range flips {
		path := paths[random.IntN(len(paths))]
		flips[i] = flipped{path, random.IntN(sizes[path]), 1 << random.IntN(8)}
	}
	runFlips(t, func() *far { return newFar(t, w) }, made.Dir, flips, bundle.CodeDigest)
}
