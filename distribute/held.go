package distribute

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
)

// retryStore is what a host is told to wait when the store does not answer.
const retryStore = 30 * time.Second

// heldBytes are those of a file that the store has.
type heldBytes struct {
	server *Server
	file   *file
}

func (h heldBytes) check(ctx context.Context) error {
	size, err := h.server.Source.Stat(ctx, h.file.sha256)
	if err == nil && size != h.file.size {
		err = &lengthError{got: size, want: h.file.size}
	}
	return err
}

// open opens the object and checks its length, so that what is announced
// in the header can be kept.
func (h heldBytes) open(ctx context.Context, plan bodyPlan) (body, error) {
	s := h.server
	b := &heldBody{server: s, digest: h.file.sha256}
	if src, ok := s.Source.(filer); ok {
		file, err := src.File(ctx, h.file.sha256)
		if err == nil {
			b.file = file
			return b, b.checkFile(h.file.size)
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	if err := h.check(ctx); err != nil {
		return nil, err
	}
	p := plan.parts[0]
	var err error
	b.first, err = s.Source.Open(ctx, h.file.sha256, p.start, p.length)
	return b, err
}

// fail answers for a file whose bytes cannot be had.
func (h heldBytes) fail(a *answer, err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody is there to be answered
	}
	log := h.server.log().With("path", a.r.URL.Path, "digest", h.file.sha256.String(), "err", err)
	_, length := errors.AsType[*lengthError](err)
	_, wrong := errors.AsType[*layout.MismatchError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist), length, wrong:
		log.Error("object is damaged: run patchferry audit")
		a.fail(http.StatusInternalServerError, "The store does not have the file as the catalog says.")
	case errors.Is(err, errNotYet):
		log.Info("object is being fetched")
		a.busy(retryStore, "The file is being fetched. Ask again.")
	case errors.Is(err, store.ErrAway): // said once, by who follows the store
		log.Debug("store is away")
		a.busy(retryStore, "The store is away, and the file is not among those that are kept here.")
	default:
		log.Error("store does not answer")
		a.busy(retryStore, "The store does not answer.")
	}
}

func (h heldBytes) broken(a *answer, err error) {
	h.server.metrics.broken.Inc()
	h.server.log().Error("object could not be sent: run patchferry audit", "path", a.r.URL.Path, "digest", h.file.sha256.String(), "err", err)
}

// heldBody is an opened object: as a file, or as a source to open at each part.
type heldBody struct {
	server *Server
	digest layout.Digest
	file   *os.File
	first  io.ReadCloser // the first part, opened before the header is sent
}

func (b *heldBody) checkFile(want int64) error {
	info, err := b.file.Stat()
	if err == nil && info.Size() != want {
		err = &lengthError{got: info.Size(), want: want}
	}
	if err != nil {
		b.close()
	}
	return err
}

func (b *heldBody) close() {
	if b.file != nil {
		_ = b.file.Close() // it was only read
	}
	if b.first != nil {
		_ = b.first.Close()
	}
}

func (b *heldBody) sendPart(ctx context.Context, a *answer, i int, r byteRange) error {
	if b.file != nil {
		if _, err := b.file.Seek(r.start, io.SeekStart); err != nil {
			return &sourceError{err}
		}
		if a.r.TLS == nil {
			return a.sendFile(b.file, r.length)
		}
		return b.server.copyTo(a, b.file, r.length)
	}
	src := b.first
	if i > 0 {
		var err error
		src, err = b.server.Source.Open(ctx, b.digest, r.start, r.length)
		if err != nil {
			return &sourceError{err}
		}
		defer src.Close()
	}
	return b.server.copyTo(a, src, r.length)
}
