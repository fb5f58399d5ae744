package mirror_test

import (
	"errors"
	"strings"
	"testing"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

// holdsIn returns the names of the files that a ring shows as held.
func (f *far) holdsIn(ring string) string {
	f.t.Helper()
	state, err := f.Trusted.Newest(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	shown, err := f.Trusted.Shown(f.t.Context(), state, ring)
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for u, err := range shown.Updates(f.t.Context()) {
		if err != nil {
			f.t.Fatal(err)
		}
		for _, file := range u.Files {
			if file.Held {
				names = append(names, file.Name)
			}
		}
	}
	return strings.Join(names, " ")
}

// audited runs an audit that must find nothing.
func (f *far) audited() *mirror.AuditReport {
	f.t.Helper()
	r, err := f.Audit(f.t.Context(), mirror.AuditOptions{})
	if err != nil {
		f.t.Fatalf("audit: %v: %+v", err, r)
	}
	return r
}

// TestTheCatalogAlone brings what there is to know before its content: the far
// side lists it, has what it has, and misses nothing.
func TestTheCatalogAlone(t *testing.T) {
	w := newWire(t)
	a := w.vouched("a.exe", 3000)
	w.list(a)
	w.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir()}
	f := newFar(t, w)
	r, _ := w.export(opt)
	f.take(r.Dir)

	w.list(a, w.vouched("b.exe", 4000))
	w.press.print("MS26-001", w.clearSigned("MS26-001 800000 critical 2026-11-01"), nil)
	w.sync(mirror.SyncOptions{})
	opt.CatalogOnly = true
	r, read := w.export(opt)
	if r.Kind != bundle.CatalogOnly || read.Header.Kind != bundle.CatalogOnly || r.Objects != 3 || r.Required != 2 { // catalog, notices, one document
		t.Errorf("got %+v", r)
	}
	first := f.take(r.Dir)
	if first.Absent != 1 || first.Objects != 3 {
		t.Errorf("got %d absent, %d new; want 1 and 3", first.Absent, first.Objects)
	}
	if shown, held := strings.Join(f.shown("test"), " "), f.holdsIn("test"); shown != "pub:a.exe pub:b.exe" || held != "a.exe" {
		t.Errorf("it shows %s, and holds %s", shown, held)
	}
	if r := f.audited(); r.Absent != 1 {
		t.Errorf("the audit counts %d absent objects, want 1", r.Absent)
	}

	opt.CatalogOnly = false
	r, _ = w.export(opt)
	if r := f.take(r.Dir); r.Absent != 0 {
		t.Errorf("got %d absent", r.Absent)
	}
	if held := f.holdsIn("test"); held != "a.exe b.exe" {
		t.Errorf("it holds %s", held)
	}
	if r := f.audited(); r.Absent != 0 {
		t.Errorf("the audit counts %d absent objects, want none", r.Absent)
	}
	w.clean()
}

// TestTheCatalogAloneMayComeFirst: a far side begins with it.
func TestTheCatalogAloneMayComeFirst(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir(), CatalogOnly: true}
	f := newFar(t, w)
	r, _ := w.export(opt)
	if r := f.take(r.Dir); !r.First || r.Absent != 1 {
		t.Errorf("got %+v", r)
	}
	f.Keep, f.Grace = -1, -1
	plan, err := f.PlanPrune(t.Context())
	if err != nil || plan.Count != 0 {
		t.Errorf("prune plans %+v, %v", plan, err)
	}
	// It is passed on as it is.
	again := rewritten(t, f.Mirror, r.Dir, mirror.AgainOptions{Seq: 1})
	f2 := newFar(t, w)
	if r := f2.take(again.Dir); r.Absent != 1 {
		t.Errorf("got %+v", r)
	}
}

// TestTheCatalogAloneBringsNothing: no increment builds on it, whatever came
// back, and whoever has nothing else is told what it lacks.
func TestTheCatalogAloneBringsNothing(t *testing.T) {
	w := newWire(t)
	a := w.vouched("a.exe", 3000)
	w.list(a)
	w.sync(mirror.SyncOptions{})
	stream := mirror.OutboundStream{Audience: []string{"plant"}, Return: mirror.Receipts}
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: stream}
	w.export(opt) // 1
	if _, err := w.Confirm(t.Context(), mirror.Confirmation{Stream: stream, Seq: 1, Destination: "plant"}); err != nil {
		t.Fatal(err)
	}
	b := w.vouched("b.exe", 4000)
	w.list(a, b)
	w.sync(mirror.SyncOptions{})
	opt.CatalogOnly = true
	alone, _ := w.export(opt) // 2
	_, err := w.Confirm(t.Context(), mirror.Confirmation{Stream: stream, Seq: 2, Destination: "plant"})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, "carried the catalog alone") || e.Next == "" {
		t.Errorf("confirmed: %v", err)
	}
	plant := w.beside("plant")
	if r := w.apply(plant.brings("plant", alone.Dir)); r[0].Changed || r[0].Acknowledged != 1 || !strings.Contains(r[0].Note, "carried the catalog alone") {
		t.Errorf("a receipt: %+v", r[0])
	}
	opt.CatalogOnly = false
	since := opt
	since.Since = 2
	if _, err := w.Export(t.Context(), since); err == nil || !strings.Contains(err.Error(), "carried the catalog alone") {
		t.Errorf("since a bundle of the catalog alone: %v", err)
	}
	w.list(a, b, w.vouched("c.exe", 5000))
	w.sync(mirror.SyncOptions{})
	r, _ := w.export(opt) // 3: whoever has 2 needs b as well
	if r.Since != 1 || r.Objects != 3 || r.Required != 1 {
		t.Errorf("got %+v, want an increment since 1 with the catalog, b and c", r)
	}
	// A far side that has nothing but the catalog says what it lacks.
	f := newFar(t, w)
	f.take(alone.Dir)
	e := f.refuse(mirror.ImportOptions{Receipt: t.TempDir()}, r.Dir)
	if e.Code != mirror.CodeMissingBase || len(e.Wanted) != 1 || e.Wanted[0].SHA256 != a.SHA256 || e.Next == "" {
		t.Errorf("got %v, wanted %v", e, e.Wanted)
	}
	opt.Full = true
	r, _ = w.export(opt)
	f.take(r.Dir)
	if held := f.holdsIn("test"); held != "a.exe b.exe c.exe" {
		t.Errorf("it holds %s", held)
	}
	f.clean()
}

// TestOlderRingsGetWhatComesLater: a ring that still shows the catalog that came
// alone has the content as soon as any bundle brought it.
func TestOlderRingsGetWhatComesLater(t *testing.T) {
	w := newWire(t)
	a := w.vouched("a.exe", 3000)
	w.list(a)
	w.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir(), CatalogOnly: true}
	f := newFar(t, w)
	r, _ := w.export(opt)
	f.take(r.Dir)
	if _, err := f.Promote(t.Context(), mirror.Promotion{Ring: "production", From: "test"}); err != nil {
		t.Fatal(err)
	}
	if held := f.holdsIn("production"); held != "" {
		t.Errorf("production holds %s before it came", held)
	}
	w.list(a, w.vouched("b.exe", 4000))
	w.sync(mirror.SyncOptions{})
	opt.CatalogOnly = false
	r, _ = w.export(opt)
	f.take(r.Dir)
	if held := f.holdsIn("production"); held != "a.exe" {
		t.Errorf("production holds %q, want a.exe", held)
	}
	if held := f.holdsIn("test"); held != "a.exe b.exe" {
		t.Errorf("test holds %q, want both", held)
	}
}
