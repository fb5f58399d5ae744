package fill

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"patchferry/layout"
)

// readSize is how much is read from an origin at once, in bytes.
const readSize = 128 << 10

var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// fetch asks for s and takes what comes.
func (a *attempt) fetch(ctx context.Context, origin Origin, url string, s span) {
	rest, err := a.part(ctx, origin, url, s)
	a.mu.Lock()
	a.plan.ended(rest)
	if a.plan.flying == 0 {
		a.meter.rest()
	}
	a.wake(max(rest.Start-1, 0), true)
	a.judge(ctx, url, err)
	a.mu.Unlock()
	a.pool.letConnection()
	notify(a.kick)
	notify(a.hashed)
}

// part makes one request. It returns what was asked for and did not come.
func (a *attempt) part(ctx context.Context, origin Origin, url string, s span) (rest span, err error) {
	a.mu.Lock()
	r := layout.PartRequest{URL: url, Start: s.Start, End: s.End}
	if a.begun && !a.loose {
		r.If = a.j.Validators
	}
	a.mu.Unlock()
	asked := a.pool.now()
	answer, err := origin.Part(ctx, r)
	if err != nil {
		return s, err
	}
	defer func() { _ = answer.Body.Close() }() // what its end has to say was said by its last read
	a.mu.Lock()
	a.plan.pace.wait = smooth(a.plan.pace.wait, a.pool.now().Sub(asked))
	a.mu.Unlock()
	s, err = a.accept(s, answer)
	if err != nil {
		return s, err
	}
	return a.receive(ctx, s, answer.Body)
}

// mostWait bounds what counts as the way of a request: more is somebody's limit of rate.
const mostWait = time.Second

func smooth(was, is time.Duration) time.Duration {
	is = min(is, mostWait)
	if was == 0 {
		return is
	}
	return (3*was + is) / 4
}

// accept holds an answer against what was asked for and what is known. It returns which
// bytes will come; the end is less than 0 where nobody can tell.
func (a *attempt) accept(s span, part layout.Part) (span, error) {
	a.mu.Lock()
	begun, size, was := a.begun, a.j.Size, a.j.Validators
	a.mu.Unlock()
	if !part.Whole && (part.Start != s.Start || part.End <= part.Start || part.End > s.End && s.End >= 0) {
		return s, &answerError{fmt.Sprintf("has bytes %d to %d, asked for %d to %d", part.Start, part.End, s.Start, s.End)}
	}
	total := part.Total
	if part.Whole && total < 0 {
		total = part.End
	}
	if begun && !a.loose {
		if err := differ(was, size, part.Validators, total); err != nil {
			return s, err
		}
	}
	if begun && total >= 0 && total != size {
		return s, &changedError{"length", fmt.Sprint(size), fmt.Sprint(total)}
	}
	if !begun {
		return a.first(s, part, total)
	}
	if part.Whole {
		return a.stream(s, was)
	}
	return a.shorter(s, part.End), nil
}

// differ says what tells two answers apart.
func differ(was layout.Validators, size int64, is layout.Validators, total int64) error {
	switch {
	case total >= 0 && size >= 0 && total != size:
		return &changedError{"length", fmt.Sprint(size), fmt.Sprint(total)}
	case was.ETag != "" && is.ETag != "" && was.ETag != is.ETag:
		return &changedError{"ETag", was.ETag, is.ETag}
	case was.LastModified != "" && is.LastModified != "" && was.LastModified != is.LastModified:
		return &changedError{"date", was.LastModified, is.LastModified}
	}
	return nil
}

// first takes the first answer of an attempt, which says what the file is.
func (a *attempt) first(s span, part layout.Part, total int64) (span, error) {
	stated := a.j.Stated.Size
	if total < 0 && stated > 0 {
		total = stated
	}
	if total < 0 && !part.Whole {
		return s, &answerError{"does not say how long the file is"}
	}
	if total >= 0 && stated > 0 && total != stated {
		return s, mismatch("size", fmt.Sprint(stated), fmt.Sprint(total))
	}
	if a.job.MaxSize > 0 && total > a.job.MaxSize {
		return s, fmt.Errorf("the file has %d bytes, the limit is %d", total, a.job.MaxSize)
	}
	if err := a.pool.reserve(a.job.Key, max(total, 0)); err != nil {
		return s, err
	}
	if err := a.fix(total, part, a.pool.now()); err != nil {
		return s, &diskError{fmt.Errorf("write the journal: %w", err)}
	}
	notify(a.kick)
	if part.Whole {
		return a.stream(s, part.Validators)
	}
	return a.shorter(s, part.End), nil
}

