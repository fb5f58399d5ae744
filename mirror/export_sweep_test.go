package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

// TestUnfinishedBundlesAreSwept finishes a bundle on another medium than that on
// which it was begun, and gives one up. The next export to the first medium
// removes what is left of both, and nothing that is somebody else's.
func TestUnfinishedBundlesAreSwept(t *testing.T) {
	s := newNear(t, 1, 2)
	medium, other := t.TempDir(), t.TempDir()
	s.dies(medium)
	s.export(mirror.ExportOptions{To: other})
	if got, want := s.ledger(), "1 full exported"; got != want {
		t.Fatalf("the ledger has %q, want %q", got, want)
	}
	begun, foreign := filepath.Join(medium, "main-e001-s000001.partial"), filepath.Join(medium, "main-e001-s000003.partial")
	must(t, os.CopyFS(foreign, os.DirFS(begun)))
	s.dies(medium)
	if _, err := os.Stat(begun); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was finished elsewhere: %v, want it gone", err)
	}
	s.export(mirror.ExportOptions{To: other, Abandon: true})
	for _, theirs := range []string{"other-e001-s000001.partial", "holiday.partial"} {
		must(t, os.Mkdir(filepath.Join(medium, theirs), 0o755))
	}
	r, err := s.Export(t.Context(), mirror.ExportOptions{To: medium})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"main-e001-s000002.partial"}; !slices.Equal(r.Swept, want) {
		t.Errorf("%v were removed, want %v", r.Swept, want)
	}
	var left []string
	entries, err := os.ReadDir(medium)
	must(t, err)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"holiday.partial", "main-e001-s000003.partial", filepath.Base(r.Dir), "other-e001-s000001.partial"}; !slices.Equal(left, want) {
		t.Errorf("on the medium are %v, want %v", left, want)
	}
	if _, err := os.Stat(filepath.Join(foreign, "vol-001-of-001", bundle.HeaderFile)); err != nil {
		t.Error(err)
	}
}

// dies exports until the header is recorded: the process dies before it signs.
func (s *site) dies(medium string) {
	s.t.Helper()
	s.use(faulty.New(s.dir, faulty.Fault{At: 2, Mode: faulty.Kept, Dies: true}), s.markPath())
	if _, err := s.Export(s.t.Context(), mirror.ExportOptions{To: medium}); err == nil {
		s.t.Fatal("the export did not die")
	}
	s.use(s.dir, s.markPath())
}
