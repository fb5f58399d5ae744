package mirror_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// damages are what may become of a file in quarantine: by a disk, by a scanner
// that cleans what it scans.
var damages = []struct {
	name string
	do   func(t *testing.T, object string)
}{
	{"flipped", func(t *testing.T, object string) { flip(t, object, 100) }},
	{"cut short", func(t *testing.T, object string) {
		must(t, errors.Join(os.Chmod(object, 0o600), os.Truncate(object, 100)))
	}},
	{"removed", func(t *testing.T, object string) { must(t, os.Remove(object)) }},
	{"another beside it", func(t *testing.T, object string) { must(t, os.WriteFile(object+"x", nil, 0o600)) }},
	{"list flipped", func(t *testing.T, object string) {
		flip(t, filepath.Join(filepath.Dir(object), "..", "..", "catalog", "catalog.jsonl.zst"), 30)
	}},
}

// TestDamagedQuarantine damages what lies in quarantine, between two imports and
// while a hook looks at it. Nothing of it is published, and the same command
// copies the bundle again and ends well.
func TestDamagedQuarantine(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			t.Parallel()
			w := published(t)
			dir := w.send()
			object, err := filepath.Rel(dir, w.object(dir))
			must(t, err)
			f := newFar(t, w)
			hook := func(refuse error) mirror.ImportOptions {
				return mirror.ImportOptions{Destination: "plant", Before: func(_ context.Context, p *mirror.ProposedImport) error {
					damage.do(t, filepath.Join(p.Dir, object))
					return refuse
				}}
			}
			damaged := errors.New("the hook said no")
			if _, err := f.Import(t.Context(), []string{dir}, hook(damaged)); !errors.Is(err, damaged) {
				t.Fatalf("got %v, want the hook's error", err)
			}
			f.again(dir, mirror.ImportOptions{Destination: "plant"})

			g := newFar(t, w)
			if _, err := g.Import(t.Context(), []string{dir}, hook(nil)); err == nil && damage.name != "list flipped" && damage.name != "another beside it" {
				t.Error("the import did not notice")
			}
			g.again(dir, mirror.ImportOptions{Destination: "plant"})
		})
	}
}

// again imports a bundle whose quarantine was damaged: it may fail once, and
// not as untrusted.
func (f *far) again(dir string, opt mirror.ImportOptions) {
	f.t.Helper()
	_, err := f.Import(f.t.Context(), []string{dir}, opt)
	if err != nil && !errors.Is(err, mirror.ErrAlready) {
		spoilt, ok := errors.AsType[*mirror.ImportError](err)
		if !ok || spoilt.Code != bundle.CodeMedium || !strings.Contains(spoilt.Reason, "in quarantine: ") || !strings.Contains(spoilt.Next, "the same command again") {
			f.t.Errorf("got %v, want it to say that the copy is spoilt, and what to do", err)
		}
		if errors.Is(err, verify.ErrUntrusted) {
			f.t.Errorf("the bundle is refused for what became of its copy: %v", err)
		}
		if _, err := f.Import(f.t.Context(), []string{dir}, opt); err != nil {
			f.t.Errorf("the same command again: %v", err)
		}
	}
	if a, err := f.Audit(f.t.Context(), mirror.AuditOptions{}); err != nil {
		f.t.Errorf("audit: %v: %+v", err, a)
	}
	if got := f.shown("test"); len(got) != 1 {
		f.t.Errorf("ring test shows %v", got)
	}
}

// TestLeftoversOfKilledCopies: what a killed import left in its quarantine is
// in nobody's way, and goes.
func TestLeftoversOfKilledCopies(t *testing.T) {
	w := published(t)
	dir := w.send()
	f := newFar(t, w)
	q := filepath.Join(f.dir.StageDir(), "import", w.last.Header.String()[:32])
	for _, name := range []string{"new-vol-001-of-001/.new-123", "new-vol-001-of-001/objects/zz/xx", "part-vol-001-of-001-README.txt", "part-7"} {
		must(t, os.MkdirAll(filepath.Join(q, filepath.Dir(name)), 0o750))
		must(t, os.WriteFile(filepath.Join(q, name), []byte("half a fi"), 0o600))
	}
	f.take(dir)
	if _, err := os.Lstat(q); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the quarantine is still there: %v", err)
	}
}
