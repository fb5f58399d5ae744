package mirror_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

// ferried is a near side that publishes one more update a day, and exports it.
type ferried struct {
	*wire
	opt   mirror.ExportOptions
	files []layout.File
}

func newFerried(t testing.TB, stream mirror.OutboundStream) *ferried {
	return &ferried{wire: newWire(t), opt: mirror.ExportOptions{To: t.TempDir(), Stream: stream}}
}

func (d *ferried) day() *mirror.ExportReport {
	d.t.Helper()
	d.now = d.now.Add(24 * time.Hour)
	d.files = append(d.files, d.vouched(fmt.Sprintf("day-%02d.exe", len(d.files)+1), 2000+len(d.files)))
	d.list(d.files...)
	d.sync(mirror.SyncOptions{})
	r, _ := d.export(d.opt)
	return r
}

func (d *ferried) days(n int) (all []*mirror.ExportReport) {
	for range n {
		all = append(all, d.day())
	}
	return all
}

// far is a far side that comes to the bundles of a month at its end.
func (d *ferried) far() *far {
	f := newFar(d.t, d.wire)
	f.now = f.now.AddDate(0, 1, 0)
	return f
}

// TestTwoLostBundlesInARow: over a diode the next one closes the gap by itself;
// of three, a far side is told what to ask for, and gets it.
func TestTwoLostBundlesInARow(t *testing.T) {
	d := newFerried(t, mirror.OutboundStream{Overlap: time.Hour})
	sent := d.days(8)
	f := d.far()
	f.take(sent[0].Dir)
	for _, at := range []int{3, 6} { // 2 and 3 are lost, then 5 and 6
		r := f.take(sent[at].Dir)
		if r.Kind != bundle.Incremental {
			t.Errorf("seq %d is %s, want an increment", r.Seq, r.Kind)
		}
		if diff := cmp.Diff([]uint64{r.Seq - 2, r.Seq - 1}, r.Missed); diff != "" {
			t.Errorf("seq %d: missed (-want +got):\n%s", r.Seq, diff)
		}
		if got := len(f.shown("test")); got != at+1 {
			t.Errorf("seq %d: it shows %d updates, want %d", r.Seq, got, at+1)
		}
	}
	f.clean()

	d.days(3) // 9, 10 and 11 are lost, and 8 is
	receipts := t.TempDir()
	last := d.day()
	e := f.refuse(mirror.ImportOptions{Receipt: receipts}, last.Dir)
	if e.Code != mirror.CodeMissingBase || len(e.Wanted) == 0 || !strings.Contains(e.Next, "bring the bundle before it, or a want file") {
		t.Errorf("got %v, next %q", e, e.Next)
	}
	// One of the lost ones, written again, closes it as well as a full bundle.
	again, err := d.Again(t.Context(), mirror.AgainOptions{To: t.TempDir(), Seq: 10})
	if err != nil {
		t.Fatal(err)
	}
	f.take(again.Dir)
	r := f.take(last.Dir)
	if diff := cmp.Diff([]uint64{11}, r.Missed); diff != "" || len(f.shown("test")) != 12 {
		t.Errorf("it shows %v; missed (-want +got):\n%s", f.shown("test"), diff)
	}
	d.days(4)
	d.opt.Full = true
	r = f.take(d.day().Dir)
	if len(r.Missed) != 4 || len(f.shown("test")) != 17 {
		t.Errorf("it shows %v, missed %v", f.shown("test"), r.Missed)
	}
	f.clean()
}

