package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Listed is a file that a catalog names and whose content a store may lack.
type Listed struct {
	Update string // id; its part before the first colon is the source
	// File is as it is listed: name, URL, and size and digests as far as they are
	// stated.
	File File
	// Start and End are the bytes that the one who asks wants first, where that is known,
	// so that nothing else is asked for before them. It is a hint: both may be zero, or
	// lie behind the end.
	Start, End int64
}

// Filling is a file that is here, or on its way here, for one who asked for it.
// Its methods may be called concurrently.
type Filling interface {
	// Size is the length of the whole in bytes. It is fixed, as ETag and Modified are,
	// before the first byte is handed out.
	Size() int64
	// ETag is the strong entity tag, with its quotes (RFC 9110, section 8.8.3).
	ETag() string
	// Modified is the time for Last-Modified, in whole seconds; zero: there is none.
	Modified() time.Time
	// SHA256 is the digest of the whole, zero as long as nobody knows it.
	SHA256() Digest
	// Restarted says when an attempt of this file was last given up whose bytes had
	// been handed out, if that was within the last day: a download that began before
	// must not go on. Else it is the zero time.
	Restarted() time.Time
	// Read says that the bytes [start, end) are wanted and returns a reader of them.
	Read(start, end int64) (FillReader, error)
	// Close says that nothing more of it is wanted. Readers are closed before.
	Close() error
}

// FillReader reads a part of a Filling. It is for one goroutine.
type FillReader interface {
	// Ready waits until the byte at offset, which is one of those wanted, may be handed
	// out, and returns up to where the following ones may be, at most to the end of
	// what is wanted. It returns the error that ended the fill, or ctx. What lies before
	// offset is no longer wanted.
	Ready(ctx context.Context, offset int64) (end int64, err error)
	// File is the file with the bytes at their offsets; only those that Ready told of
	// may be read. It has a descriptor of its own, whose position is the caller's.
	File() *os.File
	io.Closer
}

// PathRequest asks for a file by its publisher's own path, where no catalog lists it.
// Whoever sent it chose all of it; what may be asked of an origin is for others to
// decide.
type PathRequest struct {
	// Origin is the publisher's host in lower case, with a port where one was written;
	// empty: nobody said.
	Origin string
	// Path is decoded and begins with a slash. It has no empty, "." or ".." segment, no
	// backslash and no control character.
	Path string
	// Query is as it was sent, but for what named the origin. It is for the fetch alone
	// and names nothing: it expires, and may be a secret.
	Query string
	SHA1  SHA1 // of the content, where the file name states one; zero: none
}

// ErrNoFill says that a file is not here and that nothing may be fetched for it.
var ErrNoFill = errors.New("not here, and not to be fetched")

// LaterError says that a file cannot be had now, but may be soon: its origin is
// away, or there is no room.
type LaterError struct {
	After time.Duration // when to ask again
	Err   error
}

// Error implements error.
func (e *LaterError) Error() string { return fmt.Sprintf("%v (again in %s)", e.Err, e.After) }

// Unwrap returns Err.
func (e *LaterError) Unwrap() error { return e.Err }

// PartRequest asks an origin for a part of a file.
type PartRequest struct {
	URL   string
	Start int64 // offset of the first byte
	End   int64 // offset after the last byte; less than 0: to the end
	// If are the validators of the parts that are here already: another file is to be
	// answered whole, and is then told by its own (If-Range). Zero: none are.
	If Validators
}

// Part is what an origin answers to a PartRequest.
type Part struct {
	Start      int64 // offset of the first byte of Body; 0 where the origin answers with the whole
	End        int64 // offset after its last byte; -1: unknown
	Total      int64 // length of the whole file in bytes; -1: unknown
	Whole      bool  // the origin paid no heed to the range: Body is the whole file
	Validators Validators
	Modified   time.Time // of Last-Modified; zero where there is none
	TLSKey     Digest    // SHA-256 of the server's SubjectPublicKeyInfo; zero without TLS
	Body       io.ReadCloser
}
