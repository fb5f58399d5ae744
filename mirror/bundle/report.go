package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"

	"patchferry/layout"
)

// Report is what was found of a bundle.
type Report struct {
	Name        string        `json:"name"`     // "main-e001-s000042"
	Header      *Header       `json:"header"`   // as signed
	Digest      layout.Digest `json:"digest"`   // of HEADER.json
	Verified    bool          `json:"verified"` // signatures were checked against keys that the caller trusts
	Signers     []string      `json:"signers,omitempty"`
	Present     []int         `json:"present"`           // volumes
	Missing     []int         `json:"missing,omitempty"` // volumes
	Rotations   int           `json:"rotations,omitempty"`
	IgnoredKeys []string      `json:"ignored_keys,omitempty"` // files in keys/ that are no rotations; nobody trusts them
	Files       int           `json:"files,omitempty"`        // that were hashed
	Bytes       int64         `json:"bytes,omitempty"`        // of these
	Objects     int           `json:"objects,omitempty"`      // that are here whole, and right
	Updates     int           `json:"updates,omitempty"`      // lines of the catalog
	Notices     int           `json:"notices,omitempty"`      // lines of the list of notices
}

// Inspect says what the header says. Nothing else has been looked at, and what
// is not Verified anybody may have written.
func (b *Bundle) Inspect() *Report {
	r := &Report{
		Name: b.header.Name(), Header: b.header, Digest: layout.DigestOf(b.doc),
		Verified: b.Verified(), Signers: b.Signers(), Present: b.Present(), Rotations: len(b.rotations),
	}
	if w, ok := b.Waiting().(*WaitingError); ok {
		r.Missing = w.Missing
	}
	for _, v := range b.volumes {
		if v != nil && len(r.IgnoredKeys) == 0 {
			r.IgnoredKeys = v.ignoredKeys(len(b.rotations))
		}
	}
	return r
}

// ignoredKeys names what stands in keys/ and is no rotation.
func (v *volume) ignoredKeys(rotations int) []string {
	known := make(map[string]bool)
	for n := 1; n <= rotations; n++ {
		known[RotationPath(n)], known[RotationPath(n)+signatureEnding] = true, true
	}
	var names []string
	for _, f := range v.files {
		if strings.HasPrefix(f.other, "keys/") && !known[f.other] {
			names = append(names, f.other)
		}
	}
	return names
}

// Verify does Census and Load, and reads everything that is here: every file is
// hashed, every object whose segments are here is joined, and every line of the
// catalog and of the notices is parsed. Without volume 1 there are no lists,
// and the files of the others are held to their volumes alone; Missing says so.
// The first thing that is wrong is the error.
func (b *Bundle) Verify(ctx context.Context) (*Report, error) {
	if err := b.Census(ctx); err != nil {
		return nil, err
	}
	joined := map[string]bool{}
	r := b.Inspect()
	if b.volumes[0] != nil {
		if err := b.Load(ctx); err != nil {
			return nil, err
		}
		if err := b.CheckLists(ctx); err != nil {
			return nil, err
		}
		r.Updates, r.Notices = b.lists.generation.Counts.Updates, b.lists.generation.Notices.Count
		if err := b.verifyObjects(ctx, r, joined); err != nil {
			return nil, err
		}
	}
	for _, v := range b.volumes {
		if v == nil {
			continue
		}
		for _, f := range v.files {
			r.Files++
			r.Bytes += f.size
			if joined[f.other] {
				continue
			}
			if err := v.copy(ctx, f.line(), io.Discard); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// verifyObjects joins the objects that are in segments, and counts all that
// are here whole. Those in one file are hashed with the other files.
func (b *Bundle) verifyObjects(ctx context.Context, r *Report, joined map[string]bool) error {
	for e := range b.Entries() {
		here := true
		for p := range e.pieces() {
			here = here && b.volumes[p.volume-1] != nil
		}
		if !here {
			continue
		}
		r.Objects++
		if len(e.Segments) == 0 {
			continue
		}
		if err := b.CopyObject(ctx, e, io.Discard); err != nil {
			return err
		}
		for p := range e.pieces() {
			joined[p.Path] = true
		}
	}
	return nil
}

// CheckLists reads the catalog and the notices to their ends, under the limits
// of this reader, and holds them to the generation. It comes after Load; an
// import does it before it copies anything.
func (b *Bundle) CheckLists(ctx context.Context) error {
	if b.lists == nil {
		return errNotLoaded
	}
	g := b.lists.generation
	lists := [...]struct {
		name  string
		ref   layout.ObjectRef
		lines layout.Digest
		want  int
		parse func([]byte) error
	}{
		{CatalogFile, g.Catalog, g.Lines, g.Counts.Updates, parsesAs(layout.ParseLine)},
		{NoticesFile, g.Notices.List, g.Notices.Lines, g.Notices.Count, parsesAs(layout.ParseNotice)},
	}
	for _, l := range lists {
		if l.ref.IsZero() {
			continue
		}
		if l.want < 0 || l.want > b.opt.MaxLines {
			return &Error{Code: CodeLimit, Where: l.name, Reason: fmt.Sprintf("has %d lines, more than %d", l.want, b.opt.MaxLines)}
		}
		s := summed{plain: sha256.New(), parse: l.parse}
		want := CountedRef{SHA256: l.ref.SHA256, Size: l.ref.Size, Count: l.want}
		if err := b.readList(ctx, b.volumes[0], l.name, want, maxCatalogLine, s.line); err != nil {
			return err
		}
		if got := s.digest(); got != l.lines {
			return &Error{Code: CodeDigest, Where: l.name, Reason: fmt.Sprintf("has lines with the digest %s; the generation says %s", got, l.lines)}
		}
	}
	return nil
}

func parsesAs[T any](parse func([]byte) (*T, error)) func([]byte) error {
	return func(line []byte) error {
		_, err := parse(line)
		return err
	}
}

// summed reads the lines of a catalog.
type summed struct {
	plain hash.Hash
	last  []byte // id of the line before
	parse func([]byte) error
}

func (s *summed) line(line []byte) error {
	id, err := layout.LineID(line)
	if err == nil {
		err = s.parse(line)
	}
	if err != nil {
		return &Error{Code: CodeFormat, Reason: "cannot be read", Err: err}
	}
	if bytes.Compare([]byte(id), s.last) <= 0 {
		return &Error{Code: CodeFormat, Reason: fmt.Sprintf("has the id %q after %q: ids must ascend", clip(id), clip(string(s.last)))}
	}
	s.last = append(s.last[:0], id...)
	s.plain.Write(line)
	return nil
}

func (s *summed) digest() (d layout.Digest) {
	s.plain.Sum(d[:0])
	return d
}
