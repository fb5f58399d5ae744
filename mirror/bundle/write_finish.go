package bundle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
)

func isPartial(name string) bool { return strings.HasSuffix(name, partial) }

// Finish ends the bundle in the folder dir, NAME.partial: it makes sure that
// every volume has the same header and the same signatures, reads everything
// back from the medium, past the system's memory where that can be done, and
// gives it its name. A bundle that has its name already is only read back.
// Without a signature it is ErrUnsigned; whose signatures there are, and whether
// they are enough, is for the caller to check (Open).
func (w *Writer) Finish(ctx context.Context, dir string) (*Written, error) {
	made, err := w.finish(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("finish bundle %s: %w", dir, err)
	}
	return made, nil
}

func (w *Writer) finish(ctx context.Context, dir string) (made *Written, err error) {
	t, folder, err := w.open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	volumes, err := volumesIn(t, folder)
	if err != nil {
		return nil, err
	}
	doc, err := commonHeader(t, volumes)
	if err != nil {
		return nil, err
	}
	h, err := ParseHeader(doc)
	if err != nil {
		return nil, err
	}
	if len(volumes) != len(h.Volumes) {
		return nil, fmt.Errorf("%d volumes are here; the header says %d", len(volumes), len(h.Volumes))
	}
	if err := sameSignatures(t, volumes); err != nil {
		return nil, err
	}
	if !w.NoReadback {
		if err := w.readBack(ctx, t, folder, h); err != nil {
			return nil, fmt.Errorf("read back: %w", err)
		}
	}
	name := strings.TrimSuffix(folder, partial)
	if name == folder {
		err = t.syncDir(".") // who gave it its name may have died before
	} else {
		err = publish(ctx, t, folder, name)
	}
	if err != nil {
		return nil, err
	}
	return &Written{
		Dir:  filepath.Join(filepath.Dir(filepath.Clean(dir)), name),
		Name: name, Header: doc, Digest: layout.DigestOf(doc), Finished: true,
	}, nil
}

// publish gives a whole bundle its name, in one step.
func publish(ctx context.Context, t target, folder, name string) error {
	if err := syncFolders(ctx, t, folder); err != nil {
		return err
	}
	if err := t.rename(folder, name); err != nil {
		return err
	}
	return t.syncDir(".")
}

// sameSignatures makes sure that a bundle is signed, in every volume alike.
func sameSignatures(t target, volumes []string) error {
	var sig []byte
	for i, v := range volumes {
		doc, err := readSignatureFile(t, v+"/"+HeaderSigFile)
		if err != nil {
			return err
		}
		if len(doc) == 0 {
			return fmt.Errorf("%s: %w", v, ErrUnsigned)
		}
		if i > 0 && !bytes.Equal(doc, sig) {
			return fmt.Errorf("%s has other signatures than %s: sign it again", v, volumes[0])
		}
		sig = doc
	}
	return nil
}

// readBack reads every file that the header binds, several at a time.
func (w *Writer) readBack(ctx context.Context, t target, folder string, h *Header) error {
	b := &reading{w: w, t: t}
	for _, v := range h.Volumes {
		b.total += v.Bytes
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.workers())
	var err error
	for _, v := range h.Volumes {
		root := folder + "/" + VolumeName(v.Index, len(h.Volumes))
		if err = b.volume(ctx, group, root, v); err != nil {
			break
		}
	}
	return errors.Join(group.Wait(), err)
}

// reading is a bundle while it is read back.
type reading struct {
	w     *Writer
	t     target
	total int64

	mu   sync.Mutex
	done int64
}

// volume reads VOLUME.jsonl against the header, and starts reading the files
// that it names.
func (b *reading) volume(ctx context.Context, group *errgroup.Group, root string, want Volume) (err error) {
	name := root + "/" + VolumeFile
	f, err := b.t.open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dropPages(f)
	sum := newHashReader(f)
	lines := bufio.NewScanner(sum)
	for lines.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return b.file(ctx, root+"/"+l.Path, l) })
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if sum.digest() != want.SHA256 {
		return fmt.Errorf("%s: %w", name, &layout.MismatchError{What: "sha256", Want: want.SHA256.String(), Got: sum.digest().String()})
	}
	return nil
}

// file reads one file against its line.
func (b *reading) file(ctx context.Context, name string, want Line) (err error) {
	f, err := b.t.open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dropPages(f)
	checked := layout.NewVerifyReader(stoppable{ctx, f}, want.Size, want.SHA256)
	size := min(max(want.Size+1, 512), writeBuffer)
	if _, err := io.CopyBuffer(plainWriter{io.Discard}, checked, make([]byte, size)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += want.Size
	if b.w.Progress != nil {
		b.w.Progress(Progress{Step: "read back", Done: b.done, Total: b.total})
	}
	return nil
}
