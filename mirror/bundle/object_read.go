package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"patchferry/layout"
)

const (
	// copyBuffer is how many bytes are read, hashed and written at a time.
	copyBuffer = 256 << 10
	// smallCopy is up to how many bytes a file gets a buffer of its own size.
	smallCopy = 16 << 10
)

// CopyObject copies a shipped object to w, hashing it in the same pass: each
// file is what its volume and the entry say, and the whole is the object. A
// medium that changed since the Census is caught here. What w got counts only
// if there is no error; it never gets more than the size of the entry.
//
// An *Error is a refusal, or a medium that cannot be read; a *WaitingError says
// that the volume of a segment is not here; an error of w comes back wrapped.
func (b *Bundle) CopyObject(ctx context.Context, e Entry, w io.Writer) error {
	if len(e.Segments) == 0 {
		return b.copyPiece(ctx, piece{e.Volume, Line{e.Path, e.Size, e.SHA256}}, w)
	}
	whole := sha256.New()
	for p := range e.pieces() {
		if err := b.copyPiece(ctx, p, io.MultiWriter(w, whole)); err != nil {
			return err
		}
	}
	var got layout.Digest
	whole.Sum(got[:0])
	if got != e.SHA256 {
		return &Error{Code: CodeDigest, Where: ObjectPath(e.SHA256), Reason: "is not what its segments make",
			Err: &layout.MismatchError{What: "sha256", Want: e.SHA256.String(), Got: got.String()}}
	}
	return nil
}

// CopySegment copies segment n of an object, from 0, as CopyObject does: for an
// import whose volumes come one by one. Whoever joins segments hashes the
// whole.
func (b *Bundle) CopySegment(ctx context.Context, e Entry, n int, w io.Writer) error {
	if n < 0 || n >= len(e.Segments) {
		return fmt.Errorf("copy segment %d of object %s: it has %d", n, e.SHA256, len(e.Segments))
	}
	s := e.Segments[n]
	return b.copyPiece(ctx, piece{s.Volume, Line{s.Path, s.Size, s.SHA256}}, w)
}

// CopyFile copies a declared file of a volume, as Files lists it.
func (b *Bundle) CopyFile(ctx context.Context, index int, line Line, w io.Writer) error {
	return b.copyPiece(ctx, piece{index, line}, w)
}

func (b *Bundle) copyPiece(ctx context.Context, p piece, w io.Writer) error {
	v, err := b.volumeAt(p.volume)
	if err != nil {
		return err
	}
	line, err := v.bound(p.Path, layout.ObjectRef{SHA256: p.SHA256, Size: p.Size})
	if err != nil {
		return err
	}
	return v.copy(ctx, line, w)
}

// copy copies one declared file to w. Errors of reading are those of the
// bundle, errors of writing are not.
func (m *medium) copy(ctx context.Context, line Line, w io.Writer) error {
	f, err := m.openDeclared(ctx, line)
	if err != nil {
		return err
	}
	defer f.close()
	if line.Size < smallCopy {
		return m.copyWith(make([]byte, line.Size+1), f, line, w)
	}
	buf, ok := m.buffers.Get().(*[copyBuffer]byte)
	if !ok {
		buf = new([copyBuffer]byte)
	}
	defer m.buffers.Put(buf)
	return m.copyWith(buf[:], f, line, w)
}

func (m *medium) copyWith(buf []byte, f *file, line Line, w io.Writer) error {
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if _, bad := w.Write(buf[:n]); bad != nil {
				return fmt.Errorf("copy %s: %w", line.Path, bad)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return m.explain(line.Path, err)
		}
	}
}
