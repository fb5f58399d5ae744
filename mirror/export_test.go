package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// pinnedOrigin judges bundles as a far side does that pinned the origin.
type pinnedOrigin struct{ trust *verify.Trust }

func (p pinnedOrigin) Verify(doc, sig []byte) ([]string, error) {
	signed, err := p.trust.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err != nil {
		return nil, err
	}
	return []string{signed.Fingerprint.String()}, nil
}

// newNear makes a near side that has published updates with these numbers.
func newNear(t testing.TB, numbers ...int) *site {
	t.Helper()
	s := newSite(t)
	s.holds(numbers...)
	return s
}

// holds publishes a generation with exactly these updates listed, besides those
// that were before.
func (s *site) holds(numbers ...int) {
	s.t.Helper()
	var files []layout.File
	for _, n := range numbers {
		files = append(files, s.vouched(name(n), 2000+n))
	}
	s.list(files...)
	s.sync(mirror.SyncOptions{})
}

// export runs an export that must succeed, and reads the bundle back whole.
func (s *site) export(opt mirror.ExportOptions) (*mirror.ExportReport, *bundle.Report) {
	s.t.Helper()
	r, err := s.Export(s.t.Context(), opt)
	if err != nil {
		s.t.Fatalf("export: %v\n%+v", err, r)
	}
	return r, s.verifyBundle(r.Dir)
}

// verifyBundle reads a bundle as a far side does.
func (s *site) verifyBundle(dir string) *bundle.Report {
	s.t.Helper()
	b, err := bundle.Open(s.t.Context(), []string{dir}, pinnedOrigin{s.trust}, bundle.ReadOptions{})
	if err != nil {
		s.t.Fatalf("open %s: %v", dir, err)
	}
	defer b.Close()
	r, err := b.Verify(s.t.Context())
	if err != nil {
		s.t.Fatalf("verify %s: %v", dir, err)
	}
	return r
}

// outbound returns the ledger of the stream main.
func (s *site) outbound() layout.Outbound {
	s.t.Helper()
	state, err := s.Trusted.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return state.Outbound["main"]
}

// ledger words the exports of the stream main, newest first.
func (s *site) ledger() string {
	s.t.Helper()
	var words []string
	for _, e := range s.outbound().Exports {
		words = append(words, fmt.Sprintf("%d %s %s", e.Seq, e.Kind, e.Status))
	}
	return strings.Join(words, ", ")
}

func TestExportIsWhatAFarSideReads(t *testing.T) {
	s := newNear(t, 1, 2, 3)
	dir := t.TempDir()
	r, read := s.export(mirror.ExportOptions{To: dir, Tool: "patchferry test"})
	if want := filepath.Join(dir, "main-e001-s000001"); r.Dir != want || r.Name != filepath.Base(want) {
		t.Errorf("got %s in %s, want %s", r.Name, r.Dir, want)
	}
	h := read.Header
	if !read.Verified || h.Kind != bundle.Full || h.Prev != nil || h.Generation.Number != 1 || read.Updates != 3 || h.Tool != "patchferry test" {
		t.Errorf("the bundle reads as %+v, %+v", read, h)
	}
	if got, want := r.Objects, 4; got != want { // three files and the catalog
		t.Errorf("got %d objects shipped, want %d", got, want)
	}
	if h.StateRoot != r.StateRoot || h.StateRoot != s.newestGeneration().StateRoot {
		t.Errorf("state roots differ: %s in the header, %s reported", h.StateRoot, r.StateRoot)
	}
	if got, want := s.ledger(), "1 full exported"; got != want {
		t.Errorf("the ledger has %q, want %q", got, want)
	}
	e := s.outbound().Exports[0]
	if e.Header.Document.SHA256 != read.Digest || !slices.Equal(r.Signers, []string{s.key.Fingerprint().String()}) {
		t.Errorf("noted %+v, signed by %v; the header is %s", e, r.Signers, read.Digest)
	}
	if doc := s.read(e.Header.Document.SHA256); layout.DigestOf(doc) != read.Digest {
		t.Error("the header is not in the store")
	}
	s.clean()
}

