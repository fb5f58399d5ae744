package fill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"patchferry/layout"
)

// lockName is the file that says whose folder it is.
const lockName = "lock"

// Pool fetches files, each once for all who ask for it, into a folder of its own.
//
// Its fields are set before the first use; zero ones have the documented defaults. It may
// be used by any number of goroutines, its folder by one Pool at a time.
type Pool struct {
	// Quota bounds the bytes of files that are here in part and of those that are
	// fetched. The longest untouched one that nobody uses makes room. 0: no bound.
	Quota int64
	// Idle is how long a fill goes on that nobody wants any more. Default: 10 minutes.
	Idle time.Duration
	// Linger is how long a complete file is still handed out from here after the last
	// one who wanted it left. Default: a minute.
	Linger time.Duration
	// Keep is how long a file that is here in part is kept. Default: 7 days.
	Keep time.Duration
	// Patience is how long readers wait for an origin that is away. Default: 5 minutes.
	Patience time.Duration
	// Connections bounds the requests at once for one file, for which so many different
	// parts must be waited for. Default: 64.
	Connections int
	// TotalConnections bounds the requests at once for all files. Default: 256.
	TotalConnections int
	// Log is told what went wrong with which file. Nil: nothing is logged.
	Log *slog.Logger

	dir  string
	lock *flock.Flock

	mu      sync.Mutex
	live    map[layout.Digest]*fill
	rest    map[layout.Digest]resting
	used    int64 // bytes that live and resting files may take
	closed  bool
	stats   Stats // of mu; the counters below are added by Stats
	running sync.WaitGroup

	fetched, handed, faults   atomic.Int64
	requests, connected       atomic.Int64
	readers, waiting, starved atomic.Int64

	sync  func(*os.File) error                           // makes the bytes of a data file durable
	write func(f *os.File, b []byte, offset int64) error // writes to a data file
}

// resting is a file that is here in part and that nobody uses.
type resting struct {
	data    string // name of its data file; empty: only the journal is kept
	size    int64  // bytes that are reserved for it
	touched time.Time
}

// ErrInUse is matched by the error of Open for a folder that another Pool uses.
var ErrInUse = errors.New("another process uses it")

// Open takes the folder dir, which is made if it is missing, and finds there what an
// earlier Pool left; what is of no use is removed. A folder that another Pool uses is an
// error.
func Open(dir string) (*Pool, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the folder of fills: %w", err)
	}
	p := &Pool{
		dir:  dir,
		lock: flock.New(filepath.Join(dir, lockName)),
		live: make(map[layout.Digest]*fill),
		rest: make(map[layout.Digest]resting),
		sync: (*os.File).Sync,
		write: func(f *os.File, b []byte, offset int64) error {
			_, err := f.WriteAt(b, offset)
			return err
		},
	}
	locked, err := p.lock.TryLock()
	if err == nil && !locked {
		err = ErrInUse
	}
	if err == nil {
		err = p.find()
	}
	if err != nil {
		return nil, fmt.Errorf("open the folder of fills %s: %w", dir, errors.Join(err, p.lock.Close()))
	}
	return p, nil
}

// Close ends all fills, keeps what is here, and lets the folder go. Readers end in an
// error that matches os.ErrClosed.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, f := range p.live {
		f.cancel(os.ErrClosed)
	}
	p.mu.Unlock()
	p.running.Wait()
	return p.lock.Close()
}

// Fill returns a file that is on its way, and begins to fetch it unless somebody did. It
// returns when the size and the validators are fixed, which takes one answer of the
// origin, and ctx ends only the waiting for that. The error is a *layout.LaterError where
// the origin is away, where there is no room, and for a time after the file was refused,
// and a *layout.MismatchError where the origin has another file than is stated. Whoever
// got a Filling closes it; as long as it is open, the fill goes on.
func (p *Pool) Fill(ctx context.Context, job Job) (layout.Filling, error) {
	h, err := p.fill(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("fill %s: %w", job.File.Name, err)
	}
	return h, nil
}

func (p *Pool) fill(ctx context.Context, job Job) (*handle, error) {
	for {
		f, ending, err := p.join(ctx, job)
		if err != nil {
			return nil, err
		}
		if ending == nil {
			return f.open(ctx)
		}
		select {
		case <-ending: // then it begins anew
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Knows reports whether a file is on its way, or here in part or not yet handed over:
// what hosts were told of it, Fill alone can tell them again.
func (p *Pool) Knows(key layout.Digest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live[key] != nil || p.rest[key].data != ""
}

// join returns the fill of a job, with the caller among its users, or what is closed when
// the one before has ended.
func (p *Pool) join(ctx context.Context, job Job) (f *fill, ending <-chan struct{}, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, os.ErrClosed
	}
	f = p.live[job.Key]
	if f != nil && f.closing {
		return nil, f.ended, nil
	}
	if f == nil {
		f = p.begin(ctx, job)
	}
	f.users++
	f.job.URL, f.job.Origin = job.URL, job.Origin
	return f, nil, nil
}

// begin starts a fill, which outlives ctx. p.mu is held.
func (p *Pool) begin(ctx context.Context, job Job) *fill {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &fill{
		pool: p, job: job, cancel: cancel,
		ended: make(chan struct{}), changed: make(chan struct{}),
		kick: make(chan struct{}, 1),
	}
	if r, ok := p.rest[job.Key]; ok {
		delete(p.rest, job.Key)
		f.reserved = r.size
	}
	p.live[job.Key] = f
	p.running.Go(func() {
		defer cancel(nil)
		f.run(ctx)
	})
	return f
}

// Stats returns the counts so far.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.PartBytes, s.Quota = p.used, p.Quota
	for _, f := range p.live {
		if !f.completed {
			s.Running++
		}
	}
	for _, r := range p.rest {
		if r.data != "" {
			s.Partial++
		}
	}
	s.Readers, s.Waiting = int(p.readers.Load()), int(p.waiting.Load())
	s.Requests, s.Fetched, s.HandedOut = p.requests.Load(), p.fetched.Load(), p.handed.Load()
	s.Faults, s.Connection = p.faults.Load(), int(p.connected.Load())
	return s
}

// now is the time; tests have a clock of their own by their bubble.
func (p *Pool) now() time.Time { return time.Now() }

// takeConnection reports whether one more request may be made.
func (p *Pool) takeConnection() bool {
	for {
		n := p.connected.Load()
		if n >= int64(p.totalConnections()) {
			p.starved.Store(1)
			return false
		}
		if p.connected.CompareAndSwap(n, n+1) {
			p.requests.Add(1)
			return true
		}
	}
}

// letConnection gives one back, and wakes the fills that could have none.
func (p *Pool) letConnection() {
	p.connected.Add(-1)
	if p.starved.Swap(0) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.live {
		notify(f.kick)
	}
}
