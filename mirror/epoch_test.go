package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// accept imports the first bundle of an epoch, as its operator typed it in.
func (f *far) accept(epoch uint32, dir string) *mirror.ImportReport {
	f.t.Helper()
	r, err := f.Import(f.t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", AcceptEpoch: epoch})
	if err != nil {
		f.t.Fatalf("import: %v", err)
	}
	return r
}

// TestAStreamBeginsAnew: a full bundle of the next epoch, which a far side takes
// only on its operator's word; then both go on in it.
func TestAStreamBeginsAnew(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	dir := t.TempDir()
	opt := mirror.ExportOptions{To: dir, Stream: mirror.OutboundStream{Return: mirror.Receipts}}
	f := newFar(t, w)
	first, before := w.export(opt)
	f.take(first.Dir)
	if _, err := w.Confirm(t.Context(), mirror.Confirmation{Stream: opt.Stream, Seq: 1, Destination: "plant"}); err != nil {
		t.Fatal(err)
	}
	opt.NewEpoch = true
	r, read := w.export(opt)
	h := read.Header
	if !r.NewEpoch || h.Epoch != 2 || h.Seq != 1 || h.Kind != bundle.Full || h.Stream != before.Header.Stream || h.Prev == nil || h.Prev.Header != before.Digest {
		t.Errorf("got %+v, %+v", r, h)
	}
	for _, typed := range []uint32{0, 1, 3} {
		e := f.refuse(mirror.ImportOptions{AcceptEpoch: typed}, r.Dir)
		if e.Code != mirror.CodePosition || !strings.Contains(e.Next, "--accept-epoch 2") {
			t.Errorf("with epoch %d typed in: got %v, next %q", typed, e, e.Next)
		}
	}
	if r := f.accept(2, r.Dir); !r.NewEpoch {
		t.Errorf("got %+v", r)
	}
	if e := f.refuse(mirror.ImportOptions{AcceptEpoch: 1}, first.Dir); e.Code != mirror.CodeRollback {
		t.Errorf("the epoch before: got %v", e)
	}
	// What had arrived in the epoch before counts for nothing in this one.
	opt.NewEpoch = false
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 3000))
	w.sync(mirror.SyncOptions{})
	next, _ := w.export(opt)
	if next.Epoch != 2 || next.Seq != 2 || next.Since != 0 {
		t.Errorf("got %+v, want a full bundle with seq 2", next)
	}
	f.take(next.Dir)
	f.clean()
	w.clean()
}

// TestAnEpochBeginsWithAFullBundle: a far side that missed the first of an epoch
// is told what to ask for.
func TestAnEpochBeginsWithAFullBundle(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir()}
	f := newFar(t, w)
	r, _ := w.export(opt)
	f.take(r.Dir)
	opt.NewEpoch = true
	w.export(opt) // is lost
	opt.NewEpoch, opt.Since = false, 1
	r, _ = w.export(opt)
	e := f.refuse(mirror.ImportOptions{AcceptEpoch: 2}, r.Dir)
	if e.Code != mirror.CodePosition || !strings.Contains(e.Next, "patchferry export --full --to DIR") {
		t.Errorf("got %v, next %q", e, e.Next)
	}
	opt.Since, opt.CatalogOnly = 0, true
	r, _ = w.export(opt)
	if e := f.refuse(mirror.ImportOptions{AcceptEpoch: 2}, r.Dir); e.Code != mirror.CodePosition {
		t.Errorf("got %v", e)
	}
	opt.CatalogOnly, opt.Full = false, true
	r, _ = w.export(opt)
	f.accept(2, r.Dir)
	f.clean()
}