func TestExportsFollowOneAnother(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	_, first := s.export(mirror.ExportOptions{To: dir})
	s.holds(1, 2)
	_, second := s.export(mirror.ExportOptions{To: dir})
	h, before := second.Header, first.Header
	if h.Origin != before.Origin || h.Stream != before.Stream || h.Bundle == before.Bundle {
		t.Errorf("ids do not stay: %+v after %+v", h, before)
	}
	if h.Seq != 2 || h.Prev == nil || *h.Prev != (bundle.Before{Epoch: 1, Seq: 1, Header: first.Digest}) {
		t.Errorf("seq %d follows %+v, want 2 after 1 with %s", h.Seq, h.Prev, first.Digest)
	}
}

// TestIncrementsAllowForTwoLostBundles: without anything coming back, an
// increment starts three bundles before, and at least the overlap back.
func TestIncrementsAllowForTwoLostBundles(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	opt := mirror.ExportOptions{To: dir, Stream: mirror.OutboundStream{Overlap: time.Hour}}
	var got []string
	for n := 1; n <= 6; n++ {
		r, read := s.export(opt)
		got = append(got, fmt.Sprintf("%d %s since %d: %d shipped, %d required", r.Seq, r.Kind, r.Since, r.Objects, r.Required))
		if read.Header.SinceSeq != r.Since || read.Header.Requires.Count != r.Required {
			t.Errorf("seq %d: header says %+v", r.Seq, read.Header)
		}
		s.now = s.now.Add(2 * time.Hour)
		if n < 6 {
			s.holds(numbersTo(n + 1)...)
		}
	}
	want := []string{
		"1 full since 0: 2 shipped, 0 required",
		"2 full since 0: 3 shipped, 0 required",
		"3 full since 0: 4 shipped, 0 required",
		"4 incremental since 1: 4 shipped, 1 required", // three new files and the catalog
		"5 incremental since 2: 4 shipped, 2 required",
		"6 incremental since 3: 4 shipped, 3 required",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exports (-want +got):\n%s", diff)
	}
	opt.Stream.Overlap = 100 * 24 * time.Hour
	opt.DryRun = true
	r, err := s.Export(t.Context(), opt)
	if err != nil || r.Since != 4 {
		// The ledger was trimmed to what the shorter overlap needs.
		t.Errorf("with a longer overlap: got since %d, %v", r.Since, err)
	}
}

func numbersTo(n int) []int {
	var all []int
	for i := 1; i <= n; i++ {
		all = append(all, i)
	}
	return all
}

func TestWhatIsExported(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	s.export(mirror.ExportOptions{To: dir})
	s.holds(1, 2)
	for _, test := range []struct {
		name string
		opt  mirror.ExportOptions
		want string // kind and since, or the error
	}{
		{"by the ledger", mirror.ExportOptions{}, "full 0"},
		{"since a seq", mirror.ExportOptions{Since: 1}, "incremental 1"},
		{"full", mirror.ExportOptions{Full: true}, "full 0"},
		{"full and since", mirror.ExportOptions{Full: true, Since: 1}, "not both"},
		{"since what never was", mirror.ExportOptions{Since: 2}, "not in the ledger"},
		{"a stream with a strange name", mirror.ExportOptions{Stream: mirror.OutboundStream{Name: "../x"}}, "not the name"},
		{"for a strange destination", mirror.ExportOptions{Stream: mirror.OutboundStream{Audience: []string{"Far Side"}}}, "not the name"},
		{"volumes that are too small", mirror.ExportOptions{VolumeSize: 1000}, "too small"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opt.DryRun = true
			before := s.states()
			r, err := s.Export(t.Context(), test.opt)
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprintf("%s %d", r.Kind, r.Since)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if s.states() != before {
				t.Error("a dry run published a state")
			}
		})
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("dry runs wrote: %v, %v", names, err)
	}
}

func TestNothingToExport(t *testing.T) {
	s := newSite(t)
	_, err := s.Export(t.Context(), mirror.ExportOptions{To: t.TempDir()})
	if exportErr := (*mirror.ExportError)(nil); !errors.As(err, &exportErr) || exportErr.Next != "patchferry sync" {
		t.Errorf("got %v", err)
	}
}

