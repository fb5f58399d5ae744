package mirror_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

// offers lists exactly these updates and syncs.
func (s *site) offers(updates ...*layout.Update) {
	s.t.Helper()
	var list []byte
	for _, u := range updates {
		var err error
		if list, err = layout.AppendLine(list, u); err != nil {
			s.t.Fatal(err)
		}
	}
	s.pub.Put("/list", list)
	if len(s.Sources) == 0 {
		s.Sources = []mirror.Source{s.source("pub", s.pub.URL("/list"))}
	}
	s.sync(mirror.SyncOptions{})
}

// update is a security update of Windows XP with one file of that many bytes.
func (s *site) update(id, kb string, size int) *layout.Update {
	return &layout.Update{
		ID: "pub:" + id, Type: layout.Software, KB: kb, Classification: layout.SecurityUpdate,
		OS: []layout.OS{"windowsxp"}, Files: []layout.File{s.vouched(id+".exe", size)},
	}
}

func (s *site) update2000(id, kb string, size int) *layout.Update {
	u := s.update(id, kb, size)
	u.OS = []layout.OS{"windows2000"}
	return u
}

func selecting(os ...layout.OS) mirror.OutboundStream {
	return mirror.OutboundStream{Select: layout.Selection{OS: os}}
}

// TestAStreamCarriesItsSelection: the selected updates, what these need, and
// the documents that speak of them, in a generation of the stream's own.
func TestAStreamCarriesItsSelection(t *testing.T) {
	w := newWire(t)
	pack := w.update("pack", "811113", 4000)
	pack.Classification = "service_pack"
	xp := w.update("xp", "800001", 3000)
	xp.Prerequisites = [][]string{{"KB811113"}}
	w.press.print("MS26-001", w.clearSigned("MS26-001 800001 critical 2026-11-01"), nil)
	w.press.print("MS26-002", w.clearSigned("MS26-002 800002 critical 2026-11-01"), nil)
	w.offers(pack, xp, w.update2000("old", "800002", 5000))
	stream := selecting("windowsxp")
	stream.Select.Classifications = []layout.Classification{layout.SecurityUpdate}
	r, read := w.export(mirror.ExportOptions{To: t.TempDir(), Stream: stream})
	want := &mirror.ExportSelection{Updates: 2, Prerequisites: 1, LeftOut: 1, Notices: 1, NoticesLeftOut: 1}
	if diff := cmp.Diff(want, r.Selected); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
	if got, want := r.Objects, 5; got != want { // catalog, notices, one document, two files
		t.Errorf("got %d objects shipped, want %d", got, want)
	}
	own := w.newestGeneration()
	if read.Header.StateRoot == own.StateRoot || read.Header.Generation.Number != own.Number {
		t.Errorf("the bundle carries generation %d with the state root %s, that of the near side", read.Header.Generation.Number, own.StateRoot)
	}
	if got := w.outbound().Exports[0].Generation.Generation.Document.SHA256; got != read.Header.Generation.SHA256 {
		t.Errorf("the ledger has the generation %s, the bundle %s", got, read.Header.Generation.SHA256)
	}
	f := newFar(t, w)
	f.take(r.Dir)
	if diff := cmp.Diff([]string{"pub:pack", "pub:xp"}, f.shown("test")); diff != "" {
		t.Errorf("the far side shows (-want +got):\n%s", diff)
	}
	f.clean()
	w.clean()
}

// root is the directory of the store.
func (s *site) root() string { return filepath.Dir(s.dir.StageDir()) }

// TestASelectionIsMadeOnce: the same state and selection give the same bytes,
// with one signature, and a dry run foretells them without a write.
func TestASelectionIsMadeOnce(t *testing.T) {
	w := newWire(t)
	w.offers(w.update("xp", "800001", 3000), w.update2000("old", "800002", 5000))
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: selecting("windowsxp")}
	before := tree(t, w.root())
	dry := opt
	dry.DryRun = true
	planned, err := w.Export(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, w.root())); diff != "" {
		t.Errorf("a dry run wrote to the store:\n%s", diff)
	}
	_, first := w.export(opt)
	w.now = w.now.Add(48 * time.Hour)
	_, second := w.export(opt)
	if first.Header.StateRoot != planned.StateRoot || first.Header.Generation != second.Header.Generation {
		t.Errorf("planned %s, then %+v and %+v", planned.StateRoot, first.Header.Generation, second.Header.Generation)
	}
	a, b := w.outbound().Exports[0].Generation, w.outbound().Exports[1].Generation
	if a != b {
		t.Errorf("the same generation was signed twice: %+v, %+v", a, b)
	}
}

// TestAnInterruptedSelectionIsCompletedAsItWasBegun, although the selection and
// the catalog have changed since.
func TestAnInterruptedSelectionIsCompletedAsItWasBegun(t *testing.T) {
	w := newWire(t)
	xp, old := w.update("xp", "800001", 3000), w.update2000("old", "800002", 5000)
	w.offers(xp, old)
	dir := t.TempDir()
	opt := mirror.ExportOptions{To: dir, Stream: selecting("windowsxp")}
	header := w.dieRecorded(opt)
	w.offers(xp, old, w.update("more", "800003", 2000))
	opt.Stream = selecting("windows2000")
	r, read := w.export(opt)
	if !r.Resumed || read.Digest != layout.DigestOf(header) || read.Updates != 1 {
		t.Errorf("got %+v with %d updates, want the header that was recorded", r, read.Updates)
	}
	f := newFar(t, w)
	f.take(r.Dir)
	if diff := cmp.Diff([]string{"pub:xp"}, f.shown("test")); diff != "" {
		t.Errorf("the far side shows (-want +got):\n%s", diff)
	}
}

