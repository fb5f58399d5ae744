package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
)

// dieRecorded begins an export that dies when the header is recorded, and
// returns the header.
func (s *site) dieRecorded(opt mirror.ExportOptions) []byte {
	s.t.Helper()
	name := opt.Stream.Name
	if name == "" {
		name = "main"
	}
	mark := filepath.Join(s.t.TempDir(), "mark")
	for at := 2; ; at++ {
		s.use(faulty.New(s.dir, faulty.Fault{At: at, Mode: faulty.Kept, Dies: true}), mark)
		if _, err := s.Export(s.t.Context(), opt); !errors.Is(err, faulty.ErrFault) {
			s.t.Fatalf("got %v, want ErrFault", err)
		}
		s.use(s.dir, mark)
		state, err := s.Trusted.Newest(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if out := state.Outbound[name]; len(out.Exports) > 0 && out.Exports[0].Status == "begun" {
			return s.read(out.Exports[0].Header.Document.SHA256)
		}
	}
}

// contents returns the bytes of everything below a directory by name.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err == nil {
			all[strings.TrimPrefix(name, dir)] = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rewritten writes a bundle again and holds it to the folder of the first time.
func rewritten(t testing.TB, m *mirror.Mirror, first string, opt mirror.AgainOptions) *mirror.AgainReport {
	t.Helper()
	opt.To = t.TempDir()
	r, err := m.Again(t.Context(), opt)
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	want, got := contents(t, first), contents(t, r.Dir)
	for name, b := range want {
		if got[name] != b {
			t.Errorf("%s differs, or is not there", name)
		}
	}
	if len(got) != len(want) || r.Name != filepath.Base(first) {
		t.Errorf("%s has %d files, %s had %d", r.Name, len(got), filepath.Base(first), len(want))
	}
	return r
}

func (s *site) again(first string, opt mirror.AgainOptions) *mirror.AgainReport {
	s.t.Helper()
	return rewritten(s.t, s.Mirror, first, opt)
}

// TestABundleIsWrittenAgainOnBothSides: the same bytes in every volume, with
// segments and a bulletin, whatever was published and pruned since; and neither
// side notes anything.
func TestABundleIsWrittenAgainOnBothSides(t *testing.T) {
	w := newWire(t)
	w.Keep, w.Grace = -1, -1
	w.press.print("MS26-001", w.clearSigned("MS26-001 KB800000 critical 2026-11-01"), nil)
	w.list(w.vouched("large.exe", 5_000_000), w.vouched("small.exe", 3000))
	w.sync(mirror.SyncOptions{})
	dir := t.TempDir()
	sent, read := w.export(mirror.ExportOptions{To: dir, VolumeSize: 2_000_000})
	if len(read.Header.Volumes) < 3 || !slices.ContainsFunc(keysOf(contents(t, sent.Dir)), func(name string) bool { return strings.Contains(name, "/segments/") }) {
		t.Fatalf("a bundle of %d volumes without segments shows little", len(read.Header.Volumes))
	}
	f := newFar(t, w)
	f.Keep, f.Grace = -1, -1
	f.take(sent.Dir)
	for n := range 3 {
		w.list(w.vouched(fmt.Sprint("next-", n), 2000))
		w.sync(mirror.SyncOptions{})
		r, _ := w.export(mirror.ExportOptions{To: dir})
		f.take(r.Dir)
	}
	near, far := w.states(), f.newest()
	r := w.again(sent.Dir, mirror.AgainOptions{Seq: 1})
	if r.Header != read.Digest || r.Volumes != len(read.Header.Volumes) {
		t.Errorf("got %+v, want the header %s", r, read.Digest)
	}
	rewritten(t, f.Mirror, sent.Dir, mirror.AgainOptions{Seq: 1, NoReadback: true})
	if w.states() != near || f.newest() != far {
		t.Error("a state was published")
	}
	f2 := newFar(t, w)
	f2.take(r.Dir)
	// The far side keeps the newest four.
	last, _ := w.export(mirror.ExportOptions{To: dir})
	f.take(last.Dir)
	f.pruned()
	f.clean()
	rewritten(t, f.Mirror, last.Dir, mirror.AgainOptions{Seq: 5, Stream: "main"})
	_, err := f.Again(t.Context(), mirror.AgainOptions{To: t.TempDir(), Seq: 1})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, "[5 4 3 2]") || e.Next == "" {
		t.Errorf("a bundle that is kept no more: got %v", err)
	}
}

func keysOf(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

func (f *far) pruned() {
	f.t.Helper()
	(&site{Mirror: f.Mirror, t: f.t}).pruned()
}

// TestALostVolumeIsWrittenAgain: the far side takes it for the one that it waits
// for.
func TestALostVolumeIsWrittenAgain(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 1_400_000), w.vouched("b.exe", 1_400_000))
	w.sync(mirror.SyncOptions{})
	sent, read := w.export(mirror.ExportOptions{To: t.TempDir(), VolumeSize: 2_000_000})
	if n := len(read.Header.Volumes); n != 2 {
		t.Fatalf("got %d volumes, want 2", n)
	}
	f := newFar(t, w)
	if e := f.refuse(mirror.ImportOptions{}, part(t, sent.Dir, "vol-001-of-002")); e.Code != mirror.CodeWaiting {
		t.Fatalf("got %v, want it to wait", e)
	}
	w.list(w.vouched("a.exe", 1_400_000))
	w.sync(mirror.SyncOptions{})
	again := w.again(sent.Dir, mirror.AgainOptions{Seq: 1})
	if r := f.take(part(t, again.Dir, "vol-002-of-002")); r.Status != mirror.StatusImported {
		t.Errorf("got %+v", r)
	}
}