// TestAnUnpinnedKeySignsNothing: what no far side could accept is not made.
func TestAnUnpinnedKeySignsNothing(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	other, err := verify.GenerateKey("other", s.now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	own := s.Origin
	s.Origin = other
	if _, err := s.Export(t.Context(), mirror.ExportOptions{To: dir}); !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("got %v, want ErrUntrusted", err)
	}
	signed, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.asc"))
	if err != nil || len(signed) != 0 {
		t.Errorf("there are signatures: %v, %v", signed, err)
	}
	s.Origin = own
	if r, _ := s.export(mirror.ExportOptions{To: dir}); r.Resumed || r.Seq != 1 {
		t.Errorf("got %+v, want seq 1, which nobody began", r)
	}
}

// TestEveryWriteOfAnExportMayFail fails each write to the store in turn, in
// every way, and kills the export there or lets it go on: afterwards the same
// call completes it, no seq ever had two headers, and nothing is signed that is
// not recorded.
func TestEveryWriteOfAnExportMayFail(t *testing.T) {
	for at := 1; at <= 4; at++ { // header, state, signature, state
		for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
			for _, dies := range []bool{true, false} {
				if mode == faulty.None && !dies {
					continue
				}
				t.Run(fmt.Sprintf("write %d %v dies %t", at, mode, dies), func(t *testing.T) {
					t.Parallel()
					s := newNear(t, 1, 2)
					dir, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
					s.use(faulty.New(s.dir, faulty.Fault{At: at, Mode: mode, Dies: dies}), mark)
					_, err := s.Export(t.Context(), mirror.ExportOptions{To: dir})
					last := at == 4 && (mode == faulty.None || mode == faulty.Kept)
					if err == nil && dies && !last {
						t.Error("the export did not notice")
					}
					s.use(s.dir, mark)
					s.onlyRecordedHeaders(dir)
					before := s.ledger()
					r, _ := s.export(mirror.ExportOptions{To: dir})
					if strings.Contains(before, "exported") {
						if r.Seq != 2 {
							t.Errorf("got seq %d after a finished one, want 2", r.Seq)
						}
						return
					}
					if got, want := s.ledger(), "1 full exported"; got != want {
						t.Errorf("the ledger has %q, want %q", got, want)
					}
					s.clean()
				})
			}
		}
	}
}

