package fill

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"patchferry/layout"
)

// Origin gets parts of a file from outside.
type Origin interface {
	// Part asks for a part. The body of the answer ends in an error where no byte
	// comes for too long, and when ctx ends. An error that may be over soon has a
	// method Temporary that says so; others end the fill, but for those of the
	// network itself. It is called concurrently.
	Part(ctx context.Context, r layout.PartRequest) (layout.Part, error)
}

// Job is a file to fetch.
type Job struct {
	// Key names the file: equal keys, equal files. A later Job of the same key may
	// bring another URL, which is used from then on.
	Key    layout.Digest
	URL    string
	Origin Origin
	// File is what is stated of it: Name for errors, and Size, SHA256, SHA1 and MD5,
	// zero where unknown. All that are stated must be right.
	File layout.File
	// Start and End tell the bytes that are wanted first, where somebody knows. The
	// first request to the origin is for them. Zero: the beginning.
	Start, End int64
	// Verified says that nobody gets a byte before the whole is right.
	Verified bool
	// MaxSize is the most that the file may have, in bytes; 0: no bound of its own.
	MaxSize int64
	// Admit takes the whole and right file at path into a store, by a link or a copy:
	// path stays. Its bytes are durable and never change again. After an error it is
	// called again, with growing pauses, unless the error is a *layout.MismatchError:
	// then the file is refused.
	Admit func(ctx context.Context, path string, done Done) error
	// Revoked, where it is set, says which bytes nobody is to have, though they are what
	// is stated: they are refused as wrong ones are.
	Revoked func(layout.Digest) bool
	// Refused is told of bytes that are not the file's. It may take path away; what is
	// left of it is removed. Nil: nobody is told.
	Refused func(path string, got layout.Got, why error)
}

// Done is a file that came whole and right.
type Done struct {
	Got layout.Got
	// ETag, with its quotes, and Modified, in whole seconds, are what readers were
	// told: they stay.
	ETag     string
	Modified time.Time
	// Restarted is as that of layout.Filling: what hands the file out from now on has to
	// say so, too.
	Restarted time.Time
}

// Stats counts what a Pool did since it was opened, and says what it has.
type Stats struct {
	Running    int   // fills that fetch, or wait for their origin
	Readers    int   // that are open
	Waiting    int   // readers that wait for bytes
	Requests   int64 // to origins
	Fetched    int64 // bytes of bodies that origins sent
	HandedOut  int64 // bytes that readers were told of
	Completed  int64 // files that came whole and right
	Refused    int64 // files that were not what they should be
	Restarted  int64 // attempts given up because the file changed at its origin
	Faults     int64 // requests that failed and were made again
	Partial    int   // files that are here in part
	PartBytes  int64 // room that these and running fills take
	Quota      int64 // bound of PartBytes; 0: none
	Evicted    int64 // partial files that made room
	Connection int   // requests under way
}

// What a zero field of a Pool stands for.
const (
	DefaultIdle             = 10 * time.Minute
	DefaultLinger           = time.Minute
	DefaultKeep             = 7 * 24 * time.Hour
	DefaultPatience         = 5 * time.Minute
	DefaultConnections      = 64
	DefaultTotalConnections = 256
)

// heldBack is how much of the end of a file, in bytes, readers do not get before the
// whole is right.
const heldBack = 64 << 10

// restartedFor is how long it is told that an attempt was given up.
const restartedFor = 24 * time.Hour

var (
	errChanged = errors.New("the file changed at its origin while it was fetched")
	errIdle    = errors.New("nobody wanted it any more")
)

func (p *Pool) idle() time.Duration     { return orElse(p.Idle, DefaultIdle) }
func (p *Pool) linger() time.Duration   { return orElse(p.Linger, DefaultLinger) }
func (p *Pool) keep() time.Duration     { return orElse(p.Keep, DefaultKeep) }
func (p *Pool) patience() time.Duration { return orElse(p.Patience, DefaultPatience) }
func (p *Pool) connections() int        { return orElse(p.Connections, DefaultConnections) }
func (p *Pool) totalConnections() int   { return orElse(p.TotalConnections, DefaultTotalConnections) }

func (p *Pool) log() *slog.Logger {
	if p.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return p.Log
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