// TestWritingAgainGoesOnWhereItStopped, and takes nothing that is there on
// trust.
func TestWritingAgainGoesOnWhereItStopped(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 3000))
	w.sync(mirror.SyncOptions{})
	sent, _ := w.export(mirror.ExportOptions{To: t.TempDir()})
	opt := mirror.AgainOptions{To: t.TempDir(), Seq: 1}
	r, err := w.Again(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	lost, altered := w.file("a.exe").SHA256, w.file("b.exe").SHA256
	partial := r.Dir + ".partial"
	at := func(d layout.Digest) string {
		return filepath.Join(partial, "vol-001-of-001", "objects", d.String()[:2], d.String())
	}
	if err := errors.Join(
		os.Rename(r.Dir, partial), os.Remove(at(lost)),
		os.Chmod(at(altered), 0o600), os.WriteFile(at(altered), body("other", 3000), 0o600),
		os.WriteFile(filepath.Join(partial, "vol-001-of-001", "extra"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	r, err = w.Again(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if r.Copied != 2 || r.Kept == 0 {
		t.Errorf("got %d files copied and %d kept, want 2 copied", r.Copied, r.Kept)
	}
	if diff := cmp.Diff(contents(t, sent.Dir), contents(t, r.Dir)); diff != "" {
		t.Errorf("the bundle differs (-want +got):\n%s", diff)
	}
	if r, err = w.Again(t.Context(), opt); err != nil || r.Copied != 0 {
		t.Errorf("once more: %+v, %v", r, err)
	}
}

// TestWhatIsNotWrittenAgain: each refusal leaves the medium as it is, and says
// what to do.
func TestWhatIsNotWrittenAgain(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	dir := t.TempDir()
	w.export(mirror.ExportOptions{To: dir})
	w.beginExport(dir)
	w.export(mirror.ExportOptions{To: dir, Abandon: true}) // 2 is burned
	w.beginExport(dir)
	for _, test := range []struct {
		name string
		opt  mirror.AgainOptions
		want string
	}{
		{"one that never was", mirror.AgainOptions{Seq: 9}, "seq 9 of stream main is not in the ledger"},
		{"one that is not finished", mirror.AgainOptions{Seq: 4}, "was begun and not finished"},
		{"one that was given up", mirror.AgainOptions{Seq: 2}, "never was a bundle"},
		{"one of no stream", mirror.AgainOptions{Seq: 1, Stream: "labs"}, "seq 1 of stream labs is not in the ledger"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opt.To = t.TempDir()
			_, err := w.Again(t.Context(), test.opt)
			if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, test.want) || e.Next == "" {
				t.Errorf("got %v, want %q and what to do", err, test.want)
			}
			if left := contents(t, test.opt.To); len(left) > 0 {
				t.Errorf("it left %v", keysOf(left))
			}
		})
	}
	to := t.TempDir()
	if err := w.dir.Delete(t.Context(), w.file("a.exe").SHA256); err != nil {
		t.Fatal(err)
	}
	_, err := w.Again(t.Context(), mirror.AgainOptions{To: to, Seq: 1})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, "1 objects that it carried are gone") || !strings.Contains(e.Next, "patchferry sync --recheck") {
		t.Errorf("an object that is gone: got %v", err)
	}
	if left := contents(t, to); len(left) > 0 {
		t.Errorf("it left %v", keysOf(left))
	}
}

// TestDamagedListsStopNoAudit: it names them, and the bundle is not written
// again from what is left.
func TestDamagedListsStopNoAudit(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	w.export(mirror.ExportOptions{To: t.TempDir()})
	lists := w.outbound().Exports[0].Lists.SHA256
	name := filepath.Join(w.root(), filepath.FromSlash(store.ObjectKey(lists)))
	must(t, os.Chmod(name, 0o600))
	flip(t, name, 20)
	r, err := w.Audit(t.Context(), mirror.AuditOptions{Remove: true})
	if !errors.Is(err, mirror.ErrAltered) || len(r.Findings) != 1 || r.Findings[0].Object != lists || !r.Findings[0].Removed {
		t.Errorf("audit: got %v, %+v", err, r.Findings)
	}
	_, err = w.Again(t.Context(), mirror.AgainOptions{To: t.TempDir(), Seq: 1})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || e.Next == "" {
		t.Errorf("again: got %v", err)
	}
	if _, err := w.Audit(t.Context(), mirror.AuditOptions{}); !errors.Is(err, mirror.ErrAudit) {
		t.Errorf("audit of what is missing: got %v", err)
	}
	w.export(mirror.ExportOptions{To: t.TempDir()})
}

// TestAgainIsMissedByNobodyWhoStopsIt: cancelled, it leaves nothing under the
// name of the bundle.
func TestAgainIsMissedByNobodyWhoStopsIt(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	w.export(mirror.ExportOptions{To: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	w.Progress = func(e mirror.Event) { cancel() }
	to := t.TempDir()
	if _, err := w.Again(ctx, mirror.AgainOptions{To: to, Seq: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".partial") {
			t.Errorf("it left %s", e.Name())
		}
	}
	w.Progress = nil
	if _, err := w.Again(t.Context(), mirror.AgainOptions{To: to, Seq: 1}); err != nil {
		t.Error(err)
	}
}
