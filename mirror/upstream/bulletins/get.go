package bulletins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

// Get reads a document that List listed, with what stands beside it. A file that
// was moved since, as mail programs do, is looked for again; one that is gone
// matches fs.ErrNotExist. It asks nothing of validators: a document of a folder
// has a stamp.
func (f *Folder) Get(ctx context.Context, item layout.Announced, _ layout.Validators) (*layout.Announcement, error) {
	at, known, lists := f.find(item.Name)
	if known {
		a, err := f.read(ctx, item.Name, at)
		if !errors.Is(err, fs.ErrNotExist) {
			return a, err
		}
	}
	if err := f.again(ctx, lists); err != nil {
		return nil, err
	}
	at, known, _ = f.find(item.Name)
	if !known {
		return nil, fmt.Errorf("bulletins: %q: %w", item.Name, fs.ErrNotExist)
	}
	return f.read(ctx, item.Name, at)
}

func (f *Folder) find(name string) (at place, known bool, lists int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known = f.places[name]
	return at, known, f.lists
}

// again lists the folder once more, unless another call did so since that list.
func (f *Folder) again(ctx context.Context, list int) error {
	f.looking.Lock()
	defer f.looking.Unlock()
	f.mu.Lock()
	now := f.lists
	f.mu.Unlock()
	if now > list {
		return nil
	}
	_, err := f.List(ctx, nil)
	return err
}

func (f *Folder) read(ctx context.Context, name string, at place) (*layout.Announcement, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t, err := openTree(f.Path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	a := &layout.Announcement{At: layout.At(time.Now())}
	if at.mail {
		a.Original, err = t.mail(at, path.Base(name))
	} else {
		a.Original, err = t.read(at.path)
	}
	if err == nil && at.beside {
		err = t.readBeside(a, at.path)
	}
	if err != nil {
		return nil, fmt.Errorf("bulletins: %s: %w", t.full(at.path), bare(err))
	}
	return a, nil
}

// bare takes off the path that is named anyway.
func bare(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// read reads a whole file.
func (t *tree) read(rel string) ([]byte, error) {
	f, err := t.open(rel)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxDocument+1))
	if err == nil && len(b) > MaxDocument {
		err = errTooLong
	}
	return b, err
}

// mail reads a mail of a mailbox: from where it was, or if another is there
// now, wherever it is.
func (t *tree) mail(at place, id string) ([]byte, error) {
	f, err := t.open(at.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(at.offset, io.SeekStart); err != nil {
		return nil, err
	}
	for m, err := range envelope.Messages(f) {
		if err == nil && mailID(m.Raw) == id {
			return m.Raw, nil
		}
		break
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	for m, err := range envelope.Messages(f) {
		if err == nil && mailID(m.Raw) == id {
			return m.Raw, nil
		}
	}
	return nil, fmt.Errorf("mail %s: %w", id, fs.ErrNotExist)
}

// readBeside reads the signature and the files of digests of a document.
func (t *tree) readBeside(a *layout.Announcement, rel string) error {
	for _, suffix := range signatureSuffixes {
		b, err := t.read(rel + suffix)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !isSignature(b) {
			continue
		}
		if err != nil {
			return fmt.Errorf("its signature: %w", bare(err))
		}
		a.Signature, a.SigFile = b, path.Base(rel)+suffix
		break
	}
	for _, suffix := range sumSuffixes {
		b, err := t.read(rel + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("its digests: %w", bare(err))
		}
		a.Sums = append(a.Sums, layout.Sum{Name: path.Base(rel) + suffix, Text: b})
	}
	return nil
}

// isSignature reports whether a file that is named as one is no document of its
// own and no key. An empty or broken one is there, and wrong.
func isSignature(b []byte) bool {
	head := b[:min(len(b), headLen)]
	for _, mark := range []string{markSigned, markPublic, markSecret} {
		if bytes.Contains(head, []byte(mark)) {
			return false
		}
	}
	return !envelope.IsMailbox(head)
}