// onlyRecordedHeaders checks that every signed header below dir is the one that
// the ledger has.
func (s *site) onlyRecordedHeaders(dir string) {
	s.t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != bundle.HeaderSigFile {
			return err
		}
		doc, err := os.ReadFile(strings.TrimSuffix(name, ".asc"))
		if err != nil {
			return err
		}
		exports := s.outbound().Exports
		if len(exports) != 1 || exports[0].Header.Document.SHA256 != layout.DigestOf(doc) {
			s.t.Errorf("%s is signed, and the ledger has %+v", name, exports)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestAnInterruptedExportIsCompletedAsItWasBegun: time has passed and there is
// a newer generation, and still the seq has the header that was recorded.
func TestAnInterruptedExportIsCompletedAsItWasBegun(t *testing.T) {
	s := newNear(t, 1, 2)
	dir := t.TempDir()
	recorded := s.beginExport(dir)
	s.now = s.now.Add(48 * time.Hour)
	s.holds(1, 2, 3)
	for _, where := range []string{t.TempDir(), dir} { // the medium may be another one
		other := mirror.ExportOptions{To: where, VolumeSize: 300_000_000}
		r, err := s.Export(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		header, err := os.ReadFile(filepath.Join(r.Dir, "vol-001-of-001", bundle.HeaderFile))
		if err != nil {
			t.Fatal(err)
		}
		if where != dir {
			if !bytes.Equal(header, recorded) || !r.Resumed || r.Generation != 1 {
				t.Errorf("seq 1 was completed with another header: %+v", r)
			}
			continue
		}
		if r.Seq != 2 || r.Generation != 2 {
			t.Errorf("got %+v, want seq 2 of generation 2", r)
		}
	}
}

// beginExport dies when the header is recorded, and returns it.
func (s *site) beginExport(dir string) []byte {
	s.t.Helper()
	mark := filepath.Join(s.t.TempDir(), "mark")
	s.use(faulty.New(s.dir, faulty.Fault{At: 2, Mode: faulty.Kept, Dies: true}), mark)
	if _, err := s.Export(s.t.Context(), mirror.ExportOptions{To: dir}); !errors.Is(err, faulty.ErrFault) {
		s.t.Fatalf("got %v, want ErrFault", err)
	}
	s.use(s.dir, mark)
	return s.read(s.outbound().Exports[0].Header.Document.SHA256)
}

func TestAbandon(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	if _, err := s.Export(t.Context(), mirror.ExportOptions{To: dir, Abandon: true}); err == nil {
		t.Error("abandoned what was never begun")
	}
	s.export(mirror.ExportOptions{To: dir})
	s.beginExport(dir)
	r, read := s.export(mirror.ExportOptions{To: dir, Abandon: true})
	if r.Seq != 3 || !slices.Equal(read.Header.Skipped, []uint64{2}) || read.Header.Prev.Seq != 1 {
		t.Errorf("got seq %d after %+v, skipped %v; want 3 after 1, skipped 2", r.Seq, read.Header.Prev, read.Header.Skipped)
	}
	if got, want := s.ledger(), "3 full exported, 2 full burned, 1 full exported"; got != want {
		t.Errorf("the ledger has %q, want %q", got, want)
	}
	if _, err := os.Lstat(filepath.Join(dir, "main-e001-s000002.partial")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the burned folder: %v", err)
	}
}

// TestAWholeBundleIsNotAbandoned: it has its name, so that somebody may have
// carried it away.
func TestAWholeBundleIsNotAbandoned(t *testing.T) {
	s := newNear(t, 1)
	dir, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	s.use(faulty.New(s.dir, faulty.Fault{At: 4, Mode: faulty.Lost, Dies: true}), mark)
	if _, err := s.Export(t.Context(), mirror.ExportOptions{To: dir}); err == nil {
		t.Fatal("the export did not notice")
	}
	s.use(s.dir, mark)
	_, err := s.Export(t.Context(), mirror.ExportOptions{To: dir, Abandon: true})
	if exportErr := (*mirror.ExportError)(nil); !errors.As(err, &exportErr) {
		t.Errorf("got %v, want ExportError", err)
	}
	if r, _ := s.export(mirror.ExportOptions{To: dir}); r.Seq != 1 || !r.Resumed || r.Copied != 0 {
		t.Errorf("got %+v, want seq 1 noted without a copy", r)
	}
}

func TestVolumes(t *testing.T) {
	s := newSite(t)
	var files []layout.File
	for i := range 6 {
		files = append(files, s.vouched(name(i), 300_000))
	}
	s.list(files...)
	s.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir(), VolumeSize: 1_500_000}
	opt.DryRun = true
	planned, err := s.Export(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	opt.DryRun = false
	r, read := s.export(opt)
	if len(r.Volumes) < 2 || len(read.Header.Volumes) != len(r.Volumes) {
		t.Errorf("got %d volumes, the header has %d", len(r.Volumes), len(read.Header.Volumes))
	}
	if diff := cmp.Diff(planned.Volumes, r.Volumes); diff != "" {
		t.Errorf("the dry run said otherwise (-dry +wet):\n%s", diff)
	}
	for i, v := range read.Header.Volumes {
		if v.Bytes > r.Volumes[i].Bytes || r.Volumes[i].Bytes > opt.VolumeSize {
			t.Errorf("volume %d has %d bytes, planned %d, at most %d", v.Index, v.Bytes, r.Volumes[i].Bytes, opt.VolumeSize)
		}
	}
}

func TestPruneKeepsWhatExportsStandOn(t *testing.T) {
	s := newNear(t, 1)
	s.Keep, s.Grace = -1, -1
	dir := t.TempDir()
	recorded := s.beginExport(dir)
	for n := 2; n < 9; n++ { // far more generations than are kept
		s.list(s.vouched(name(n), 2000+n))
		s.sync(mirror.SyncOptions{})
	}
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	if plan.Count == 0 {
		t.Error("there was nothing to prune")
	}
	r, read := s.export(mirror.ExportOptions{To: dir})
	if !r.Resumed || read.Digest != layout.DigestOf(recorded) || read.Header.Generation.Number != 1 {
		t.Errorf("got %+v, want the recorded header", r)
	}
}
