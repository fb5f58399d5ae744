package fill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

const (
	// refusedFor is how long a file that was not what it should be is not fetched again;
	// twice as long each time, up to mostRefused.
	refusedFor  = 5 * time.Minute
	mostRefused = 6 * time.Hour
	// firstAdmit and longestAdmit bound the time between attempts to admit a file.
	firstAdmit   = time.Second
	longestAdmit = time.Minute
)

// wrongError is a file that came whole and is not what is stated.
type wrongError struct {
	got layout.Got
	err error
}

func (e *wrongError) Error() string { return e.err.Error() }
func (e *wrongError) Unwrap() error { return e.err }

// allow hands out the rest: the file is right.
func (a *attempt) allow(got layout.Got) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got, a.right = got, true
	a.wakeThose(func(r *reader) bool {
		r.told = a.offer(r, true)
		return r.told > r.at
	})
}

// admit makes a right file durable, hands it over, and keeps it for those who read it.
func (f *fill) admit(ctx context.Context, a *attempt, got layout.Got) error {
	p := f.pool
	p.mu.Lock()
	p.stats.Completed++
	f.completed = true
	p.mu.Unlock()
	done := Done{Got: got, ETag: a.j.ETag, Modified: a.j.Modified, Restarted: a.j.Restarted}
	pause := firstAdmit
	for {
		err := a.save(true)
		if err == nil && a.job.Admit != nil {
			err = a.job.Admit(ctx, a.path, done)
		}
		if err == nil {
			return f.linger(ctx, a)
		}
		if _, wrong := errors.AsType[*layout.MismatchError](err); wrong {
			return &wrongError{got, err}
		}
		p.log().Warn("file was not admitted", "file", a.job.File.Name, "err", err)
		if f.unused() >= p.idle() && f.retire() {
			return fmt.Errorf("admit: %w", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause = min(2*pause, longestAdmit)
	}
}

// linger keeps an admitted file where it is until nobody has read it for a while.
func (f *fill) linger(ctx context.Context, a *attempt) error {
	p := f.pool
	if err := durable.Remove(filepath.Join(p.dir, a.j.Key.String()+journalSuffix)); err != nil {
		return err
	}
	if err := p.reserve(a.job.Key, 0); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := p.linger()
		if unused := f.unused(); unused >= wait && f.retire() {
			return nil
		} else if unused >= 0 {
			wait -= unused
		}
		timer.Reset(max(wait, time.Millisecond))
		select {
		case <-f.kick:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// check holds what came against what is stated, and against what was taken back.
func (a *attempt) check(got layout.Got) error {
	if err := a.j.Stated.check(got); err != nil {
		return err
	}
	if a.job.Revoked != nil && a.job.Revoked(got.SHA256) {
		return mismatch("sha256", "one that was not taken back", got.SHA256.String())
	}
	return nil
}

// recall returns what is known of the file from before, and an error while it is not to
// be fetched again.
func (f *fill) recall(job Job) (journal, error) {
	p := f.pool
	j, err := readJournal(p.dir, job.Key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log().Warn("journal of a file is of no use", "file", job.File.Name, "err", err)
	}
	if err != nil {
		return journal{}, p.removeData(job.Key)
	}
	now := p.now()
	if !j.Restarted.IsZero() && now.Sub(j.Restarted) >= restartedFor {
		j.Restarted = time.Time{}
	}
	if j.Stated != statedOf(job.File) {
		j.Refused, j.Until = 0, time.Time{}
	}
	if now.Before(j.Until) {
		return j, &layout.LaterError{After: j.Until.Sub(now).Truncate(time.Second) + time.Second, Err: errors.New(j.Why)}
	}
	return j, nil
}

// close ends an attempt that no other follows.
func (f *fill) close(a *attempt, err error) error {
	f.shut() // who asks from now on begins anew, once this has ended
	if wrong, ok := errors.AsType[*wrongError](err); ok {
		_, derr := f.discard(a, wrong, wrong)
		return errors.Join(wrong, derr)
	}
	if err == nil {
		return errors.Join(a.close(os.ErrClosed), durable.Remove(a.path))
	}
	if serr := a.save(true); serr != nil && !isFull(serr) {
		// The journal of before has to do.
		f.pool.log().Warn("what is here of a file was not kept", "file", a.job.File.Name, "err", serr)
	}
	begun := a.isBegun()
	cerr := a.close(err)
	if !begun {
		cerr = errors.Join(cerr, durable.Remove(a.path))
	}
	if cerr != nil {
		f.pool.log().Warn("close what is here of a file", "file", a.job.File.Name, "err", cerr)
	}
	return err
}

// discard gives an attempt up. Its readers end in err; wrong, where it is set, says what
// came. It returns what is remembered.
func (f *fill) discard(a *attempt, err error, wrong *wrongError) (journal, error) {
	p := f.pool
	f.show(nil, nil)
	a.mu.Lock()
	a.right = false
	j := *a.snapshot()
	a.mu.Unlock()
	tomb := j.given(p.now())
	p.mu.Lock()
	if wrong == nil {
		p.stats.Restarted++
	} else {
		p.stats.Refused++
		tomb.Refused++
		tomb.Until = p.now().Add(min(refusedFor<<min(tomb.Refused-1, 16), mostRefused))
		tomb.Why = wrong.Error()
	}
	p.mu.Unlock()
	// Remembered before anybody hears of it, and before the bytes go: nobody must go on
	// with them.
	terr := tomb.write(p.dir, true)
	if wrong != nil && a.job.Refused != nil && wrong.got.Size > 0 {
		a.job.Refused(a.path, wrong.got, wrong.err)
	}
	cerr := a.close(err)
	if rerr := durable.Remove(a.path); rerr != nil { // the next Open does it
		p.log().Warn("file that was given up is still there", "path", a.path, "err", rerr)
	}
	return tomb, errors.Join(terr, cerr)
}

// over ends the fill: who waits for it hears of err, and what is left is noted.
func (f *fill) over(job Job, err error) {
	p := f.pool
	if err == nil {
		err = os.ErrClosed
	}
	f.show(nil, err)
	j, jerr := readJournal(p.dir, job.Key)
	p.mu.Lock()
	defer p.mu.Unlock()
	f.closing = true
	delete(p.live, job.Key)
	p.used -= f.reserved
	if jerr == nil {
		r := resting{touched: p.now()}
		if j.usable(j.Stated) {
			r.data, r.size = j.dataName(), j.Size
		}
		p.rest[job.Key] = r
		p.used += r.size
	}
	close(f.ended)
}

// removeData removes what data files there are of a key.
func (p *Pool) removeData(key layout.Digest) error {
	entries, err := os.ReadDir(p.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), key.String()+"-") {
			err = errors.Join(err, durable.Remove(filepath.Join(p.dir, e.Name())))
		}
	}
	return err
}

// logURL is a URL as a log may have it: a query may be a key that lets others in.
func logURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return strconv.Quote(s)
	}
	u.RawQuery, u.User, u.Fragment = "", nil, ""
	return u.String()
}