// TestANewEpochIsCompletedAsItWasBegun, by the same call or by a plain one, from
// wherever it died; and no place in a stream ever has two headers.
func TestANewEpochIsCompletedAsItWasBegun(t *testing.T) {
	for at := 1; at <= 6; at++ {
		for _, again := range []bool{true, false} {
			t.Run(fmt.Sprintf("write %d, typed again %t", at, again), func(t *testing.T) {
				t.Parallel()
				w := newWire(t)
				w.list(w.vouched("a.exe", 3000))
				w.sync(mirror.SyncOptions{})
				opt := mirror.ExportOptions{To: t.TempDir()}
				w.export(opt)
				opt.NewEpoch = true
				mark := filepath.Join(t.TempDir(), "mark")
				w.use(faulty.New(w.dir, faulty.Fault{At: at, Mode: faulty.Kept, Dies: true}), mark)
				_, err := w.Export(t.Context(), opt)
				w.use(w.dir, mark)
				died := w.outbound()
				opt.NewEpoch = again
				r, read := w.export(opt)
				switch e := died.Exports[0]; {
				case e.Epoch == 2 && e.Status == "begun":
					if !r.Resumed || !r.NewEpoch || r.Epoch != 2 || r.Seq != 1 || read.Digest != e.Header.Document.SHA256 {
						t.Errorf("got %+v, want epoch 2 completed with its header", r)
					}
				case e.Epoch == 2: // it was finished
					if r.Resumed || r.Epoch == 2 && r.Seq == 1 {
						t.Errorf("got %+v after a finished one (%v)", r, err)
					}
				case again:
					if r.Epoch != 2 || r.Seq != 1 || r.Resumed {
						t.Errorf("got %+v, want epoch 2 begun", r)
					}
				case r.Epoch != 1 || r.Seq != 2:
					t.Errorf("got %+v, want epoch 1 continued", r)
				}
				w.clean()
			})
		}
	}
}

// TestANewEpochWaitsForWhatWasBegun, or for its end.
func TestANewEpochWaitsForWhatWasBegun(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	s.export(mirror.ExportOptions{To: dir})
	s.beginExport(dir)
	opt := mirror.ExportOptions{To: dir, NewEpoch: true}
	_, err := s.Export(t.Context(), opt)
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, "seq 2 of epoch 1 was begun") || !strings.Contains(e.Next, "--abandon") {
		t.Errorf("got %v", err)
	}
	opt.Abandon = true
	r, read := s.export(opt)
	if r.Epoch != 2 || r.Seq != 1 || len(read.Header.Skipped) != 0 || read.Header.Prev.Seq != 1 {
		t.Errorf("got %+v, %+v", r, read.Header)
	}
}

// rebuilt is a near side with the keys of another, and nothing else of it.
func rebuilt(t testing.TB, w *wire) *wire {
	t.Helper()
	n := newWire(t)
	n.key, n.trust = w.key, &verify.Trust{Keys: w.trust.Keys, Pins: w.trust.Pins, Clock: n.Clock}
	n.Origin = n.key
	n.use(n.dir, filepath.Join(t.TempDir(), "mark"))
	n.list(n.vouched("a.exe", 3000), n.vouched("new.exe", 4000))
	n.sync(mirror.SyncOptions{})
	return n
}

// TestARebuiltNearSideContinues: from an old bundle it takes the ids that far
// sides hold to, and the epoch that it has to pass.
func TestARebuiltNearSideContinues(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	medium := t.TempDir()
	f := newFar(t, w)
	r, _ := w.export(mirror.ExportOptions{To: medium})
	f.take(r.Dir)
	r, last := w.export(mirror.ExportOptions{To: medium})
	f.take(r.Dir)

	n := rebuilt(t, w)
	dir := t.TempDir()
	_, err := n.Export(t.Context(), mirror.ExportOptions{To: dir, NewEpoch: true})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Next, "--after DIR") {
		t.Errorf("without the bundle: got %v", err)
	}
	r, read := n.export(mirror.ExportOptions{To: dir, NewEpoch: true, After: medium}) // of two, the newest counts
	h := read.Header
	if h.Origin != last.Header.Origin || h.Stream != last.Header.Stream || h.Epoch != 2 || h.Seq != 1 || h.Prev == nil || h.Prev.Header != last.Digest || r.After != last.Header.Name() {
		t.Errorf("got %+v after %+v", h, last.Header)
	}
	f.accept(2, r.Dir)
	if got := strings.Join(f.shown("test"), " "); got != "pub:a.exe pub:new.exe" {
		t.Errorf("the far side shows %s", got)
	}
	// It goes on by itself, and all its streams are of this origin.
	r, read = n.export(mirror.ExportOptions{To: dir})
	if read.Header.Stream != h.Stream || r.Seq != 2 {
		t.Errorf("got %+v", read.Header)
	}
	f.take(r.Dir)
	_, labs := n.export(mirror.ExportOptions{To: dir, Stream: mirror.OutboundStream{Name: "labs"}})
	if labs.Header.Origin != h.Origin || labs.Header.Stream == h.Stream {
		t.Errorf("another stream has the ids %s, %s", labs.Header.Origin, labs.Header.Stream)
	}
	f.clean()
}

