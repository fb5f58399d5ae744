package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

func TestReadWholeBundle(t *testing.T) {
	dir := crate{rotations: 2}.write(t)
	for name, dirs := range map[string][]string{
		"bundle folder":         {dir},
		"root of the medium":    {filepath.Dir(dir)},
		"volumes, any order":    {volumeDir(dir, 3), volumeDir(dir, 1), volumeDir(dir, 2)},
		"one volume twice":      {volumeDir(dir, 3), dir},
		"folder with its slash": {dir + "/"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verifyAll(t.Context(), dirs...)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != "main-e001-s000001" || !got.Verified || got.Objects != 9 || got.Updates != 1 || got.Rotations != 2 {
				t.Errorf("got report %+v", got)
			}
			if want := []string{"origin"}; !slices.Equal(got.Signers, want) {
				t.Errorf("got signers %q, want %q", got.Signers, want)
			}
			if want := []int{1, 2, 3}; !slices.Equal(got.Present, want) || got.Missing != nil {
				t.Errorf("got volumes %d without %d, want %d", got.Present, got.Missing, want)
			}
		})
	}
}

func TestCopyObjects(t *testing.T) {
	b, err := open(t, crate{}.write(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Census(t.Context()), b.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	got := map[layout.Digest]bool{}
	for e := range b.Entries() {
		var copied bytes.Buffer
		if err := b.CopyObject(t.Context(), e, &copied); err != nil {
			t.Fatal(err)
		}
		if layout.DigestOf(copied.Bytes()) != e.SHA256 {
			t.Errorf("object %s has other bytes", e.SHA256)
		}
		got[e.SHA256] = true
		for n, s := range e.Segments {
			var part bytes.Buffer
			if err := b.CopySegment(t.Context(), e, n, &part); err != nil {
				t.Fatal(err)
			}
			if want := big[s.Offset : s.Offset+s.Size]; !bytes.Equal(part.Bytes(), want) {
				t.Errorf("got segment %q, want %q", part.Bytes(), want)
			}
		}
	}
	for n := range 6 {
		if !got[layout.DigestOf(object(n))] {
			t.Errorf("object %d is not in the entries", n)
		}
	}
	if !got[layout.DigestOf(big)] || len(slices.Collect(b.Requires())) != 2 {
		t.Errorf("got %d entries and %d required", len(got), len(slices.Collect(b.Requires())))
	}
	g, doc, sig, err := b.Generation()
	if err != nil || g.Number != 7 || layout.DigestOf(doc) != b.Header().Generation.SHA256 || len(sig) == 0 {
		t.Errorf("got generation %+v, %v", g, err)
	}
}

func TestCopyEndsWithTheCaller(t *testing.T) {
	b, err := open(t, crate{}.write(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Census(t.Context()), b.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	e := slices.Collect(b.Entries())[0]
	full := errors.New("disk full")
	var refused *bundle.Error
	if err := b.CopyObject(t.Context(), e, failing{full}); !errors.Is(err, full) || errors.As(err, &refused) {
		t.Errorf("got error %v, want that of the writer and no refusal", err)
	}
}

// TestMediumGone lets the directories go, as a drive that is pulled out does:
// nothing is refused, and nothing trusted.
func TestMediumGone(t *testing.T) {
	b, err := open(t, crate{}.write(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for e := range b.Entries() {
		wantRefusal(t, b.CopyObject(t.Context(), e, new(bytes.Buffer)), bundle.CodeMedium, "medium cannot be read: vol-")
	}
}

func TestStepsInOrder(t *testing.T) {
	b, err := open(t, crate{}.write(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Load(t.Context()); err == nil {
		t.Error("load before the census: no error")
	}
	if _, _, _, err := b.Generation(); err == nil {
		t.Error("generation before load: no error")
	}
	if err := b.CopyFile(t.Context(), 1, bundle.Line{Path: bundle.ReadmeFile}, new(bytes.Buffer)); err == nil {
		t.Error("copy before the census: no error")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var refused *bundle.Error
	if err := b.Census(stopped); !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		t.Errorf("census that was stopped: got %v, want context.Canceled and no refusal", err)
	}
}

// failing is a writer that fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestReadWaitsForVolumes(t *testing.T) {
	dir := crate{}.write(t)
	b, err := open(t, volumeDir(dir, 1), volumeDir(dir, 3))
	if err != nil {
		t.Fatal(err)
	}
	waiting := new(bundle.WaitingError)
	if err := b.Waiting(); !errors.As(err, &waiting) {
		t.Fatalf("got %v, want a WaitingError", err)
	}
	if diff := cmp.Diff(&bundle.WaitingError{Of: 3, Missing: []int{2}}, waiting); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if got, want := waiting.Error(), "waiting for 1 of 3 volumes: 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	report, err := b.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(report.Missing, []int{2}) || report.Objects != 7 {
		t.Errorf("got %d objects and missing %d, want 7 and volume 2", report.Objects, report.Missing)
	}
	var refused *bundle.Error
	for e := range b.Entries() {
		err := b.CopyObject(t.Context(), e, new(bytes.Buffer))
		if e.Volume == 2 && (!errors.As(err, &waiting) || errors.As(err, &refused)) {
			t.Errorf("copy from the absent volume: got %v, want a WaitingError", err)
		}
	}
}

func TestReadWithoutFirstVolume(t *testing.T) {
	b, err := open(t, volumeDir(crate{}.write(t), 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting := new(bundle.WaitingError)
	if err := b.Load(t.Context()); !errors.As(err, &waiting) {
		t.Errorf("load: got %v, want a WaitingError", err)
	}
	files, err := b.Files(2)
	if err != nil {
		t.Fatal(err)
	}
	for f := range files {
		if err := b.CopyFile(t.Context(), 2, f, new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
	}
}

func TestReadNothingOrSeveral(t *testing.T) {
	empty := t.TempDir()
	if _, err := open(t, empty); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory: got %v, want fs.ErrNotExist", err)
	}
	if _, err := open(t); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: got %v, want fs.ErrNotExist", err)
	}
	medium := t.TempDir()
	for seq, name := range []string{"main-e001-s000001", "main-e001-s000002", "main-e001-s000003.partial"} {
		if err := os.Rename(crate{seq: uint64(seq + 1)}.write(t), filepath.Join(medium, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := open(t, medium)
	several := new(bundle.AmbiguousError)
	if !errors.As(err, &several) {
		t.Fatalf("two bundles: got %v, want an AmbiguousError", err)
	}
	if want := []string{"main-e001-s000001", "main-e001-s000002"}; !slices.Equal(several.Bundles, want) {
		t.Errorf("got bundles %q, want %q", several.Bundles, want)
	}
	if _, err := verifyAll(t.Context(), filepath.Join(medium, "main-e001-s000002")); err != nil {
		t.Errorf("one of the two by name: %v", err)
	}
}

func TestInspectWithoutKeys(t *testing.T) {
	dir := crate{}.write(t)
	for i := 1; i <= 3; i++ {
		if err := os.Remove(filepath.Join(volumeDir(dir, i), bundle.HeaderSigFile)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Open(t.Context(), []string{dir}, nil, bundle.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if r := b.Inspect(); r.Verified || r.Signers != nil || r.Header.Seq != 1 {
		t.Errorf("got %+v, want what the header says, unverified", r)
	}
	if r, err := b.Verify(t.Context()); err != nil || r.Verified {
		t.Errorf("verify without keys: got %+v, %v, want an unverified report", r, err)
	}
}

// TestReadLeavesMediumAlone reads from directories without any permission to
// write, and finds them as they were.
func TestReadLeavesMediumAlone(t *testing.T) {
	dir := crate{}.write(t)
	chmod := func(file, folder fs.FileMode) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, folder)
			}
			return os.Chmod(path, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	chmod(0o444, 0o555)
	t.Cleanup(func() { chmod(0o644, 0o755) })
	before := snapshot(t, dir)
	if _, err := verifyAll(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the medium changed:\n%s", diff)
	}
}

// snapshot returns mode, time and content of everything below dir.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String() + info.ModTime().String()
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		all[path] += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
