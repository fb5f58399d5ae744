package hosttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// The errors with which a job of BITS ends for good.
var (
	ErrNoSize   = errors.New("0x80200011: the server does not state the size")
	ErrNotHTTP  = errors.New("0x80200012: the server does not speak HTTP/1.1")
	ErrNoRanges = errors.New("0x80200013: the server does not serve ranges")
	ErrChanged  = errors.New("the file on the server has changed")
)

// BITS is a job of the Background Intelligent Transfer Service for one file. It
// asks for the size, then for one range after the other on condition that the
// file has not changed; any other validator ends the job. It lives through the
// end of a server, as it lives through the end of Windows: Run goes on where the
// last one stopped, and compares with what was said days before.
//
// A job is not safe for concurrent use.
type BITS struct {
	URL    string
	Client *http.Client // nil: one without keep-alive, proxies and compression

	begun    bool
	size     int64
	etag     string
	modified string
	content  bytes.Buffer
}

// Size is that which the server stated, in bytes; 0 before Run.
func (j *BITS) Size() int64 { return j.size }

// Content is what has come so far, from the beginning of the file on.
func (j *BITS) Content() []byte { return j.content.Bytes() }

// Done reports whether the file is whole.
func (j *BITS) Done() bool { return j.begun && int64(j.content.Len()) == j.size }

// Validators are what the server said of the file when the job began.
func (j *BITS) Validators() (etag, modified string) { return j.etag, j.modified }

// Run fetches the rest. After an error that matches ErrAgain it may be called
// again; all others end the job.
func (j *BITS) Run(ctx context.Context) error { return j.Pieces(ctx, -1) }

// Pieces fetches up to n ranges more; less than 0: all.
func (j *BITS) Pieces(ctx context.Context, n int) error {
	if j.Client == nil {
		j.Client = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	}
	if !j.begun {
		if err := j.begin(ctx); err != nil {
			return fmt.Errorf("HEAD %s: %w", j.URL, err)
		}
	}
	for ; n != 0 && !j.Done(); n-- {
		start := int64(j.content.Len())
		if err := j.next(ctx, start, min(start+Piece, j.size)); err != nil {
			return fmt.Errorf("GET %s from %d: %w", j.URL, start, err)
		}
	}
	return nil
}

// begin asks for the size.
func (j *BITS) begin(ctx context.Context) error {
	res, err := j.do(ctx, http.MethodHead)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode != http.StatusOK:
		return refused(res)
	case !res.ProtoAtLeast(1, 1) || res.ProtoMajor > 1:
		return fmt.Errorf("%s: %w", res.Proto, ErrNotHTTP)
	case res.Header.Get("Content-Length") == "" || res.ContentLength < 0:
		return ErrNoSize
	case res.Header.Get("Content-Encoding") != "":
		return fmt.Errorf("Content-Encoding %q: %w", res.Header.Get("Content-Encoding"), ErrNoSize)
	}
	j.begun, j.size = true, res.ContentLength
	j.etag, j.modified = res.Header.Get("Etag"), res.Header.Get("Last-Modified")
	return nil
}

// next fetches the bytes [start, end).
func (j *BITS) next(ctx context.Context, start, end int64) error {
	headers := []string{"Range", fmt.Sprintf("bytes=%d-%d", start, end-1)}
	if j.modified != "" {
		headers = append(headers, "If-Unmodified-Since", j.modified)
	}
	res, err := j.do(ctx, http.MethodGet, headers...)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := j.check(res, start, end); err != nil {
		return err
	}
	n, err := io.Copy(&j.content, res.Body)
	if err == nil && n != end-start {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return again("after %d bytes: %w", n, err) // what came is kept
	}
	return nil
}

// check holds an answer to what is known of the file.
func (j *BITS) check(res *http.Response, start, end int64) error {
	switch {
	case res.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", res.Status, ErrChanged)
	case res.StatusCode == http.StatusOK:
		return fmt.Errorf("%s: %w", res.Status, ErrNoRanges)
	case res.StatusCode != http.StatusPartialContent:
		return refused(res)
	case len(res.TransferEncoding) > 0 || res.ContentLength != end-start:
		return fmt.Errorf("Content-Length %d, Transfer-Encoding %q, want %d bytes: %w", res.ContentLength, res.TransferEncoding, end-start, ErrNoRanges)
	}
	if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", start, end-1, j.size); got != want {
		return fmt.Errorf("Content-Range %q, want %q: %w", got, want, ErrChanged)
	}
	if etag, modified := res.Header.Get("Etag"), res.Header.Get("Last-Modified"); etag != j.etag || modified != j.modified {
		return fmt.Errorf("ETag %q and Last-Modified %q, were %q and %q: %w", etag, modified, j.etag, j.modified, ErrChanged)
	}
	return nil
}

func (j *BITS) do(ctx context.Context, method string, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, j.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "Microsoft BITS/7.8")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := j.Client.Do(req)
	if err != nil {
		return nil, again("%w", err)
	}
	return res, nil
}

// refused is the error of an answer that is none of those that are hoped for.
func refused(res *http.Response) error {
	if res.StatusCode >= 500 {
		return again("%s", res.Status)
	}
	return fmt.Errorf("refused: %s", res.Status)
}
