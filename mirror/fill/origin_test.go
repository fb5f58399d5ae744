package fill_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// publisher is an origin that misbehaves on demand. It counts the bytes that it handed
// out, each time.
type publisher struct {
	mu       sync.Mutex
	data     []byte
	tag      string
	modified time.Time
	// answer, where it is set, may change or refuse the nth request, the first is 0.
	answer func(n int, r layout.PartRequest, p *layout.Part) error
	// line, where it is set, is waited for by each read of n bytes.
	line  func(ctx context.Context, n int) error
	each  float64       // bytes a second of one answer; 0: no bound
	chunk int           // bytes of a read at most; 0: no bound
	wait  time.Duration // before each answer

	asked   []layout.PartRequest
	sent    int64
	open    int
	maxOpen int
}

func newPublisher(size int) *publisher {
	return &publisher{data: content(size, 1), tag: `"one"`, modified: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func content(size int, seed byte) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

func (p *publisher) Part(ctx context.Context, r layout.PartRequest) (layout.Part, error) {
	if p.wait > 0 {
		time.Sleep(p.wait)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.asked)
	p.asked = append(p.asked, r)
	size := int64(len(p.data))
	part := layout.Part{Start: r.Start, End: r.End, Total: size, Validators: layout.Validators{ETag: p.tag}, Modified: p.modified}
	if r.End < 0 || r.End > size {
		part.End = size
	}
	if r.If.ETag != "" && r.If.ETag != p.tag {
		part.Start, part.End, part.Whole = 0, size, true
	}
	if p.answer != nil {
		if err := p.answer(n, r, &part); err != nil {
			return layout.Part{}, err
		}
	}
	if part.Start > size {
		return layout.Part{}, errors.New("416")
	}
	end := part.End
	if end < 0 {
		end = size
	}
	if part.Body == nil {
		part.Body = io.NopCloser(bytes.NewReader(p.data[part.Start:end]))
	}
	p.open++
	p.maxOpen = max(p.maxOpen, p.open)
	part.Body = &sending{ctx: ctx, p: p, body: part.Body}
	return part, nil
}

// whole makes every answer the whole file.
func whole(_ int, _ layout.PartRequest, part *layout.Part) error {
	part.Start, part.End, part.Whole = 0, part.Total, true
	return nil
}

func (p *publisher) bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

func (p *publisher) requests() []layout.PartRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]layout.PartRequest(nil), p.asked...)
}

type sending struct {
	ctx  context.Context
	p    *publisher
	body io.ReadCloser
}

func (s *sending) Read(b []byte) (int, error) {
	if s.p.chunk > 0 && len(b) > s.p.chunk {
		b = b[:s.p.chunk]
	}
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.body.Read(b)
	if s.p.each > 0 {
		time.Sleep(time.Duration(float64(n) / s.p.each * float64(time.Second)))
	}
	if s.p.line != nil {
		if err := s.p.line(s.ctx, n); err != nil {
			return 0, err
		}
	}
	s.p.mu.Lock()
	s.p.sent += int64(n)
	s.p.mu.Unlock()
	return n, err
}

func (s *sending) Close() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.open--
	return s.body.Close()
}

// cutAfter is a body that ends in an error after n bytes.
func cutAfter(data []byte, n int) io.ReadCloser {
	return io.NopCloser(io.MultiReader(bytes.NewReader(data[:min(n, len(data))]), brokenReader{}))
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// status is an answer of an origin that is no file.
type status struct {
	code int
	soon bool
}

func (s *status) Error() string   { return fmt.Sprint("status ", s.code) }
func (s *status) Temporary() bool { return s.soon }

// admitted is what was admitted.
type admitted struct {
	mu   sync.Mutex
	data []byte
	done fill.Done
	n    int
}

func (a *admitted) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n
}

func jobOf(p *publisher, a *admitted) fill.Job {
	return fill.Job{
		Key: layout.DigestOf([]byte("key")), URL: "http://origin/file", Origin: p,
		File:  layout.File{Name: "file", Size: int64(len(p.data)), SHA256: layout.DigestOf(p.data), SHA1: sha1.Sum(p.data)},
		Admit: a.admit,
	}
}

func open(t *testing.T, dir string) *fill.Pool {
	t.Helper()
	p, err := fill.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// readPart reads [start, end) as a server would.
func readPart(ctx context.Context, f layout.Filling, start, end int64) ([]byte, error) {
	r, err := f.Read(start, end)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var got []byte
	for at := start; at < end; {
		to, err := r.Ready(ctx, at)
		if err != nil {
			return got, err
		}
		b := make([]byte, to-at)
		if _, err := r.File().ReadAt(b, at); err != nil {
			return got, fmt.Errorf("bytes that Ready told of, %d to %d: %w", at, to, err)
		}
		got = append(got, b...)
		at = to
	}
	return got, nil
}

// wantWhole fills and reads all of it.
func wantWhole(t *testing.T, p *fill.Pool, job fill.Job, want []byte) {
	t.Helper()
	f, err := p.Fill(t.Context(), job)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	got, err := readPart(t.Context(), f, 0, f.Size())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read: got %d bytes and error %v, want %d bytes", len(got), err, len(want))
	}
}