// TestWhatIsNotContinued: each refusal writes nothing, and says why.
func TestWhatIsNotContinued(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	medium := t.TempDir()
	old, _ := w.export(mirror.ExportOptions{To: medium})
	n := rebuilt(t, w)
	stranger := newWire(t)
	stranger.list(stranger.vouched("a.exe", 3000))
	stranger.sync(mirror.SyncOptions{})
	strange, _ := stranger.export(mirror.ExportOptions{To: t.TempDir()})
	forged := t.TempDir()
	if err := os.CopyFS(filepath.Join(forged, "b"), os.DirFS(old.Dir)); err != nil {
		t.Fatal(err)
	}
	header := filepath.Join(forged, "b", "vol-001-of-001", bundle.HeaderFile)
	doc, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(header, bytes.Replace(doc, []byte(`"epoch": 1`), []byte(`"epoch": 7`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		opt  mirror.ExportOptions
		want string
		is   error
	}{
		{"not as a new epoch", mirror.ExportOptions{After: medium}, "only a new epoch continues", nil},
		{"as another stream", mirror.ExportOptions{NewEpoch: true, After: medium, Stream: mirror.OutboundStream{Name: "labs"}}, "is of the stream main, not of labs", nil},
		{"an empty directory", mirror.ExportOptions{NewEpoch: true, After: t.TempDir()}, "no", nil},
		{"a stranger's", mirror.ExportOptions{NewEpoch: true, After: strange.Dir}, "", verify.ErrUntrusted},
		{"a forged header", mirror.ExportOptions{NewEpoch: true, After: forged}, "", verify.ErrUntrusted},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := n.states()
			test.opt.To = t.TempDir()
			_, err := n.Export(t.Context(), test.opt)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if n.states() != before || len(contents(t, test.opt.To)) > 0 {
				t.Error("something was written")
			}
		})
	}
	// Who has exported as an origin of its own keeps it: far sides follow it.
	n.export(mirror.ExportOptions{To: t.TempDir()})
	_, err = n.Export(t.Context(), mirror.ExportOptions{To: t.TempDir(), NewEpoch: true, After: medium})
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Problem, "this store has exported as the origin") || !strings.Contains(e.Next, "--accept-stream") {
		t.Errorf("got %v", err)
	}
}

// TestOfTwoLedgersTheNewerEpochCounts: an older bundle than the ledger knows
// sets nothing back.
func TestOfTwoLedgersTheNewerEpochCounts(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.sync(mirror.SyncOptions{})
	opt := mirror.ExportOptions{To: t.TempDir()}
	old, _ := w.export(opt)
	opt.NewEpoch = true
	_, last := w.export(opt)
	opt.After = old.Dir
	r, read := w.export(opt)
	if r.Epoch != 3 || read.Header.Prev == nil || read.Header.Prev.Header != last.Digest {
		t.Errorf("got epoch %d after %+v, want 3 after %s", r.Epoch, read.Header.Prev, last.Digest)
	}
	if want := layout.At(w.now); read.Header.Created.Time().Before(want.Time()) {
		t.Errorf("created %s, want %s or later", read.Header.Created, want)
	}
}
