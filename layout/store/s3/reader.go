package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Open implements store.Store: one request, of the range that is asked for. The
// reader goes on with another where the answer breaks off, and ends in io.EOF
// after all bytes, else in an error; where the engine sends fewer, that is
// io.ErrUnexpectedEOF. It must not be used after ctx has ended.
func (b *Bucket) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	r, err := b.openRange(ctx, store.ObjectKey(d), offset, n)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", d, err)
	}
	return r, nil
}

func (b *Bucket) openRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, errOffset(offset)
	}
	r := &reader{next: offset, left: n, total: -1}
	r.open = func() error { return b.fetch(ctx, key, r) }
	r.resume = func(err error) error { return b.resume(ctx, r, err) }
	if n == 0 {
		return r.nothing(b.size(ctx, key))
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

func errOffset(offset int64) error { return breach("offset %d lies outside of the object", offset) }

// nothing is the reader of no bytes of an object of the given size.
func (r *reader) nothing(size int64, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	if r.next > size {
		return nil, errOffset(r.next)
	}
	r.left, r.body = 0, http.NoBody
	return r, nil
}

// reader reads a range of an object.
type reader struct {
	open   func() error      // makes body the bytes from next on
	resume func(error) error // does so again, after an error, as often as is configured
	body   io.ReadCloser
	next   int64 // offset of the next byte
	left   int64 // bytes to come; less than 0 before the first answer: to the end
	total  int64 // of the object; -1 before the first answer
	tries  int   // since the last byte
}

// resume opens the rest of what r reads, after err.
func (b *Bucket) resume(ctx context.Context, r *reader, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.tries >= b.config.Retries {
		return b.explainConnection(err)
	}
	pause := b.pause(r.tries, new(exchange))
	r.tries++
	b.config.Log.Info("storage is read again", "offset", r.next, "after", pause, "err", err)
	_ = r.body.Close() // it has failed already
	r.body = http.NoBody
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	return r.open()
}

// fetch asks for what a reader wants next and checks that the answer is that.
func (b *Bucket) fetch(ctx context.Context, key string, r *reader) error {
	return b.request(ctx, "read", func(ctx context.Context, _ attempt) error {
		var opts minio.GetObjectOptions
		whole := r.next == 0 && r.left < 0
		if !whole {
			opts.Set("Range", rangeHeader(r.next, r.left))
		}
		body, info, header, err := b.core.GetObject(ctx, b.config.Bucket, b.key(key), opts)
		x := known(ctx)
		if err != nil && x.status == http.StatusRequestedRangeNotSatisfiable {
			return b.beyond(ctx, key, r)
		}
		if err != nil {
			return missing(ctx, err)
		}
		if err := r.take(x, header, info.Size, whole); err != nil {
			return errors.Join(err, body.Close())
		}
		r.body = body
		return nil
	})
}

func rangeHeader(offset, n int64) string {
	if n < 0 {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	last := offset + n - 1
	if last < offset { // beyond what a number can hold
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, last)
}

// beyond is what an engine says of a range that begins at the end or after it.
func (b *Bucket) beyond(ctx context.Context, key string, r *reader) error {
	total, err := known(ctx).total, error(nil)
	if total < 0 {
		total, err = b.sizeByGet(ctx, key)
	}
	if err != nil {
		return err
	}
	if r.total >= 0 && r.total != total {
		return breach("the object has %d bytes, and had %d before", total, r.total)
	}
	if r.next != total {
		return errOffset(r.next)
	}
	r.left, r.total, r.body = 0, total, http.NoBody
	return nil
}

// take checks the head of an answer: it must be of the bytes from r.next on, and
// as many as were asked for or as there are.
func (r *reader) take(x *exchange, header http.Header, length int64, whole bool) error {
	start, total := int64(0), length
	if whole != (x.status == http.StatusOK) {
		return breach("the engine answers %d to a request of %s", x.status, map[bool]string{true: "the whole", false: "a range"}[whole])
	}
	if !whole {
		var ok bool
		if start, total, ok = contentRange(header.Get("Content-Range")); !ok {
			return breach("the engine says Content-Range: %q", plain(header.Get("Content-Range")))
		}
	}
	want := total - r.next
	if r.left >= 0 && r.left < want {
		want = r.left
	}
	if header.Get("Content-Length") == "" || start != r.next || length != want || r.total >= 0 && total != r.total {
		return breach("the engine sends %d bytes from %d on of %d, asked were %d from %d on", length, start, total, want, r.next)
	}
	r.left, r.total = want, total
	return nil
}

// contentRange reads "bytes first-last/total".
func contentRange(s string) (first, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, all, found := strings.Cut(s, "/")
	low, _, dash := strings.Cut(span, "-")
	first, err := strconv.ParseInt(low, 10, 64)
	total, err2 := strconv.ParseInt(all, 10, 64)
	return first, total, ok && found && dash && err == nil && err2 == nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	for {
		n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
		r.next += int64(n)
		r.left -= int64(n)
		if n > 0 {
			r.tries = 0
		}
		if n > 0 || err == nil {
			return n, nil // what else there is to say is said again
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err := r.resume(err); err != nil {
			return 0, fmt.Errorf("read object at %d of %d bytes: %w", r.next, r.total, err)
		}
	}
}

// Size implements store.Sized.
func (r *reader) Size() int64 { return r.total }

// copyBuffer is the piece in which WriteTo copies.
const copyBuffer = 256 << 10

// WriteTo implements io.WriterTo: in larger pieces than io.Copy's own.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	buf := make([]byte, min(copyBuffer, max(r.left, 1)))
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buf)
}

// Close implements io.Closer.
func (r *reader) Close() error { return r.body.Close() }