// TestAChangedSelectionIsApplied: whatever a far side has, it shows what the
// newest bundle selects, and an increment ships what that adds.
func TestAChangedSelectionIsApplied(t *testing.T) {
	w := newWire(t)
	xp, old := w.update("xp", "800001", 3000), w.update2000("old", "800002", 5000)
	w.offers(xp, old)
	f := newFar(t, w)
	opt := mirror.ExportOptions{To: t.TempDir()}
	for i, step := range []struct {
		name    string
		os      []layout.OS
		want    string // updates
		shipped int
		kind    bundle.Kind
	}{
		{"one", []layout.OS{"windowsxp"}, "pub:xp", 2, bundle.Full},
		{"widened", []layout.OS{"windowsxp", "windows2000"}, "pub:old pub:xp", 2, bundle.Incremental},
		{"another", []layout.OS{"windows2000"}, "pub:old", 1, bundle.Incremental},
		{"everything", nil, "pub:old pub:xp", 2, bundle.Incremental}, // what the step before left out may be pruned
	} {
		t.Run(step.name, func(t *testing.T) {
			opt.Stream = selecting(step.os...)
			opt.Stream.Return, opt.Stream.Audience = mirror.Receipts, []string{"plant"}
			r, _ := w.export(opt)
			if r.Kind != step.kind || r.Objects != step.shipped {
				t.Errorf("got %s with %d objects, want %s with %d", r.Kind, r.Objects, step.kind, step.shipped)
			}
			f.take(r.Dir)
			if got := strings.Join(f.shown("test"), " "); got != step.want {
				t.Errorf("the far side shows %s, want %s", got, step.want)
			}
			f.clean()
			c := mirror.Confirmation{Stream: opt.Stream, Seq: uint64(i + 1), Destination: "plant"}
			if _, err := w.Confirm(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestNothingSelectedIsNotExported: far sides would be left with nothing.
func TestNothingSelectedIsNotExported(t *testing.T) {
	w := newWire(t)
	w.offers(w.update("xp", "800001", 3000))
	before := w.states()
	_, err := w.Export(t.Context(), mirror.ExportOptions{To: t.TempDir(), Stream: selecting("windows11")})
	e, ok := errors.AsType[*mirror.ExportError](err)
	if !ok || !strings.Contains(e.Problem, "selects none of the 1 updates") || e.Next == "" {
		t.Errorf("got %v", err)
	}
	if w.states() != before {
		t.Error("a refusal published a state")
	}
}

// TestRevocationsTravelWhateverIsSelected: a far side may have the update from
// an earlier selection.
func TestRevocationsTravelWhateverIsSelected(t *testing.T) {
	w := newWire(t)
	w.offers(w.update("xp", "800001", 3000), w.update2000("old", "800002", 5000))
	f := newFar(t, w)
	dir := t.TempDir()
	r, _ := w.export(mirror.ExportOptions{To: dir})
	f.take(r.Dir)
	if _, err := w.Revoke(t.Context(), mirror.Withholding{Updates: []string{"pub:old"}, Reason: "it was withdrawn"}); err != nil {
		t.Fatal(err)
	}
	r, _ = w.export(mirror.ExportOptions{To: dir, Stream: selecting("windowsxp")})
	f.take(r.Dir)
	state, err := f.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.Trusted.Shown(t.Context(), state, "production")
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.Revoked) != 1 || shown.Revoked[0].SHA256 != w.catalog()["pub:old"].Files[0].SHA256 {
		t.Errorf("the far side has revoked %v", shown.Revoked)
	}
}

// TestPruneKeepsTheGenerationsOfStreams: increments build on them, and bundles
// are written again from them, however many generations the near side has made.
func TestPruneKeepsTheGenerationsOfStreams(t *testing.T) {
	w := newWire(t)
	w.Keep, w.Grace = -1, -1
	xp := w.update("xp", "800001", 3000)
	w.offers(xp, w.update2000("old-0", "800100", 5000))
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: selecting("windowsxp")}
	first, _ := w.export(opt)
	for n := 1; n < 9; n++ {
		w.offers(xp, w.update2000(fmt.Sprint("old-", n), fmt.Sprint(800100+n), 5000))
	}
	w.pruned()
	w.clean()
	w.again(first.Dir, mirror.AgainOptions{Seq: 1})
	opt.Since = 1
	if r, _ := w.export(opt); r.Required == 0 || r.Since != 1 {
		t.Errorf("got %+v, want an increment", r)
	}
}

// pruned removes what nothing needs, of which there must be something.
func (s *site) pruned() {
	s.t.Helper()
	plan, err := s.PlanPrune(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if plan.Count == 0 {
		s.t.Error("there is nothing to prune")
	}
	if _, err := s.ApplyPrune(s.t.Context(), plan.ID); err != nil {
		s.t.Fatal(err)
	}
}
