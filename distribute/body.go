package distribute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"

	"patchferry/layout"
)

// pieceSize is how many bytes the kernel is handed at once. One sendfile of a
// whole file keeps a thread in the kernel, and the other connections waiting,
// for as long as the client reads quickly; after a piece the goroutine stands
// aside for them. A piece of the size that Delivery Optimization and BITS ask
// for costs them one call (measured in testdata/bench/serve).
const pieceSize = 1 << 20

// corked is the largest body, in bytes, that is worth holding its header back
// for.
const corked = 64 << 10

// copySize is the buffer, in bytes, for what the kernel cannot send by itself:
// TLS, and a source that has no files.
const copySize = 64 << 10

// lengthError says that an object is not as long as the catalog says.
type lengthError struct{ got, want int64 }

func (e *lengthError) Error() string {
	return fmt.Sprintf("object has %d bytes, the catalog says %d", e.got, e.want)
}

// sourceError marks an error of the source, to tell it from the client's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// bodyPlan is what the body of an answer consists of.
type bodyPlan struct {
	status       int
	contentType  string
	contentRange string
	length       int64 // bytes of the body
	parts        []part
	trailer      string
}

// part is a range of the file with what stands before it.
type part struct {
	preface string
	byteRange
}

// planBody lays out the body. The boundary of a multipart body is taken from
// the file's digest, which the file cannot contain, and so is the same on
// every replica.
func planBody(f *file, ranges []byteRange) bodyPlan {
	switch len(ranges) {
	case 0:
		return bodyPlan{status: http.StatusOK, contentType: octets, length: f.size,
			parts: []part{{byteRange: byteRange{length: f.size}}}}
	case 1:
		return bodyPlan{status: http.StatusPartialContent, contentType: octets, length: ranges[0].length,
			contentRange: ranges[0].contentRange(f.size), parts: []part{{byteRange: ranges[0]}}}
	}
	boundary := f.sha256.String()[:32]
	plan := bodyPlan{
		status:      http.StatusPartialContent,
		contentType: "multipart/byteranges; boundary=" + boundary,
		trailer:     "\r\n--" + boundary + "--\r\n",
	}
	opening := "--" // BITS allows two line breaks before the first boundary; there are none
	for _, r := range ranges {
		preface := opening + boundary + "\r\nContent-Type: " + octets +
			"\r\nContent-Range: " + r.contentRange(f.size) + "\r\n\r\n"
		opening = "\r\n--"
		plan.parts = append(plan.parts, part{preface, r})
		plan.length += int64(len(preface)) + r.length
	}
	plan.length += int64(len(plan.trailer))
	return plan
}

// body is an opened object: as a file, or as a source to open at each part.
type body struct {
	server *Server
	digest layout.Digest
	file   *os.File
	first  io.ReadCloser // the first part, opened before the header is sent
}

// openBody opens the object and checks its length, so that what is announced
// in the header can be kept.
func (s *Server) openBody(ctx context.Context, f *file, plan bodyPlan) (*body, error) {
	b := &body{server: s, digest: f.sha256}
	if src, ok := s.Source.(filer); ok {
		file, err := src.File(ctx, f.sha256)
		if err == nil {
			b.file = file
			return b, b.checkFile(f.size)
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	size, err := s.Source.Stat(ctx, f.sha256)
	if err != nil {
		return nil, err
	}
	if size != f.size {
		return nil, &lengthError{got: size, want: f.size}
	}
	p := plan.parts[0]
	b.first, err = s.Source.Open(ctx, f.sha256, p.start, p.length)
	return b, err
}

func (b *body) checkFile(want int64) error {
	info, err := b.file.Stat()
	if err == nil && info.Size() != want {
		err = &lengthError{got: info.Size(), want: want}
	}
	if err != nil {
		b.close()
	}
	return err
}

func (b *body) close() {
	if b.file != nil {
		_ = b.file.Close() // it was only read
	}
	if b.first != nil {
		_ = b.first.Close()
	}
}

func (b *body) send(ctx context.Context, a *answer, plan bodyPlan) error {
	for i, p := range plan.parts {
		if p.preface != "" {
			if err := a.write([]byte(p.preface)); err != nil {
				return err
			}
		}
		if err := b.sendPart(ctx, a, i, p.byteRange); err != nil {
			return err
		}
	}
	if plan.trailer == "" {
		return nil
	}
	return a.write([]byte(plan.trailer))
}

func (b *body) sendPart(ctx context.Context, a *answer, i int, r byteRange) error {
	if b.file != nil {
		if _, err := b.file.Seek(r.start, io.SeekStart); err != nil {
			return &sourceError{err}
		}
		if a.r.TLS == nil {
			return a.sendFile(b.file, r.length)
		}
		return b.copyTo(a, b.file, r.length)
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
	return b.copyTo(a, src, r.length)
}

// sendFile has the kernel send n bytes of the file from where it stands. The
// header goes out first: else net/http would read the first bytes to guess a
// type that is known.
func (a *answer) sendFile(f *os.File, n int64) error {
	dst, ok := a.w.(io.ReaderFrom)
	if !ok {
		return a.copyFrom(f, n, make([]byte, min(n, copySize)))
	}
	if n <= corked && a.watch.conn != nil {
		cork(a.watch.conn)
		defer uncork(a.watch.conn)
	}
	if err := a.ctl.Flush(); err != nil {
		return err
	}
	piece := &io.LimitedReader{R: f}
	for n > 0 {
		want := min(n, pieceSize)
		piece.N = want
		sent, err := dst.ReadFrom(piece)
		a.count(sent)
		n -= sent
		if err != nil {
			return err
		}
		if sent < want {
			return &sourceError{io.ErrUnexpectedEOF}
		}
		if n > 0 {
			runtime.Gosched()
		}
	}
	return nil
}

func (b *body) copyTo(a *answer, src io.Reader, n int64) error {
	buf := b.server.buffers.Get().(*[copySize]byte)
	defer b.server.buffers.Put(buf)
	return a.copyFrom(src, n, buf[:])
}

// copyFrom sends n bytes of src through a buffer.
func (a *answer) copyFrom(src io.Reader, n int64, buf []byte) error {
	for n > 0 {
		got, err := io.ReadFull(src, buf[:min(n, int64(len(buf)))])
		if got > 0 {
			if err := a.write(buf[:got]); err != nil {
				return err
			}
		}
		n -= int64(got)
		if err != nil {
			return &sourceError{err}
		}
	}
	return nil
}

// clientGone reports whether an answer ended because of its client.
func clientGone(err error) bool {
	for _, known := range [...]error{
		syscall.EPIPE, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
		net.ErrClosed, os.ErrDeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
