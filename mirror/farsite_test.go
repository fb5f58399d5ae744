package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

const (
	originID = "6b1ee6c1-6f0a-4c6e-9b63-0c8d4b8f2f01"
	streamID = "0a0dca1e-1c26-4a52-8a4c-6d6a6a3a7f11"
)

// wire is a near side that writes bundles of what it has.
type wire struct {
	*publisher
	seq    uint64
	last   *bundle.Before
	signer []bundle.Signer
	edit   func(*bundle.Content) // changes the next bundle
	volume int64                 // size of a volume; 0 is no limit
	plan   bundle.PlanOptions    // besides
}

func newWire(t testing.TB) *wire {
	w := &wire{publisher: newPublisher(t, true)}
	w.signer = []bundle.Signer{w.key}
	return w
}

// send writes the newest generation without the objects in without, and returns
// the folder of the bundle.
func (w *wire) send(without ...layout.Digest) string {
	w.t.Helper()
	c := w.content(without)
	w.seq++
	c.Header.Seq, c.Header.Prev = w.seq, w.last
	c.Header.Bundle = fmt.Sprintf("11111111-2222-4333-8444-%012d", w.seq)
	if w.edit != nil {
		w.edit(c)
	}
	writer := &bundle.Writer{Source: w.Store, Signers: w.signer, Options: w.plan}
	if w.volume > 0 {
		writer.Options.VolumeSize = w.volume
	}
	made, err := writer.Write(w.t.Context(), w.t.TempDir(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.seq = c.Header.Seq
	w.last = &bundle.Before{Epoch: c.Header.Epoch, Seq: c.Header.Seq, Header: made.Digest}
	return made.Dir
}

// content gathers what the newest generation refers to.
func (w *wire) content(without []layout.Digest) *bundle.Content {
	w.t.Helper()
	ctx := w.t.Context()
	state, err := w.Trusted.Newest(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	at := state.Generation
	gen, err := w.Trusted.Generation(ctx, at.Generation)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &bundle.Content{
		Generation: bundle.SignedDocument{Document: w.read(at.Generation.Document.SHA256), Signature: w.read(at.Generation.Signature.SHA256)},
		Catalog:    gen.Catalog, Notices: gen.Notices.List,
		Header: bundle.Header{
			Origin: originID, Stream: streamID, StreamName: "main", Epoch: 1, Kind: bundle.Full, StateRoot: gen.StateRoot, Tool: "patchferry test",
			Generation: bundle.NumberedRef{Number: at.Number, SHA256: at.Generation.Document.SHA256, Size: at.Generation.Document.Size},
			Created:    layout.At(w.now),
		},
	}
	var objects, required []layout.ObjectRef
	put := func(list *[]layout.ObjectRef, ref layout.ObjectRef) {
		switch {
		case ref.IsZero():
		case slices.Contains(without, ref.SHA256):
			required = append(required, ref)
		default:
			*list = append(*list, ref)
		}
	}
	for _, n := range w.notices() {
		put(&c.Bulletins, n.Original)
		put(&c.Bulletins, n.Signature)
	}
	for _, u := range w.catalog() {
		for _, f := range u.Files {
			if f.Held {
				put(&objects, layout.ObjectRef{SHA256: f.SHA256, Size: f.Size})
			}
		}
	}
	all := map[layout.Digest]layout.ObjectRef{}
	for _, ref := range slices.Concat(objects, required, c.Bulletins, []layout.ObjectRef{c.Catalog, c.Notices}) {
		if !ref.IsZero() {
			all[ref.SHA256] = ref
		}
	}
	c.Header.Objects = len(all)
	for ref := range maps.Values(all) {
		c.Header.Bytes += ref.Size
	}
	slices.SortFunc(required, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	c.Objects, c.Requires = slices.Values(objects), slices.Values(slices.Compact(required))
	return c
}

// far is a far side that pins the origin of a wire.
type far struct {
	*mirror.Mirror
	t     testing.TB
	root  string // of everything
	dir   *store.Dir
	key   *verify.SecretKey
	pins  *verify.Pins // of bulletins
	keys  *verify.Keyring
	trust *verify.Trust
	now   time.Time
}

func newFar(t testing.TB, w *wire) *far {
	t.Helper()
	f := &far{t: t, now: w.now.Add(time.Hour), pins: w.pins, keys: w.keys}
	f.setUp(w.key)
	return f
}

// use puts the far side on a store.
func (f *far) use(st store.Store, markPath string) {
	f.t.Helper()
	mark, err := store.OpenMark(markPath)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = mark.Close() })
	f.Store, f.Clock = st, mark.Clock(func() time.Time { return f.now })
	f.trust.Clock = f.Clock
	f.Trusted = &trusted.Reader{Store: st, Trust: f.trust, Mark: mark}
	f.Writer = &trusted.Writer{Reader: f.Trusted, Signer: f.key, Actor: "test", Clock: f.Clock}
}

// take imports bundles that must be accepted.
func (f *far) take(dirs ...string) *mirror.ImportReport {
	f.t.Helper()
	r, err := f.Import(f.t.Context(), dirs, mirror.ImportOptions{Destination: "plant"})
	if err != nil {
		f.t.Fatalf("import: %v", err)
	}
	return r
}

// refuse imports what must not be accepted, and makes sure that nothing was
// published.
func (f *far) refuse(opt mirror.ImportOptions, dirs ...string) *mirror.ImportError {
	f.t.Helper()
	before := f.newest()
	if opt.Destination == "" {
		opt.Destination = "plant"
	}
	r, err := f.Import(f.t.Context(), dirs, opt)
	refusal, ok := errors.AsType[*mirror.ImportError](err)
	if !ok {
		f.t.Fatalf("import: got %v (%+v), want a refusal", err, r)
	}
	if after := f.newest(); after != before {
		f.t.Errorf("a refused import published state %d", after)
	}
	return refusal
}

func (f *far) newest() uint64 {
	f.t.Helper()
	n, err := f.dir.Newest(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// shown returns the ids of what a ring shows.
func (f *far) shown(ring string) []string {
	f.t.Helper()
	ctx := f.t.Context()
	state, err := f.Trusted.Newest(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	shown, err := f.Trusted.Shown(ctx, state, ring)
	if err != nil {
		f.t.Fatal(err)
	}
	var ids []string
	for u, err := range shown.Updates(ctx) {
		if err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	return ids
}

// tree lists everything below a directory with sizes and times, to see whether
// anything was written.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var all string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			all += fmt.Sprintln(name, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// part returns a copy of a bundle with some of its volumes.
func part(t testing.TB, dir string, volumes ...string) string {
	t.Helper()
	to := t.TempDir()
	for _, v := range volumes {
		if err := os.CopyFS(filepath.Join(to, v), os.DirFS(filepath.Join(dir, v))); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// hung is a hook that never agrees.
func hung(context.Context, *mirror.ProposedImport) error { return errors.New("virus found") }
