package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/fill"
)

const (
	// maxFilled is the most bytes that a file of unstated size may have.
	maxFilled = 64 << 30
	// maxKnown bounds how many files a Filler remembers to have found in the store.
	maxKnown = 100_000
	// storeAgain is what a host is told to wait where the store does not answer.
	storeAgain = 30 * time.Second
)

// Filler brings listed files here when hosts ask for them, each once. It may be used
// by any number of goroutines, beside jobs of this and other processes: it takes no
// lock of theirs, since what it writes to the store is an object and a binding,
// which are created and never changed.
type Filler struct {
	Mirror *Mirror
	// Pool fetches. nil fetches nothing: only what is here already is handed out.
	Pool *fill.Pool
	// Verified gives hosts no byte of a file before the whole is right.
	Verified bool
	// Revoked, where it is set, says which contents were taken back. It must be quick.
	Revoked func(layout.Digest) bool
	// Elsewhere hands out files that no catalog lists; nil: there are none.
	Elsewhere func(ctx context.Context, q layout.PathRequest) (layout.Filling, error)

	mu     sync.Mutex
	known  map[layout.Digest]stored // by key of their bindings
	shared map[layout.Digest]*joint // by key of the fill
}

// Unlisted hands out a file that no catalog lists, by Elsewhere.
func (f *Filler) Unlisted(ctx context.Context, q layout.PathRequest) (layout.Filling, error) {
	if f.Elsewhere == nil {
		return nil, layout.ErrNoFill
	}
	return f.Elsewhere(ctx, q)
}

// Fill hands out a listed file: from the store, where it came there since the
// catalog was made, else as it comes from its publisher. A file that nobody
// vouches for is layout.ErrNoFill, as is one of a source that is not configured
// here; a store that does not answer is a *layout.LaterError.
func (f *Filler) Fill(ctx context.Context, l layout.Listed) (layout.Filling, error) {
	key := layout.BindingKey(l.Update, &l.File)
	here, pin, err := f.find(ctx, key, &l)
	if err != nil {
		return nil, err
	}
	if here != nil {
		return here, nil
	}
	one, job, err := f.job(key, &l, pin)
	if err != nil {
		return nil, err
	}
	done := f.share(job.Key, one)
	coming, err := f.Pool.Fill(ctx, job)
	if err == nil && done != nil {
		one.bindToo(ctx, done)
	}
	return coming, err
}

// find looks for a listed file in the store. Where nobody vouches for it, it also
// returns the binding that pins what it may be.
func (f *Filler) find(ctx context.Context, key layout.Digest, l *layout.Listed) (here *storedFile, pin *layout.Binding, err error) {
	f.mu.Lock()
	known, ok := f.known[key]
	f.mu.Unlock()
	if !ok {
		if known, pin, err = f.look(ctx, key, l); err != nil {
			return nil, nil, &layout.LaterError{After: storeAgain, Err: fmt.Errorf("look for %s: %w", l.File.Name, err)}
		}
	}
	if known.sha256.IsZero() {
		return nil, pin, nil
	}
	here, err = f.Mirror.openStored(ctx, known)
	if isMissing(err) {
		f.mu.Lock()
		delete(f.known, key)
		f.mu.Unlock()
		return nil, pin, nil
	}
	if err != nil {
		return nil, nil, &layout.LaterError{After: storeAgain, Err: fmt.Errorf("open %s: %w", l.File.Name, err)}
	}
	f.remember(key, known)
	return here, pin, nil
}