// TestALaggingDestinationHoldsIncrementsBack: one bundle serves both, that which is up to
// date and that which is not; when it has caught up, bundles are small again.
func TestALaggingDestinationHoldsIncrementsBack(t *testing.T) {
	d := newFerried(t, mirror.OutboundStream{Return: mirror.Receipts, Audience: []string{"plant", "mill"}})
	plant, mill := d.far(), d.far()
	arrived := func(f *far, destination string, r *mirror.ExportReport) {
		t.Helper()
		if _, err := f.Import(t.Context(), []string{r.Dir}, mirror.ImportOptions{Destination: destination}); err != nil {
			t.Fatalf("%s, seq %d: %v", destination, r.Seq, err)
		}
		if _, err := d.Confirm(t.Context(), mirror.Confirmation{Stream: d.opt.Stream, Seq: r.Seq, Destination: destination}); err != nil {
			t.Fatal(err)
		}
	}
	first := d.day()
	arrived(plant, "plant", first)
	arrived(mill, "mill", first)
	for range 5 { // the mill is shut
		r := d.day()
		if r.Since != 1 {
			t.Errorf("seq %d: got since %d, want 1", r.Seq, r.Since)
		}
		arrived(plant, "plant", r)
	}
	r := d.day()
	arrived(plant, "plant", r)
	arrived(mill, "mill", r)
	if len(mill.shown("test")) != 7 {
		t.Errorf("the mill shows %v", mill.shown("test"))
	}
	if r := d.day(); r.Since != 7 || r.Objects != 2 { // the catalog and one file
		t.Errorf("got %+v, want an increment since 7", r)
	}
	plant.clean()
	mill.clean()
}

// TestAReBaseline: a far side that nothing reaches any more begins again, with
// all that it had kept, and its rings where they were.
func TestAReBaseline(t *testing.T) {
	d := newFerried(t, mirror.OutboundStream{Overlap: time.Hour})
	sent := d.days(4)
	f := d.far()
	f.take(sent[0].Dir)
	if _, err := f.Promote(t.Context(), mirror.Promotion{Ring: "production", From: "test"}); err != nil {
		t.Fatal(err)
	}
	d.opt.NewEpoch = true
	begun := d.day()
	d.opt.NewEpoch = false
	if e := f.refuse(mirror.ImportOptions{}, begun.Dir); !strings.Contains(e.Next, "patchferry import DIR --accept-epoch 2") {
		t.Errorf("next: %q", e.Next)
	}
	f.accept(2, begun.Dir)
	if got := len(f.shown("production")); got != 1 {
		t.Errorf("production shows %d updates, want the one that was promoted", got)
	}
	f.take(d.day().Dir)
	if e := f.refuse(mirror.ImportOptions{AcceptEpoch: 1}, sent[3].Dir); e.Code != mirror.CodeRollback {
		t.Errorf("a bundle of the epoch before: got %v", e)
	}
	if got := len(f.shown("test")); got != 6 {
		t.Errorf("test shows %d updates, want 6", got)
	}
	f.clean()
	d.clean()
}

// TestManyListedAndFewHeld: what is only listed costs a bundle nothing but its
// lines in the catalog, and an import asks for none of it.
func TestManyListedAndFewHeld(t *testing.T) {
	listed, held := 250_000, 20
	if raced {
		listed = 25_000
	}
	w := newWire(t)
	var list bytes.Buffer
	for i := range listed {
		fmt.Fprintf(&list, `{"id":"listed:%06d","type":"software","kb":"%d","files":[{"name":"kb%d.msu","sha256":"%064x","url":"https://dl.example.net/kb%d.msu"}]}`+"\n", i, 1_000_000+i, 1_000_000+i, i+1, 1_000_000+i)
	}
	path := filepath.Join(t.TempDir(), "listed.jsonl")
	must(t, os.WriteFile(path, list.Bytes(), 0o600))
	source := w.source("listed", "", "dl.example.net")
	source.Path = path
	var files []layout.File
	for i := range held {
		files = append(files, w.vouched(name(i), 1000+i))
	}
	w.list(files...)
	w.sync(mirror.SyncOptions{})
	w.Sources = append(w.Sources, source)
	w.sync(mirror.SyncOptions{MetadataOnly: true})
	if c := w.newestGeneration().Counts; c.Updates != listed+held || c.Held != held {
		t.Fatalf("the near side has %+v", c)
	}
	r, read := w.export(mirror.ExportOptions{To: t.TempDir()})
	if r.Objects != held+1 || read.Header.Entries.Count != held+1 || read.Updates != listed+held {
		t.Errorf("got %+v, %d updates; want %d objects", r, read.Updates, held+1)
	}
	f := newFar(t, w)
	got := f.take(r.Dir)
	if got.Objects != held+1 || got.Absent != 0 || len(got.Wanted) != 0 || got.Counts.Updates != listed+held {
		t.Errorf("got %+v, %+v", got, got.Counts)
	}
	if n := len(strings.Fields(f.holdsIn("test"))); n != held {
		t.Errorf("the far side holds %d files, want %d", n, held)
	}
}
