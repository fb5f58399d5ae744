package trusted

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Signer makes signatures; *verify.SecretKey is one.
type Signer interface {
	ClearSign(text []byte, at time.Time) ([]byte, error)
	Sign(doc []byte, at time.Time) ([]byte, error)
}

// publishAttempts is how often a writer tries again after another was faster.
const publishAttempts = 20

// stagePrefix begins the names of temporary files. It is the one that Dir
// sweeps from its stage after a crash.
const stagePrefix = ".put-"

// Writer adds states to the log. It may be used concurrently, and so may any
// number of writers on one store; its fields must not change meanwhile.
type Writer struct {
	Reader *Reader // reads what others published; its Store is written to
	Signer Signer  // with the site's key, which must be pinned as PurposeSite
	Actor  string  // what the operator calls whoever runs this
	Stage  string  // a directory for PutDocument where the store is no Stager; "" is the system's
	Clock  func() time.Time
}

// Publish creates the state after base, which is nil for an empty log. change
// edits a copy of base; number, previous, writer, actor and time are filled
// in. Where another writer was faster, change is called again with a copy of
// the newest state, until it wins or change returns an error because its
// reason no longer holds; Publish returns that error as it is.
//
// With a state and an error together, the state is published, but the mark
// could not be raised. After any other error of the store, it may or may not
// be in the log, but never half of it: read the newest to know.
func (w *Writer) Publish(ctx context.Context, base *State, change func(*layout.State) error) (*State, error) {
	for range publishAttempts {
		next, doc, err := w.next(base, change)
		if err != nil {
			return nil, err
		}
		won, err := w.create(ctx, next.Number, doc)
		if err != nil {
			return nil, fmt.Errorf("publish state %d: %w", next.Number, err)
		}
		if won {
			return next, w.Reader.accept(ctx, next)
		}
		if base, err = w.Reader.Newest(ctx); err != nil {
			return nil, fmt.Errorf("publish after another writer: %w", err)
		}
	}
	return nil, fmt.Errorf("publish: other writers were faster %d times in a row; try again", publishAttempts)
}

// next makes the state after base, signs it, and checks it as any other: a
// state that would be refused here must never get into the log.
func (w *Writer) next(base *State, change func(*layout.State) error) (*State, []byte, error) {
	next, err := successor(base)
	if err != nil {
		return nil, nil, err
	}
	head := *next
	if err := change(next); err != nil {
		return nil, nil, err
	}
	at := w.now()
	if base != nil && at.Before(base.At.Time()) {
		at = base.At.Time() // the log's time does not run backwards
	}
	next.Format, next.Version = layout.FormatState, layout.Version
	next.Number, next.Previous = head.Number, head.Previous
	next.Writer, next.Actor, next.At = newWriterID(), w.Actor, layout.At(at)
	text, err := next.Encode()
	if err != nil {
		return nil, nil, fmt.Errorf("publish state %d: %w", next.Number, err)
	}
	doc, err := w.Signer.ClearSign(text, at)
	if err != nil {
		return nil, nil, fmt.Errorf("publish state %d: %w", next.Number, err)
	}
	state, err := w.Reader.open(next.Number, doc)
	if err == nil {
		err = w.Reader.checkStreams(state)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("nothing is published, because it would be refused here: %w", err)
	}
	return state, doc, nil
}

// successor returns a deep copy of base, with the number after it.
func successor(base *State) (*layout.State, error) {
	if base == nil {
		return &layout.State{Number: 1}, nil
	}
	text, err := base.State.Encode()
	if err != nil {
		return nil, fmt.Errorf("copy state %d: %w", base.Number, err)
	}
	next, err := layout.ParseState(text)
	if err != nil {
		return nil, fmt.Errorf("copy state %d: %w", base.Number, err)
	}
	next.Number, next.Previous = base.Number+1, base.Digest
	next.Why = ""
	return next, nil
}

// create writes state n and reports whether it is ours. An answer that leaves
// that open (a lost connection, or a retry that met its own first attempt) is
// resolved by reading the number back: the random writer makes our bytes
// unlike those of anybody else.
func (w *Writer) create(ctx context.Context, n uint64, doc []byte) (won bool, err error) {
	err = w.Reader.Store.Create(ctx, n, doc)
	if err == nil {
		return true, nil
	}
	there, readErr := w.Reader.Store.Read(ctx, n)
	if readErr == nil {
		return bytes.Equal(there, doc), nil
	}
	if errors.Is(err, store.ErrExists) {
		return false, fmt.Errorf("read back the state of another writer: %w", readErr)
	}
	return false, err
}

// PutDocument makes b an object: a generation, a signature, a list.
func (w *Writer) PutDocument(ctx context.Context, b []byte) (layout.ObjectRef, error) {
	ref := layout.ObjectRef{SHA256: layout.DigestOf(b), Size: int64(len(b))}
	if err := w.put(ctx, ref, b); err != nil {
		return layout.ObjectRef{}, fmt.Errorf("put document %s: %w", ref.SHA256, err)
	}
	return ref, nil
}

func (w *Writer) put(ctx context.Context, ref layout.ObjectRef, b []byte) error {
	dir := w.Stage
	if s, ok := w.Reader.Store.(store.Stager); ok {
		dir = s.StageDir()
	}
	f, err := os.CreateTemp(dir, stagePrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // the object is a link or a copy; Dir sweeps what stays
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(w.Reader.Store.Put(ctx, ref.SHA256, ref.Size, f), f.Close())
}

func (w *Writer) now() time.Time {
	if w.Clock == nil {
		return time.Now()
	}
	return w.Clock()
}

// newWriterID returns 32 hexadecimal digits that nobody else draws.
func newWriterID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