// look asks the store what a listed file turned out to be. It returns a zero stored
// where nobody knows.
func (f *Filler) look(ctx context.Context, key layout.Digest, l *layout.Listed) (stored, *layout.Binding, error) {
	m := f.Mirror
	best := l.File.Best()
	doc, err := m.Store.Bound(ctx, key)
	if err != nil && !isMissing(err) {
		return stored{}, nil, err
	}
	var b *layout.Binding
	if err == nil {
		if b, err = layout.ParseBinding(doc); err != nil {
			m.log().Warn("binding counts for nothing", "update", l.Update, "file", l.File.Name, "err", err)
		}
	}
	if b != nil {
		err := m.checkBinding(ctx, b, &l.File)
		if err == nil {
			return storedOf(b), nil, nil
		}
		if !decides(err) {
			return stored{}, nil, err
		}
	}
	if best != nil && best.Grade == layout.GradeFirstUse {
		return stored{}, b, nil
	}
	if l.File.SHA256.IsZero() || best == nil || best.Grade == layout.GradeCapture || f.coming(key, &l.File) {
		return stored{}, nil, nil
	}
	size, err := m.Store.Stat(ctx, l.File.SHA256)
	if isMissing(err) || err == nil && l.File.Size > 0 && l.File.Size != size {
		return stored{}, nil, nil
	}
	return stored{sha256: l.File.SHA256, size: size}, nil, err
}

// remember keeps where a file is, so that the next host costs no look-up.
func (f *Filler) remember(key layout.Digest, s stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= maxKnown {
		f.known = make(map[layout.Digest]stored)
	}
	f.known[key] = s
}

// job says how a listed file is fetched.
func (f *Filler) job(key layout.Digest, l *layout.Listed, pin *layout.Binding) (*carriage, fill.Job, error) {
	best := l.File.Best()
	if f.Pool == nil || best == nil || l.File.URL == "" {
		return nil, fill.Job{}, fmt.Errorf("%s of %s: %w", l.File.Name, l.Update, layout.ErrNoFill)
	}
	src := f.Mirror.source(sourceOf(l.Update))
	if src == nil {
		return nil, fill.Job{}, fmt.Errorf("%s of %s: no such source is configured: %w", l.File.Name, l.Update, layout.ErrNoFill)
	}
	origin, ok := src.Upstream.(fill.Origin)
	if !ok {
		return nil, fill.Job{}, fmt.Errorf("%s of %s: its source hands out no parts: %w", l.File.Name, l.Update, layout.ErrNoFill)
	}
	expected := expectedOf(&l.File)
	if pin != nil {
		expected.SHA256, expected.SHA1, expected.Size = pin.SHA256, pin.SHA1, pin.Size
	}
	one := &carriage{filler: f, key: key, listed: *l, expected: expected}
	name := fillKey(key, &expected)
	return one, fill.Job{
		Key: name, URL: l.File.URL, Origin: origin, File: expected, Start: l.Start, End: l.End,
		Verified: f.Verified, MaxSize: maxFilled, Refused: one.refused, Revoked: f.Revoked,
		Admit: func(ctx context.Context, path string, done fill.Done) error {
			return f.admitFor(ctx, name, one, path, done)
		},
	}, nil
}

// expectedOf is what the bytes of a listed file must be, which somebody vouches for.
func expectedOf(f *layout.File) layout.File {
	return (&want{f: *f, capture: f.Best().Grade == layout.GradeCapture}).expected()
}

// coming reports whether a file, whose object may be here and has no binding yet, is
// still in the hands of the pool: then that knows the time that hosts were told.
func (f *Filler) coming(key layout.Digest, file *layout.File) bool {
	expected := expectedOf(file)
	return f.Pool != nil && f.Pool.Knows(fillKey(key, &expected))
}

// fillKey names a fill: listed files of which the same is stated by SHA-256 are
// fetched once.
func fillKey(key layout.Digest, f *layout.File) layout.Digest {
	if f.SHA256.IsZero() {
		return key
	}
	return layout.DigestOf(fmt.Appendf(nil, "%s %d %s %s", f.SHA256, f.Size, f.SHA1, f.MD5))
}

// source returns the configured source of that name, nil where there is none.
func (m *Mirror) source(name string) *Source {
	for i := range m.Sources {
		if m.Sources[i].Name == name {
			return &m.Sources[i]
		}
	}
	return nil
}

// carriage is one file on its way into the store.
type carriage struct {
	filler   *Filler
	key      layout.Digest // of its binding
	listed   layout.Listed
	expected layout.File // what its bytes must be
}

