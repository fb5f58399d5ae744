package hosttest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections is how many Delivery Optimization has open to one server.
const connections = 7

// DeliveryOptimization is a download as that service does it: it knows size and
// digests of the pieces from elsewhere, and asks for closed ranges of one piece,
// in random order, over several connections, each with a query that may differ.
// There is no HEAD and no condition. A piece that fails, or is another, is asked
// for again on a new connection.
type DeliveryOptimization struct {
	Addr   string // host and port that it connects to
	Host   string // for the header of that name; empty: Addr
	Path   string
	Query  func(n int) string // of the nth piece, without the question mark; nil: none
	Size   int64              // of the file in bytes
	Pieces [][sha256.Size]byte

	Seed        uint64        // of the order
	Connections int           // default 7
	Retries     int           // how often a piece is asked for again; default 5
	Pause       time.Duration // before that; default 50 ms
}

// PiecesOf returns the digests of the pieces of a file.
func PiecesOf(content []byte) [][sha256.Size]byte {
	var all [][sha256.Size]byte
	for start := 0; start < len(content); start += Piece {
		all = append(all, sha256.Sum256(content[start:min(start+Piece, len(content))]))
	}
	return all
}

// Fetch downloads the file. It returns the first error of a piece that failed too
// often.
func (d *DeliveryOptimization) Fetch(ctx context.Context) ([]byte, error) {
	if want := int((d.Size + Piece - 1) / Piece); len(d.Pieces) != want {
		return nil, fmt.Errorf("%d digests of %d pieces", len(d.Pieces), want)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	order := rand.New(rand.NewPCG(d.Seed, 1)).Perm(len(d.Pieces))
	work := make(chan int, len(order))
	for _, n := range order {
		work <- n
	}
	close(work)
	content := make([]byte, d.Size)
	var wg sync.WaitGroup
	for range min(or(d.Connections, connections), len(order)) {
		wg.Go(func() {
			if err := d.take(ctx, work, content); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return content, context.Cause(ctx)
}

func or(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return n
}

// take fetches pieces until none are left.
func (d *DeliveryOptimization) take(ctx context.Context, work <-chan int, content []byte) error {
	var c *line
	defer func() { c.close() }()
	for n := range work {
		for failed := 0; ; failed++ {
			if c == nil {
				c = d.connect(ctx)
			}
			err := d.piece(c, n, content)
			if err == nil {
				break
			}
			c.close()
			c = nil
			if ctx.Err() != nil || failed == or(d.Retries, 5) {
				return fmt.Errorf("piece %d: %w", n, err)
			}
			d.pause(ctx)
		}
	}
	return nil
}

func (d *DeliveryOptimization) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(or(int(d.Pause), int(50*time.Millisecond)))):
	}
}

// line is one connection, or why there is none.
type line struct {
	conn net.Conn
	r    *bufio.Reader
	stop func() bool
	err  error
}

func (d *DeliveryOptimization) connect(ctx context.Context) *line {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.Addr)
	if err != nil {
		return &line{err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return &line{conn: conn, r: bufio.NewReader(conn), stop: stop}
}

func (c *line) close() {
	if c != nil && c.conn != nil {
		c.stop()
		_ = c.conn.Close()
	}
}

// piece fetches one piece to its place, in the very words of the service, which
// no HTTP library would send.
func (d *DeliveryOptimization) piece(c *line, n int, content []byte) error {
	if c.err != nil {
		return c.err
	}
	start := int64(n) * Piece
	end := min(start+Piece, d.Size)
	target, host := d.Path, d.Host
	if d.Query != nil {
		target += "?" + d.Query(n)
	}
	if host == "" {
		host = d.Addr
	}
	_, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\nRange: bytes=%d-%d\r\n"+
		"User-Agent: Microsoft-Delivery-Optimization/10.1\r\nMS-CV: x.1.%d\r\nContent-Length: 0\r\nHost: %s\r\n\r\n", target, start, end-1, n, host)
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPartialContent {
		return errors.New(res.Status)
	}
	if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", start, end-1, d.Size); got != want || res.ContentLength != end-start {
		return fmt.Errorf("Content-Range %q and %d bytes, want %q", got, res.ContentLength, want)
	}
	place := content[start:end]
	if _, err := io.ReadFull(res.Body, place); err != nil {
		return err
	}
	if sha256.Sum256(place) != d.Pieces[n] {
		return fmt.Errorf("the bytes from %d to %d are others", start, end-1)
	}
	return nil
}
