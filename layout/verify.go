package layout

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// MismatchError says that bytes are not the ones that were expected.
type MismatchError struct {
	What string // "sha256", "size", "sha1" or "md5"
	Want string // lower-case hexadecimal digits, or bytes in decimal
	Got  string // likewise
}

// Error implements error.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is %s, want %s", e.What, e.Got, e.Want)
}

// NewVerifyReader returns a reader of the bytes of r that ends in io.EOF only
// when there were exactly size of them and their SHA-256 is want; else it ends
// in a *MismatchError, which later reads repeat. A negative size is unknown
// and not checked. The zero Digest matches nothing: bytes that nobody can
// vouch for do not pass by being forgotten.
//
// Bytes beyond size are never handed out. What has been read before the error
// is not verified, so a caller must not use it until io.EOF.
//
// The reader is for one goroutine.
func NewVerifyReader(r io.Reader, size int64, want Digest) io.Reader {
	return &verifyReader{r: r, size: size, want: want, hash: sha256.New()}
}

type verifyReader struct {
	r    io.Reader
	size int64
	want Digest
	hash hash.Hash
	read int64 // bytes that r has given, at most size+1 where size is known
	err  error // what ended the reader
}

func (v *verifyReader) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := v.r.Read(v.cut(p))
	v.read += int64(n)
	if v.size >= 0 && v.read > v.size {
		n -= int(v.read - v.size)
		v.err = &MismatchError{What: "size", Want: decimal(v.size), Got: "more"}
		return n, v.err
	}
	v.hash.Write(p[:n])
	if err == io.EOF {
		err = v.finish()
	}
	v.err = err
	return n, err
}

// cut keeps a read from going further than one byte beyond the expected end,
// which is enough to know that there is more.
func (v *verifyReader) cut(p []byte) []byte {
	if v.size < 0 {
		return p
	}
	if rest := v.size - v.read + 1; int64(len(p)) > rest {
		return p[:rest]
	}
	return p
}

func (v *verifyReader) finish() error {
	if v.size >= 0 && v.read != v.size {
		return &MismatchError{What: "size", Want: decimal(v.size), Got: decimal(v.read)}
	}
	var got Digest
	v.hash.Sum(got[:0])
	if got != v.want {
		return &MismatchError{What: "sha256", Want: v.want.String(), Got: got.String()}
	}
	return io.EOF
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
