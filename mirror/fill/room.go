package fill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// noRoomFor is when to ask again where there was no room.
const noRoomFor = time.Minute

// find reads the folder: journals of files that can be gone on with are noted, all else
// that a Pool writes is removed.
func (p *Pool) find() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), journalSuffix)
		key, err := layout.ParseDigest(digits)
		if !ok || err != nil {
			continue
		}
		if r, ok := p.found(key, e); ok {
			p.rest[key] = r
			p.used += r.size
			wanted[e.Name()], wanted[r.data] = true, true
		}
	}
	for _, e := range entries {
		ours := slices.Contains([]string{journalSuffix, durable.NewSuffix, partSuffix}, filepath.Ext(e.Name()))
		if ours && !wanted[e.Name()] && e.Type().IsRegular() {
			err = errors.Join(err, durable.Remove(filepath.Join(p.dir, e.Name())))
		}
	}
	return err
}

// found returns what a journal tells of, if that is still of use.
func (p *Pool) found(key layout.Digest, e os.DirEntry) (resting, bool) {
	j, err := readJournal(p.dir, key)
	if err != nil {
		return resting{}, false
	}
	info, err := e.Info()
	if err != nil {
		return resting{}, false
	}
	r := resting{touched: info.ModTime()}
	if j.usable(j.Stated) {
		r.data, r.size = j.dataName(), j.Size
	}
	return r, r.data != "" || j.remembers(p.now())
}

// reserve makes room for n bytes of a live file, which replace what was reserved for it.
func (p *Pool) reserve(key layout.Digest, n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.live[key]
	if f == nil || n == f.reserved {
		return nil
	}
	if p.Quota > 0 && n > p.Quota {
		return fmt.Errorf("the file has %d bytes and all files under way may have %d: raise the quota of fills", n, p.Quota)
	}
	more := n - f.reserved
	if err := p.evict(more); err != nil {
		return err
	}
	if p.Quota > 0 && more > 0 && p.used+more > p.Quota {
		return &layout.LaterError{After: noRoomFor, Err: fmt.Errorf("no room for %d bytes: other files under way take %d of %d", n, p.used-f.reserved, p.Quota)}
	}
	p.used += more
	f.reserved = n
	return nil
}

// evict removes files that nobody uses: those that were kept long enough, and the longest
// untouched ones until there is room for more bytes. p.mu is held.
func (p *Pool) evict(more int64) error {
	var keys []layout.Digest
	for key, r := range p.rest {
		switch {
		case p.now().Sub(r.touched) >= p.keep():
			if err := p.drop(key, r); err != nil {
				return err
			}
		case r.data != "":
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b layout.Digest) int { return p.rest[a].touched.Compare(p.rest[b].touched) })
	for _, key := range keys {
		if p.Quota == 0 || p.used+more <= p.Quota {
			return nil
		}
		if err := p.drop(key, p.rest[key]); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a file that is here in part. Its journal stays where it tells more than
// of the bytes. p.mu is held.
func (p *Pool) drop(key layout.Digest, r resting) error {
	delete(p.rest, key)
	p.used -= r.size
	if r.data == "" {
		return durable.Remove(filepath.Join(p.dir, key.String()+journalSuffix))
	}
	p.stats.Evicted++
	j, err := readJournal(p.dir, key)
	if err == nil && (j.Handed || j.remembers(p.now())) {
		tomb := j.given(p.now())
		if err := tomb.write(p.dir, true); err != nil {
			return err
		}
		p.rest[key] = resting{touched: p.now()}
		return durable.Remove(filepath.Join(p.dir, r.data))
	}
	return errors.Join(durable.Remove(filepath.Join(p.dir, key.String()+journalSuffix)), durable.Remove(filepath.Join(p.dir, r.data)))
}

// given returns what is to be remembered of an attempt that is given up.
func (j *journal) given(now time.Time) journal {
	tomb := journal{
		Key: j.Key, URL: j.URL, Stated: j.Stated, Size: -1, Last: max(j.Attempt, j.Last),
		Fetched: j.Fetched, Restarted: j.Restarted, Refused: j.Refused, Until: j.Until, Why: j.Why,
	}
	if j.Handed {
		tomb.Restarted = now
	}
	return tomb
}
