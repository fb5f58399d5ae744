package distribute

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
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
// every replica; where nobody knows that yet, from nowhere.
func planBody(f *content, ranges []byteRange) bodyPlan {
	switch len(ranges) {
	case 0:
		return bodyPlan{status: http.StatusOK, contentType: f.mime(), length: f.size,
			parts: []part{{byteRange: byteRange{length: f.size}}}}
	case 1:
		return bodyPlan{status: http.StatusPartialContent, contentType: f.mime(), length: ranges[0].length,
			contentRange: ranges[0].contentRange(f.size), parts: []part{{byteRange: ranges[0]}}}
	}
	boundary := f.sha256.String()[:32]
	if f.sha256.IsZero() {
		boundary = rand.Text()
	}
	plan := bodyPlan{
		status:      http.StatusPartialContent,
		contentType: "multipart/byteranges; boundary=" + boundary,
		trailer:     "\r\n--" + boundary + "--\r\n",
	}
	opening := "--" // BITS allows two line breaks before the first boundary; there are none
	for _, r := range ranges {
		preface := opening + boundary + "\r\nContent-Type: " + f.mime() +
			"\r\nContent-Range: " + r.contentRange(f.size) + "\r\n\r\n"
		opening = "\r\n--"
		plan.parts = append(plan.parts, part{preface, r})
		plan.length += int64(len(preface)) + r.length
	}
	plan.length += int64(len(plan.trailer))
	return plan
}

// send sends the whole body.
func (p *bodyPlan) send(ctx context.Context, a *answer, b body) error {
	for i, part := range p.parts {
		if part.preface != "" {
			if err := a.write([]byte(part.preface)); err != nil {
				return err
			}
		}
		if err := b.sendPart(ctx, a, i, part.byteRange); err != nil {
			return err
		}
	}
	if p.trailer == "" {
		return nil
	}
	return a.write([]byte(p.trailer))
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
	return a.sendPieces(dst, &io.LimitedReader{R: f}, n)
}

// sendPieces sends n bytes of the file that piece reads, in pieces.
func (a *answer) sendPieces(dst io.ReaderFrom, piece *io.LimitedReader, n int64) error {
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

func (s *Server) copyTo(a *answer, src io.Reader, n int64) error {
	buf := s.buffers.Get().(*[copySize]byte)
	defer s.buffers.Put(buf)
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