// stream makes one request of all that is missing, of an answer with the whole file.
func (a *attempt) stream(s span, was layout.Validators) (span, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan.most = 1 // an origin like this one is asked for one thing at a time
	if a.plan.flying > 1 {
		return s, errBusy
	}
	if len(a.plan.here) > 0 && was.IsZero() && !a.j.Stated.vouched() {
		return s, &changedError{"state", "one that had no validators", "perhaps another"}
	}
	whole := span{0, max(a.j.Size, 0)}
	a.plan.coming += whole.size() - s.size()
	a.plan.covered.add(whole)
	if a.j.Size < 0 {
		whole.End = -1
	}
	return whole, nil
}

// shorter takes back what was asked for and will not come.
func (a *attempt) shorter(s span, end int64) span {
	if end == s.End {
		return s
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	rest := span{end, s.End}
	a.plan.coming -= rest.size()
	a.plan.covered.remove(rest)
	return span{s.Start, end}
}

// receive writes the body to its place. Of what has no known end it sets the size.
func (a *attempt) receive(ctx context.Context, s span, body io.Reader) (span, error) {
	buf := buffers.Get().(*[readSize]byte)
	defer buffers.Put(buf)
	open := s.End < 0
	for open || s.Start < s.End {
		b := buf[:]
		if !open && s.size() < readSize {
			b = buf[:s.size()]
		}
		n, err := body.Read(b)
		if werr := a.take(s.Start, b[:n], open); werr != nil {
			return closed(s, open), werr
		}
		s.Start += int64(n)
		if err == io.EOF && open {
			return span{}, a.settle(s.Start)
		}
		if err == io.EOF && s.Start < s.End {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return closed(s, open), &bodyError{contextCause(ctx, err)}
		}
	}
	if n, _ := body.Read(buf[:1]); n > 0 {
		return s, &answerError{"is longer than it said"}
	}
	return s, nil
}

// closed returns what is left of s; nothing where that has no known end.
func closed(s span, open bool) span {
	if open {
		return span{s.Start, s.Start}
	}
	return s
}

// take writes what came of the byte at and those after it.
func (a *attempt) take(at int64, b []byte, open bool) error {
	if len(b) == 0 {
		return nil
	}
	end := at + int64(len(b))
	a.pool.fetched.Add(int64(len(b)))
	if open {
		if a.job.MaxSize > 0 && end > a.job.MaxSize {
			return fmt.Errorf("the file is larger than the limit of %d bytes", a.job.MaxSize)
		}
		if err := a.pool.reserve(a.job.Key, end); err != nil {
			return err
		}
	}
	a.mu.Lock()
	file, gap := a.file, a.plan.here.gap(at, end)
	a.mu.Unlock()
	for gap.size() > 0 {
		if err := a.pool.write(file, b[gap.Start-at:gap.End-at], gap.Start); err != nil {
			return &diskError{fmt.Errorf("write what came: %w", err)}
		}
		a.mu.Lock()
		a.plan.here.add(gap)
		gap = a.plan.here.gap(gap.End, end)
		a.mu.Unlock()
	}
	a.came(span{at, end}, open)
	return nil
}

// came notes bytes that were written and wakes who needs them.
func (a *attempt) came(s span, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := s.size()
	a.j.Fetched += n
	a.unsynced += n
	a.unnoted += n
	a.meter.count(n, a.pool.now(), &a.plan.pace)
	if open {
		a.plan.covered.add(s)
	} else {
		a.plan.came(s)
	}
	if a.trouble.passed(n) {
		notify(a.kick)
	}
	a.wake(s.Start, false)
	if !a.plan.full() && a.plan.hungry() || a.unsynced >= syncEvery || a.unnoted >= noteEvery {
		notify(a.kick)
	}
	a.feed()
}

// settle fixes the size of a file that came to an end that nobody had told.
func (a *attempt) settle(size int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.j.Size = size
	return a.begin()
}
