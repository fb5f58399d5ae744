package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// TestT20MediumChanges changes files of the medium between two looks at them:
// after the census, before they are copied. What was looked at counts for
// nothing, what was copied for everything; and with the right medium the same
// command finishes.
func TestT20MediumChanges(t *testing.T) {
	volume := func(name string) func(*wire, string) string {
		return func(_ *wire, dir string) string {
			return filepath.Join(dir, "vol-001-of-001", filepath.FromSlash(name))
		}
	}
	object := func(w *wire, dir string) string { return w.object(dir) }
	spoil := func(t *testing.T, name string) { flip(t, name, 100) }
	tests := []struct {
		name  string
		file  func(w *wire, dir string) string
		do    func(t *testing.T, name string)
		code  bundle.Code // empty: what was read and verified before counts
		words string
	}{
		{"object, other bytes", object, spoil, bundle.CodeDigest, "has other bytes than were signed"},
		{"object, cut short", object, func(t *testing.T, name string) { must(t, os.Truncate(name, 10)) }, bundle.CodeSize, "has 10 bytes, want 3000"},
		{"object, gone", object, func(t *testing.T, name string) { must(t, os.Remove(name)) }, bundle.CodeIncomplete, "is missing"},
		{"object, a link to the same bytes", object, func(t *testing.T, name string) {
			away := filepath.Join(t.TempDir(), "away")
			must(t, errors.Join(os.Rename(name, away), os.Symlink(away, name)))
		}, bundle.CodeUndeclared, "is a symbolic link, not a regular file"},
		{"object, a folder", object, func(t *testing.T, name string) { must(t, errors.Join(os.Remove(name), os.Mkdir(name, 0o755))) },
			bundle.CodeUndeclared, "is a directory, not a regular file"},
		{"catalog", volume(bundle.CatalogFile), spoil, bundle.CodeDigest, "has other bytes than were signed"},
		{"text for people", volume(bundle.ReadmeFile), spoil, bundle.CodeDigest, "has other bytes than were signed"},
		{"list of the volume", volume(bundle.VolumeFile), spoil, bundle.CodeDigest, "the header says"},
		{"header", volume(bundle.HeaderFile), spoil, "", ""},
		{"signature of the header", volume(bundle.HeaderSigFile), spoil, "", ""},
		{"signature of the generation", volume(bundle.GenerationSigFile), spoil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := published(t)
			dir := w.send()
			good := part(t, dir, "vol-001-of-001")
			f := newFar(t, w)
			changed := false
			judge := f.Judge
			f.Judge = func(source string, profile verify.Profile) *verify.Judge {
				if !changed { // the lists were read; nothing was copied yet
					changed = true
					tt.do(t, tt.file(w, dir))
				}
				return judge(source, profile)
			}
			if tt.code == "" {
				f.take(dir)
			} else if e := f.refuse(mirror.ImportOptions{}, dir); e.Code != tt.code || !strings.Contains(e.Error(), tt.words) {
				t.Errorf("got %v, want %s with %q", e, tt.code, tt.words)
			}
			if !changed {
				t.Fatal("nothing was changed")
			}
			if tt.code != "" {
				f.take(good)
			}
			f.clean()
		})
	}
}

// TestT20MediumChangesAfterTheCensus does the same before the lists are read.
func TestT20MediumChangesAfterTheCensus(t *testing.T) {
	for name, code := range map[string]bundle.Code{
		bundle.GenerationFile: bundle.CodeDigest, bundle.EntriesFile: bundle.CodeDigest, bundle.RequiresFile: bundle.CodeDigest,
		bundle.CatalogFile: bundle.CodeDigest, bundle.NoticesFile: bundle.CodeDigest, bundle.GenerationSigFile: bundle.CodeSignature,
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			w := published(t)
			dir := w.send()
			good := part(t, dir, "vol-001-of-001")
			f := newFar(t, w)
			file := filepath.Join(dir, "vol-001-of-001", filepath.FromSlash(name))
			e := f.refuse(mirror.ImportOptions{Free: func(string) (int64, bool) {
				raw, err := os.ReadFile(file)
				must(t, err)
				flip(t, file, len(raw)/2)
				return 1 << 40, true
			}}, dir)
			if e.Code != code {
				t.Errorf("got %v, want %s", e, code)
			}
			f.take(good)
			f.clean()
		})
	}
}

// clean audits everything.
func (f *far) clean() {
	f.t.Helper()
	if r, err := f.Audit(f.t.Context(), mirror.AuditOptions{}); err != nil {
		f.t.Errorf("audit: %v: %+v", err, r)
	}
}

// TestT20QuarantineChanges damages what an import has copied, between two runs
// of it.
func TestT20QuarantineChanges(t *testing.T) {
	for _, name := range []string{bundle.HeaderSigFile, bundle.GenerationSigFile, bundle.VolumeFile, bundle.EntriesFile} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			w := published(t)
			dir := w.send()
			f := newFar(t, w)
			if _, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Before: hung}); err == nil {
				t.Fatal("the hook was not asked")
			}
			kept, err := filepath.Glob(filepath.Join(f.dir.StageDir(), "import", "*", "vol-001-of-001", filepath.FromSlash(name)))
			if err != nil || len(kept) != 1 {
				t.Fatalf("quarantine %v, %v", kept, err)
			}
			flip(t, kept[0], 100)
			e := f.refuse(mirror.ImportOptions{}, dir)
			if e.Code != bundle.CodeMedium || !strings.Contains(e.Error(), "in quarantine: ") || !strings.Contains(e.Next, "the same command again") {
				t.Errorf("got %v; next: %s", e, e.Next)
			}
			f.take(dir)
			f.clean()
		})
	}
}