// admit takes a whole file into the store and binds it.
func (b *carriage) admit(ctx context.Context, path string, done fill.Done) error {
	m := b.filler.Mirror
	best := *b.listed.File.Best()
	held, err := m.admit(ctx, path, done.Got, b.expected, best)
	if err != nil {
		return err
	}
	if err := b.bind(ctx, &held, &done); err != nil {
		return err
	}
	again := func() error {
		_, err := m.admit(ctx, path, done.Got, b.expected, best)
		return err
	}
	if err := m.settleFill(ctx, held.SHA256, again); err != nil {
		return fmt.Errorf("bind %s: %w", b.listed.File.Name, err)
	}
	m.log().Info("file was filled", "update", b.listed.Update, "file", b.listed.File.Name, "digest", held.SHA256, "size", held.Size)
	return nil
}

// bind writes down what the file turned out to be, which the store now has.
func (b *carriage) bind(ctx context.Context, held *layout.File, done *fill.Done) error {
	m := b.filler.Mirror
	binding := b.binding(held, done)
	err := m.prove(binding)
	if err == nil {
		err = m.bind(ctx, b.key, binding, b.listed.File.Best().Grade == layout.GradeFirstUse)
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", b.listed.File.Name, err)
	}
	b.filler.remember(b.key, storedOf(binding))
	return nil
}

// binding says what the file turned out to be.
func (b *carriage) binding(held *layout.File, done *fill.Done) *layout.Binding {
	tag := strings.Trim(done.ETag, `"`)
	if tag == held.SHA256.String() {
		tag = ""
	}
	return &layout.Binding{
		Format: layout.FormatBinding, Version: layout.Version,
		Source: sourceOf(b.listed.Update), Update: b.listed.Update, File: b.listed.File.Name, URL: b.listed.File.URL,
		Validators: done.Got.Validators, SHA256: held.SHA256, SHA1: held.SHA1, Size: held.Size,
		Tag: tag, Modified: layout.At(done.Modified), Restarted: layout.At(done.Restarted), Evidence: held.Evidence[0], At: held.Evidence[0].At,
	}
}

// refused keeps bytes that were not the file's, with the reason.
func (b *carriage) refused(path string, _ layout.Got, why error) {
	m := b.filler.Mirror
	f := &b.listed.File
	m.log().Warn("file was refused", "update", b.listed.Update, "file", f.Name, "url", f.URL, "err", why)
	m.quarantine(path, b.key.String()[:32], Refused{sourceOf(b.listed.Update), b.listed.Update, f.Name, f.URL, why.Error(), layout.At(m.now())})
}

// bind writes a binding. One that is there already was made before the object was
// lost, or is not believed, and gives way; but with pin what came first stays.
func (m *Mirror) bind(ctx context.Context, key layout.Digest, b *layout.Binding, pin bool) error {
	doc, err := b.Encode()
	if err != nil {
		return err
	}
	if err = m.Store.Bind(ctx, key, doc); !errors.Is(err, store.ErrExists) {
		return err
	}
	old, err := m.Store.Bound(ctx, key)
	if err != nil && !isMissing(err) {
		return err
	}
	if was, bad := layout.ParseBinding(old); err == nil && bad == nil && pin && was.SHA256 != b.SHA256 {
		return errors.Join(
			&PinError{b.Source, b.File, fmt.Sprintf("its SHA-256 is %s, the pinned one has %s", b.SHA256, was.SHA256)},
			&layout.MismatchError{What: "sha256", Want: was.SHA256.String(), Got: b.SHA256.String()})
	}
	if err := m.Store.Unbind(ctx, key); err != nil {
		return err
	}
	return m.Store.Bind(ctx, key, doc)
}

// errRemoving says that a removal that is under way names the object.
var errRemoving = errors.New("a prune that is under way names its object")

// settleFill makes sure that an object that was put and bound stays: a removal that
// was announced before it was bound may have taken it since (see fence.go).
func (m *Mirror) settleFill(ctx context.Context, d layout.Digest, again func() error) error {
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return err
	}
	if state != nil && state.Prune != nil {
		named, err := m.planned(ctx, state.Prune)
		if err != nil {
			return err
		}
		if named[d] {
			return errRemoving
		}
	}
	if _, err = m.Store.Stat(ctx, d); isMissing(err) {
		return again()
	}
	return err
}
