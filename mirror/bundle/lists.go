package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// lists is what volume 1 says of the whole bundle.
type lists struct {
	doc, sig   []byte // of the generation
	generation *layout.Generation
	entries    []shipped // in the order of their digests after Load
	others     []Entry   // those that a shipped does not say all of
	requires   []layout.ObjectRef
}

// Load reads the generation, verifies its own signatures, and reads the lists
// of what is shipped and of what is required. It holds them to the header and
// to the volumes that are here: each object is in exactly one place, segments
// join without gaps, and shipped and required together are exactly what the
// generation refers to, by the state root. It comes after Census; without
// volume 1 it is a *WaitingError. Objects are not read.
func (b *Bundle) Load(ctx context.Context) error {
	v, err := b.volumeAt(1)
	if err != nil {
		return err
	}
	l := new(lists)
	if err := b.loadGeneration(ctx, v, l); err != nil {
		return err
	}
	h := b.header
	err = b.readList(ctx, v, EntriesFile, h.Entries, maxEntryLine, func(line []byte) error {
		e, err := parseEntry(line, len(h.Volumes))
		l.add(e)
		return err
	})
	if err != nil {
		return err
	}
	err = b.readList(ctx, v, RequiresFile, h.Requires, maxRequireLine, func(line []byte) error {
		ref, err := parseRequired(line)
		l.requires = append(l.requires, ref)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.agree(l); err != nil {
		return err
	}
	if err := l.close(h); err != nil {
		return err
	}
	l.sort()
	b.lists = l
	return nil
}

// loadGeneration reads the generation, and has its signatures judged before it
// is parsed.
func (b *Bundle) loadGeneration(ctx context.Context, v *volume, l *lists) error {
	want := b.header.Generation
	var doc bytes.Buffer
	err := v.copyBound(ctx, GenerationFile, layout.ObjectRef{SHA256: want.SHA256, Size: want.Size}, &doc)
	if err != nil {
		return err
	}
	l.doc = doc.Bytes()
	if l.sig, err = v.read(GenerationSigFile, MaxSignature); err != nil && !missing(err) {
		return err
	}
	if b.verifier != nil {
		if err != nil {
			return v.refuse(CodeSignature, GenerationFile, "is not signed: "+GenerationSigFile+" is missing", nil)
		}
		if _, err := b.verifier.Verify(l.doc, l.sig); err != nil {
			return unsigned(v.name+"/"+GenerationFile, "is not signed by the keys that are trusted", err)
		}
	}
	g, err := layout.ParseGeneration(l.doc)
	if err != nil {
		return v.refuse(CodeFormat, GenerationFile, "is not a generation", err)
	}
	if g.Number != want.Number || g.StateRoot != b.header.StateRoot {
		return v.refuse(CodeCount, GenerationFile, fmt.Sprintf("is number %d with the state root %s; the header says %d with %s",
			g.Number, g.StateRoot, want.Number, b.header.StateRoot), nil)
	}
	l.generation = g
	return nil
}

// bound returns the line of a file that something else signed names, too: both
// must say the same of it.
func (v *volume) bound(name string, want layout.ObjectRef) (Line, error) {
	line := v.line(name)
	if line == nil {
		return Line{}, v.refuse(CodeIncomplete, name, "is not in the list of the volume", nil)
	}
	if line.size != want.Size {
		return Line{}, v.refuse(CodeCount, name, fmt.Sprintf("has %d bytes in the list of the volume and %d elsewhere", line.size, want.Size), nil)
	}
	if line.sha256 != want.SHA256 {
		return Line{}, v.refuse(CodeDigest, name, "has one digest in the list of the volume and another elsewhere", nil)
	}
	return line.line(), nil
}

func (v *volume) copyBound(ctx context.Context, name string, want layout.ObjectRef, w io.Writer) error {
	line, err := v.bound(name, want)
	if err != nil {
		return err
	}
	return v.copy(ctx, line, w)
}

// readList reads a compressed list of the header and holds it to its count. A
// refusal that wrong bytes led to is one of the bytes.
func (b *Bundle) readList(ctx context.Context, v *volume, name string, want CountedRef, longest int, do func([]byte) error) error {
	line, err := v.bound(name, layout.ObjectRef{SHA256: want.SHA256, Size: want.Size})
	if err != nil {
		return err
	}
	f, err := v.openDeclared(ctx, line)
	if err != nil {
		return err
	}
	defer f.close()
	return f.settle(readCounted(f, want, lineLimits{lines: want.Count + 1, line: longest, plain: b.opt.MaxPlain}, do))
}

func readCounted(r io.Reader, want CountedRef, lim lineLimits, do func([]byte) error) error {
	count := 0
	err := eachZstdLine(r, lim, func(line []byte) error {
		if count++; count > want.Count {
			return &Error{Code: CodeCount, Reason: fmt.Sprintf("is one more than the %d of the header", want.Count)}
		}
		return do(line)
	})
	if err == nil && count != want.Count {
		return &Error{Code: CodeCount, Reason: fmt.Sprintf("has %d lines; the header says %d", count, want.Count)}
	}
	return err
}

// parseEntry reads one line of entries.jsonl.zst of a bundle of so many
// volumes.
func parseEntry(line []byte, volumes int) (Entry, error) {
	var e Entry
	if err := decodeStrict(line, &e); err != nil {
		return e, &Error{Code: CodeFormat, Reason: "is not an entry", Err: err}
	}
	if e.SHA256.IsZero() || e.Size < 0 || e.Size > maxBytes {
		return e, &Error{Code: CodeFormat, Reason: fmt.Sprintf("is object %s of %d bytes", e.SHA256, e.Size)}
	}
	if len(e.Segments) > 0 {
		return e, e.checkSegments(volumes)
	}
	switch e.Path {
	case ObjectPath(e.SHA256), BulletinPath(e.SHA256), CatalogFile, NoticesFile:
	default:
		return e, &Error{Code: CodePath, Reason: fmt.Sprintf("says that object %s is at %q", e.SHA256, clip(e.Path))}
	}
	return e, checkIndex(e.Volume, volumes)
}

func checkIndex(index, volumes int) error {
	if index < 1 || index > volumes {
		return &Error{Code: CodeCount, Reason: fmt.Sprintf("names volume %d of %d", index, volumes)}
	}
	return nil
}

// checkSegments makes sure that the segments of an object join to it.
func (e *Entry) checkSegments(volumes int) error {
	if e.Volume != 0 || e.Path != "" {
		return &Error{Code: CodeFormat, Reason: fmt.Sprintf("has object %s whole and in segments", e.SHA256)}
	}
	if len(e.Segments) > maxSegments {
		return &Error{Code: CodeLimit, Reason: fmt.Sprintf("has %d segments, more than %d", len(e.Segments), maxSegments)}
	}
	at := int64(0)
	for i, s := range e.Segments {
		if s.Path != SegmentPath(e.SHA256, i+1) {
			return &Error{Code: CodePath, Reason: fmt.Sprintf("says that segment %d of object %s is at %q", i+1, e.SHA256, clip(s.Path))}
		}
		if err := checkIndex(s.Volume, volumes); err != nil {
			return err
		}
		if s.Offset != at || s.Size < 1 || s.Size > e.Size-at || s.SHA256.IsZero() {
			return &Error{Code: CodeCount, Reason: fmt.Sprintf("has segment %d of object %s at %d with %d bytes; the one before ends at %d of %d",
				i+1, e.SHA256, s.Offset, s.Size, at, e.Size)}
		}
		at += s.Size
	}
	if at != e.Size {
		return &Error{Code: CodeCount, Reason: fmt.Sprintf("has object %s of %d bytes in segments of %d", e.SHA256, e.Size, at)}
	}
	return nil
}

// parseRequired reads one line of requires.txt.zst, "<sha256> <size>\n".
func parseRequired(line []byte) (layout.ObjectRef, error) {
	digits, size, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	d, err := layout.ParseDigest(digits)
	n, bad := strconv.ParseInt(size, 10, 64)
	ref := layout.ObjectRef{SHA256: d, Size: n}
	if err != nil || bad != nil || n < 0 || n > maxBytes || d.IsZero() || string(line) != fmt.Sprintf("%s %d\n", d, n) {
		return ref, &Error{Code: CodeFormat, Reason: "is not <sha256> <size>"}
	}
	return ref, nil
}

// agree holds the entries to the volumes that are here, both ways.
func (b *Bundle) agree(l *lists) error {
	for _, s := range l.entries {
		e := l.entry(s)
		for p := range e.pieces() {
			if err := b.name(p); err != nil {
				return err
			}
		}
	}
	for _, v := range b.volumes {
		if v == nil {
			continue
		}
		for _, f := range v.files {
			if !f.named && f.inEntry() {
				return v.refuse(CodeUndeclared, f.path(), "is in no entry", nil)
			}
		}
	}
	g := l.generation
	for name, want := range map[string]layout.ObjectRef{CatalogFile: g.Catalog, NoticesFile: g.Notices.List} {
		if want.IsZero() {
			continue
		}
		if _, err := b.volumes[0].bound(name, want); err != nil {
			return err
		}
	}
	return nil
}

// piece is one file that an entry needs.
type piece struct {
	volume int
	Line
}

// pieces yields the files of an entry in the order in which they are joined.
func (e *Entry) pieces() iter.Seq[piece] {
	return func(yield func(piece) bool) {
		if len(e.Segments) == 0 {
			yield(piece{e.Volume, Line{e.Path, e.Size, e.SHA256}})
			return
		}
		for _, s := range e.Segments {
			if !yield(piece{s.Volume, Line{s.Path, s.Size, s.SHA256}}) {
				return
			}
		}
	}
}

// name marks the file of a piece as named, if its volume is here.
func (b *Bundle) name(p piece) error {
	v := b.volumes[p.volume-1]
	if v == nil {
		return nil
	}
	if _, err := v.bound(p.Path, layout.ObjectRef{SHA256: p.SHA256, Size: p.Size}); err != nil {
		return err
	}
	f := v.line(p.Path)
	if f.named {
		return v.refuse(CodeFormat, p.Path, "is in two entries", nil)
	}
	f.named = true
	return nil
}

// close holds what is shipped and what is required, together, to what the
// header says of the generation.
func (l *lists) close(h *Header) error {
	all := make([]layout.ObjectRef, 0, len(l.entries)+len(l.requires))
	for _, s := range l.entries {
		all = append(all, layout.ObjectRef{SHA256: s.sha256, Size: s.size})
	}
	if shipped, ok := total(all); !ok || shipped != h.Entries.Bytes {
		return &Error{Code: CodeCount, Where: EntriesFile, Reason: fmt.Sprintf("has %d bytes; the header says %d", shipped, h.Entries.Bytes)}
	}
	all = append(all, l.requires...)
	if required, ok := total(l.requires); !ok || required != h.Requires.Bytes {
		return &Error{Code: CodeCount, Where: RequiresFile, Reason: fmt.Sprintf("has %d bytes; the header says %d", required, h.Requires.Bytes)}
	}
	if bytes, ok := total(all); !ok || len(all) != h.Objects || bytes != h.Bytes {
		return &Error{Code: CodeCount, Where: HeaderFile, Reason: fmt.Sprintf("says %d objects of %d bytes; shipped and required are %d of %d",
			h.Objects, h.Bytes, len(all), bytes)}
	}
	slices.SortFunc(all, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	root, err := layout.StateRoot(slices.Values(all))
	if err != nil {
		return &Error{Code: CodeFormat, Where: EntriesFile, Reason: "has an object twice, or one that is required, too", Err: err}
	}
	if root != h.StateRoot {
		return &Error{Code: CodeCount, Where: HeaderFile, Reason: fmt.Sprintf("has the state root %s; shipped and required make %s", h.StateRoot, root)}
	}
	return nil
}

// total sums up sizes; ok is false where they are more than a bundle may speak
// of.
func total(refs []layout.ObjectRef) (sum int64, ok bool) {
	for _, r := range refs {
		if r.Size > maxBytes-sum {
			return 0, false
		}
		sum += r.Size
	}
	return sum, true
}

// errNotLoaded says that a caller skipped a step.
var errNotLoaded = errors.New("read bundle: its lists are not loaded")

// Generation returns the generation that the bundle carries with its exact
// bytes and its signatures, which a verifier has judged (Verified). It is an
// error before Load.
func (b *Bundle) Generation() (g *layout.Generation, doc, sig []byte, err error) {
	if b.lists == nil {
		return nil, nil, nil, errNotLoaded
	}
	return b.lists.generation, b.lists.doc, b.lists.sig, nil
}

// Entries yields the shipped objects in the order of their digests; there are
// none before Load. What it yields must not be changed.
func (b *Bundle) Entries() iter.Seq[Entry] {
	if b.lists == nil {
		return func(func(Entry) bool) {}
	}
	return func(yield func(Entry) bool) {
		for _, s := range b.lists.entries {
			if !yield(b.lists.entry(s)) {
				return
			}
		}
	}
}

// Requires yields the objects that the generation refers to and the bundle
// does not carry; there are none before Load.
func (b *Bundle) Requires() iter.Seq[layout.ObjectRef] {
	if b.lists == nil {
		return func(func(layout.ObjectRef) bool) {}
	}
	return slices.Values(b.lists.requires)
}
