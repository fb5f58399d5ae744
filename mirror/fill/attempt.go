package fill

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// attempt is one state of a file at its origin, as far as it is here. A file that changes
// meanwhile gets another attempt, with a data file and validators of its own.
//
// Invariants: the bytes in plan.here are in the file and are never written again. Once
// begun, size, ETag and Modified do not change. Nothing is handed out before begun, and
// nothing after err, unless the file is right.
type attempt struct {
	pool   *Pool
	job    Job // as it was when the attempt began, but for URL and Origin
	path   string
	kick   chan struct{} // wakes the fill; of size 1
	hashed chan struct{} // wakes the hasher; of size 1

	mu       sync.Mutex
	j        journal // but for Here and Durable, which are made of plan when it is written
	file     *os.File
	begun    bool
	right    bool // whole, and what is stated
	err      error
	got      layout.Got
	plan     plan
	durable  extents
	unsynced int64   // bytes that came since the file was last synced
	unnoted  int64   // bytes that came since the journal was last written
	wants    []*want // of the readers that are open
	waiting  []*reader
	handed   bool
	blunt    bool  // the first request is for the beginning, whatever is wanted first
	loose    bool  // only the digest decides whether the file changed
	hashedTo int64 // up to where the hasher knows of bytes
	saving   bool
	saved    time.Time // when the journal was last written
	synced   time.Time // when the file was last synced
	meter    meter
	trouble  trouble

	requests sync.WaitGroup
	saver    sync.WaitGroup
}

func newAttempt(p *Pool, job Job, j journal, kick chan struct{}) *attempt {
	a := &attempt{
		pool: p, job: job, j: j,
		path:   filepath.Join(p.dir, j.dataName()),
		kick:   kick,
		hashed: make(chan struct{}, 1),
	}
	a.plan = plan{size: j.Size, most: p.connections()}
	return a
}

// number returns a name for an attempt that starts now, greater than that of the last.
func number(now time.Time, last int64) int64 { return max(now.UnixMilli(), last+1) }

// fresh begins the journal of an attempt of job, after those that old tells of.
func fresh(job Job, old journal, now time.Time) journal {
	last := max(old.Attempt, old.Last)
	j := journal{
		Key: job.Key, URL: job.URL, Stated: statedOf(job.File), Size: -1,
		Attempt: number(now, last), Fetched: old.Fetched,
		Restarted: old.Restarted, Refused: old.Refused, Until: old.Until, Why: old.Why,
	}
	if !old.Restarted.IsZero() {
		j.Last = last
	}
	return j
}

// resume opens the data file of an earlier run, or says why that cannot be used.
func (a *attempt) resume() error {
	here := slices.Clone(a.j.kept())
	f, err := os.OpenFile(a.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && len(here) > 0 && info.Size() < here[len(here)-1].End {
		err = errors.New("the data file is shorter than the journal says")
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	a.file, a.begun = f, true
	a.handed = a.j.Handed
	a.plan.here, a.plan.covered = here, slices.Clone(here)
	a.durable = slices.Clone(a.j.Durable)
	if a.j.Boot == "" || a.j.Boot != durable.Boot() {
		a.durable = slices.Clone(here)
	}
	return nil
}

// create makes an empty data file.
func (a *attempt) create() error {
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	a.file = f
	return nil
}

// fix settles size and validators, at the first answer of the origin, and journals them
// before the first byte can leave.
func (a *attempt) fix(size int64, part layout.Part, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.j.Validators, a.j.Size = part.Validators, size
	a.j.TLSKey = part.TLSKey
	a.j.Told = part.Modified
	a.j.Modified = modified(part.Modified, now)
	a.j.ETag = a.tag()
	if size < 0 {
		return nil // what streams to an end that nobody knows is fixed there
	}
	return a.begin()
}

// begin lets readers in. a.mu is held.
func (a *attempt) begin() error {
	a.plan.size = a.j.Size
	if err := a.snapshot().write(a.pool.dir, false); err != nil {
		return err
	}
	a.begun = true
	return nil
}

// tag is the entity tag: the digest where it is stated and no other bytes went by that
// name lately.
func (a *attempt) tag() string {
	if !a.j.Stated.SHA256.IsZero() && a.j.Last == 0 {
		return `"` + a.j.Stated.SHA256.String() + `"`
	}
	return `"` + a.j.Key.String()[:32] + "-" + strconv.FormatInt(a.j.Attempt, 36) + `"`
}

// modified is the time that hosts are told: the origin's where it can be right.
func modified(told, now time.Time) time.Time {
	if told.IsZero() || told.Unix() <= 0 || told.After(now) {
		told = now
	}
	return told.UTC().Truncate(time.Second)
}

// snapshot returns the journal as it is now. a.mu is held.
func (a *attempt) snapshot() *journal {
	j := a.j
	j.Here, j.Durable = slices.Clone(a.plan.here), slices.Clone(a.durable)
	j.Handed = a.handed
	a.unnoted = 0
	return &j
}

// save writes the journal, after making durable what is here where sync is set. It is
// not called concurrently.
func (a *attempt) save(sync bool) error {
	a.mu.Lock()
	if !a.begun {
		a.mu.Unlock()
		return nil
	}
	here := slices.Clone(a.plan.here)
	unsynced := a.unsynced
	a.mu.Unlock()
	if sync {
		if err := a.pool.sync(a.file); err != nil {
			return err
		}
	}
	a.mu.Lock()
	if sync {
		a.durable = here
		a.unsynced -= unsynced
	}
	j := a.snapshot()
	a.mu.Unlock()
	return j.write(a.pool.dir, sync)
}

// limit is up to where readers may read, bytes permitting. a.mu is held.
func (a *attempt) limit() int64 {
	switch {
	case a.right:
		return a.plan.size
	case a.job.Verified:
		return 0
	}
	return a.plan.size - heldBack
}

// close ends the attempt for its readers, with err, and lets the file go. Nobody fetches
// or hashes any more.
func (a *attempt) close(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
	}
	a.wakeThose(func(*reader) bool { return true })
	if a.file == nil {
		return nil
	}
	f := a.file
	a.file = nil
	return f.Close()
}

// notify wakes who waits on a channel of size 1.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// meter measures the rate of an origin while bytes are under way.
type meter struct {
	from  time.Time
	bytes int64
}

// count notes n bytes and updates the rate every twentieth of a second.
func (m *meter) count(n int64, now time.Time, p *pace) {
	p.came += n
	if m.from.IsZero() {
		m.from = now
		return // the first bytes have waited for others to pass
	}
	m.bytes += n
	passed := now.Sub(m.from)
	if passed < 50*time.Millisecond && (p.rate != 0 || m.bytes < firstRequest/2) || passed <= 0 {
		return
	}
	sample := float64(m.bytes) / passed.Seconds()
	if p.rate == 0 {
		p.rate = sample
	}
	p.rate = 0.7*p.rate + 0.3*sample
	p.spread.look(p.rate, now)
	m.from, m.bytes = now, 0
}

// rest forgets what was begun, since nothing comes now.
func (m *meter) rest() { *m = meter{} }

// contextCause returns why ctx ended, or err while it has not.
func contextCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
