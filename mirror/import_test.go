package mirror_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// TestImportFull carries a generation over a gap, and finds it in the ring
// where it lands.
func TestImportFull(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 70_000))
	w.press.print("MS26-001", w.clearSigned("MS26-001 KB800000 critical 2026-11-01"), nil)
	w.sync(mirror.SyncOptions{})
	dir := w.send()
	before := tree(t, dir)
	f := newFar(t, w)
	r := f.take(dir)
	if after := tree(t, dir); after != before {
		t.Errorf("the medium was written to:\n%s", cmp.Diff(before, after))
	}
	want := &mirror.ImportReport{
		Status: mirror.StatusImported, Bundle: "main-e001-s000001", ID: "11111111-2222-4333-8444-000000000001",
		Origin: originID, Stream: streamID, StreamName: "main", Epoch: 1, Seq: 1, Header: w.last.Header, Kind: "full", Created: layout.At(w.now),
		StateRoot: r.StateRoot, Signers: []string{w.key.Fingerprint().String()}, First: true, Volumes: 1, Copied: r.Copied, Bytes: r.Bytes,
		Objects: 5, State: 1, Generation: 1, Counts: r.Counts, Ring: "test",
	}
	if diff := cmp.Diff(want, r, cmp.Comparer(func(x, y layout.Time) bool { return x == y })); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pub:a.exe", "pub:b.exe"}, f.shown("test")); diff != "" {
		t.Errorf("ring test (-want +got):\n%s", diff)
	}
	if got := f.shown("production"); got != nil {
		t.Errorf("ring production shows %v before anybody promoted anything", got)
	}
	if a, err := f.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
		t.Errorf("audit: %v: %+v", err, a)
	}
	entries, err := os.ReadDir(filepath.Join(f.dir.StageDir(), "import"))
	if err != nil || len(entries) > 0 {
		t.Errorf("the quarantine holds %v, %v", entries, err)
	}
}

// TestT27PublishedBundleAgain imports a bundle twice: the second time nothing is
// written, but for the receipt, which may have been lost on its way back.
func TestT27PublishedBundleAgain(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	dir := w.send()
	f := newFar(t, w)
	f.take(dir)
	root := filepath.Dir(f.Work)
	before := tree(t, filepath.Join(root, "store"))
	r, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Receipt: filepath.Join(root, "receipts")})
	if !errors.Is(err, mirror.ErrAlready) || r.Status != mirror.StatusAlready {
		t.Fatalf("got %v, %+v, want ErrAlready", err, r)
	}
	if after := tree(t, filepath.Join(root, "store")); after != before {
		t.Errorf("the store was written to:\n%s", cmp.Diff(before, after))
	}
	f.checkReceipt(filepath.Join(root, "receipts"), "RECEIPT-plant-000001.json", func(r *bundle.Receipt) bool {
		return r.Status == bundle.Imported && r.Mark.Seq == 1
	})
}

// TestImportVolumes brings three volumes on three days, the first one last.
func TestImportVolumes(t *testing.T) {
	w := newWire(t)
	w.volume = 2_000_000
	w.list(w.vouched("a.exe", 1_400_000), w.vouched("b.exe", 1_400_000), w.vouched("c.exe", 1_400_000))
	w.sync(mirror.SyncOptions{})
	dir := w.send()
	volumes, err := filepath.Glob(filepath.Join(dir, "vol-*"))
	if err != nil || len(volumes) != 3 {
		t.Fatalf("volumes %v, %v, want 3", volumes, err)
	}
	f := newFar(t, w)
	for day, index := range []int{3, 2} {
		e := f.refuse(mirror.ImportOptions{}, part(t, dir, filepath.Base(volumes[index-1])))
		want := fmt.Sprintf("waiting for %d of 3 volumes", 2-day)
		if e.Code != mirror.CodeWaiting || !errors.Is(e, mirror.ErrPartial) || !strings.Contains(e.Error(), want) {
			t.Errorf("day %d: got %v, want %q", day+1, e, want)
		}
	}
	r := f.take(part(t, dir, filepath.Base(volumes[0])))
	if r.Status != mirror.StatusImported || len(f.shown("test")) != 3 {
		t.Errorf("got %+v", r)
	}
	if a, err := f.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
		t.Errorf("audit: %v: %+v", err, a)
	}
}

// TestImportIncrement carries on with what changed alone.
func TestImportIncrement(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	f := newFar(t, w)
	f.take(w.send())
	known := w.file("a.exe").SHA256
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 3000))
	w.sync(mirror.SyncOptions{})
	r := f.take(w.send(known))
	if r.First || r.Seq != 2 || len(r.Missed) > 0 || len(f.shown("test")) != 2 {
		t.Errorf("got %+v", r)
	}
	w.list(w.vouched("a.exe", 3000), w.vouched("c.exe", 3000))
	w.sync(mirror.SyncOptions{})
	lost := w.file("c.exe").SHA256
	w.send(known) // never comes here
	w.list(w.vouched("a.exe", 3000), w.vouched("c.exe", 3000), w.vouched("d.exe", 3000))
	w.sync(mirror.SyncOptions{})
	dir := w.send(known, lost)
	receipts := t.TempDir()
	e := f.refuse(mirror.ImportOptions{Receipt: receipts}, dir)
	if e.Code != mirror.CodeMissingBase || !errors.Is(e, mirror.ErrPartial) || !strings.Contains(e.Error(), "1 object that it builds on never came here") {
		t.Errorf("a gap that is not closed: got %v", e)
	}
	if len(e.Wanted) != 1 || e.Wanted[0].SHA256 != lost {
		t.Errorf("wanted %v, want %s", e.Wanted, lost)
	}
	f.checkReceipt(receipts, "WANT-plant-000004.json", func(r *bundle.Receipt) bool {
		return len(r.Missing) == 1 && r.Missing[0].SHA256 == lost && r.Mark.Seq == 2
	})
	f.checkReceipt(receipts, "RECEIPT-plant-000004.json", func(r *bundle.Receipt) bool { return r.Status == mirror.StatusPartial })
	r = f.take(w.send(known)) // the same generation, with what was missing
	if diff := cmp.Diff([]uint64{3, 4}, r.Missed); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	if a, err := f.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
		t.Errorf("audit: %v: %+v", err, a)
	}
}

// checkReceipt makes sure that a receipt is signed by the site and says what it
// should.
func (f *far) checkReceipt(dir, name string, says func(*bundle.Receipt) bool) {
	f.t.Helper()
	doc, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	sig, err := os.ReadFile(filepath.Join(dir, name+".asc"))
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.trust.CheckDetached(doc, sig, verify.PurposeSite); err != nil {
		f.t.Errorf("%s: %v", name, err)
	}
	r := new(bundle.Receipt)
	if err := json.Unmarshal(doc, r); err != nil || !says(r) || r.Destination != "plant" || r.Stream != streamID {
		f.t.Errorf("%s says %s (%v)", name, doc, err)
	}
}
