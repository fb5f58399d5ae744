package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	patience = 60 * time.Second // without a byte
	readSize = 256 << 10
)

// ask is a request for a part of the content.
type ask struct {
	path       string
	start, end int64 // end 0: the whole, without a range
	headers    string
}

// link is one connection of a client. It parses the least that is needed, and
// where it does not compare, the kernel drops what came: so that the server is
// what is measured, and not those who ask.
type link struct {
	conn    *net.TCPConn
	raw     syscall.RawConn
	r       *bufio.Reader
	content *content
	compare bool
	buf     []byte
	host    string
}

func open(ctx context.Context, addr string, c *content, compare bool) (*link, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l := &link{conn: tcp, raw: raw, r: bufio.NewReaderSize(conn, 4<<10), content: c, compare: compare, host: addr}
	l.buf = discarded
	if compare {
		l.buf = make([]byte, readSize)
	}
	return l, nil
}

// discarded is what the kernel is told to drop to; nothing is written to it.
var discarded = make([]byte, readSize)

func (l *link) close() { _ = l.conn.Close() }

// get asks, and notes in s what comes and when. Nothing but the bytes asked for
// is no error.
func (l *link) get(a ask, s *seen) error {
	request := "GET " + a.path + " HTTP/1.1\r\nHost: " + l.host + "\r\n" + a.headers
	if a.end > 0 {
		request += fmt.Sprintf("Range: bytes=%d-%d\r\n", a.start, a.end-1)
	}
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(l.conn, request+"\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return err
	}
	start, end := int64(0), l.content.size
	want := http.StatusOK
	if a.end > 0 {
		start, end, want = a.start, a.end, http.StatusPartialContent
	}
	if res.StatusCode != want {
		return fmt.Errorf("%s", res.Status)
	}
	if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/", start, end-1); a.end > 0 && !strings.HasPrefix(got, want) {
		return fmt.Errorf("Content-Range is %q, want %q", got, want)
	}
	if res.ContentLength >= 0 && res.ContentLength != end-start {
		return fmt.Errorf("Content-Length is %d, want %d", res.ContentLength, end-start)
	}
	if res.ContentLength < 0 {
		return l.readAny(res.Body, start, end, s)
	}
	return l.readLength(start, end, s)
}

// readLength reads a body whose length is known from the connection itself.
func (l *link) readLength(offset, end int64, s *seen) error {
	if n := min(int64(l.r.Buffered()), end-offset); n > 0 {
		p, err := l.r.Peek(int(n))
		if err != nil {
			return err
		}
		s.note(int(n), l.content.same(p, offset))
		if _, err := l.r.Discard(int(n)); err != nil {
			return err
		}
		offset += n
	}
	for offset < end {
		if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		p := l.buf[:min(int64(len(l.buf)), end-offset)]
		n, err := l.receive(p)
		if n > 0 {
			s.note(n, !l.compare || l.content.same(p[:n], offset))
			offset += int64(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// receive reads up to len(p) bytes, or has them dropped.
func (l *link) receive(p []byte) (n int, err error) {
	if l.compare {
		return l.conn.Read(p)
	}
	waited := l.raw.Read(func(fd uintptr) bool {
		n, _, err = syscall.Recvfrom(int(fd), p, syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN)
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}

// readAny reads a body whose length nobody stated.
func (l *link) readAny(body io.Reader, offset, end int64, s *seen) error {
	buf := make([]byte, readSize)
	for {
		n, err := body.Read(buf)
		s.note(n, l.content.same(buf[:n], offset))
		offset += int64(n)
		if err == io.EOF && offset == end {
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
}

// held is how much of the end of a file may come later than the rest: what is
// held back until the whole is verified.
const held = 64 << 10

// seen is what a client saw of what it asked for, over all its connections.
type seen struct {
	began time.Time
	total int64 // bytes asked for

	First time.Duration `json:"first"` // until the first byte of a body
	Most  time.Duration `json:"most"`  // until all but the held tail
	Done  time.Duration `json:"done"`
	Bytes int64         `json:"bytes"`
	Wrong int           `json:"wrong"` // reads with other bytes in them
	Err   string        `json:"err"`
}

// note counts n bytes that came now.
func (s *seen) note(n int, right bool) {
	if n == 0 {
		return
	}
	now := time.Since(s.began)
	if s.Bytes == 0 {
		s.First = now
	}
	s.Bytes += int64(n)
	if s.Bytes >= s.total-held && s.Most == 0 {
		s.Most = now
	}
	if !right {
		s.Wrong++
	}
}

// end closes the account.
func (s *seen) end(err error) {
	s.Done = time.Since(s.began)
	if err == nil && s.Bytes != s.total {
		err = fmt.Errorf("%d bytes, want %d", s.Bytes, s.total)
	}
	if err != nil {
		s.Err = err.Error()
	}
}
