package upstream

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// Names beside the wanted path.
const (
	partSuffix    = ".part" // the bytes so far
	journalSuffix = ".json" // what is known of them
	badSuffix     = ".bad"  // complete and wrong
)

const (
	// journalFrom is the first offset at which the journal of a file that is
	// still coming is worth its write.
	journalFrom = 2 * chunk
	// syncEvery is how many bytes a power loss may cost.
	syncEvery = 32 << 20
	// maxJournal bounds the journal that is read back.
	maxJournal = 16 << 10
)

// journal is what must be remembered to go on with a partial file. It is
// written beside it as JSON, by rename, and names bytes only after they were
// synced: Synced is good after a power loss, the length of the file itself as
// long as the machine runs (Boot).
type journal struct {
	URL        string            `json:"url"`
	Validators layout.Validators `json:"validators"`
	DateStrong bool              `json:"date_strong,omitempty"` // Last-Modified may stand in If-Range
	Total      int64             `json:"total"`                 // bytes; -1 is unknown
	Synced     int64             `json:"synced"`
	Boot       string            `json:"boot,omitempty"`
	TLSKey     layout.Digest     `json:"tls_key,omitzero"`
}

// partial is a file that is being fetched.
//
// Invariants: the file holds exactly offset bytes of the one content that j
// describes, and the digests are of these bytes.
type partial struct {
	path     string // of the complete file
	file     *os.File
	j        journal
	offset   int64
	best     int64 // the largest offset so far: what counts as progress
	recorded bool  // a journal is on disk
	resume   bool  // the journal allows going on later
	resumed  bool  // bytes of an earlier response were kept
	sha256   hash.Hash
	sha1     hash.Hash
	md5      hash.Hash // nil unless an MD5 was stated
}

func newPartial(w layout.Want) *partial {
	p := &partial{path: w.Path, sha256: sha256.New(), sha1: sha1.New()}
	if !w.MD5.IsZero() {
		p.md5 = md5.New()
	}
	return p
}

// openPartial opens or makes the partial file of w, and takes over what an
// earlier run left of the same URL.
func openPartial(w layout.Want) (*partial, error) {
	p := newPartial(w)
	f, err := os.OpenFile(p.path+partSuffix, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	p.file = f
	if err := p.takeOver(w); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

func (p *partial) takeOver(w layout.Want) error {
	j, err := readJournal(p.path + journalSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return p.reset()
	}
	info, statErr := p.file.Stat()
	if statErr != nil {
		return statErr
	}
	keep := j.Synced
	if j.Boot != "" && j.Boot == durable.Boot() {
		keep = info.Size()
	}
	p.recorded = true
	if err != nil || j.URL != w.URL || keep > info.Size() || keep <= 0 ||
		j.Total >= 0 && keep > j.Total || w.Size > 0 && j.Total >= 0 && j.Total != w.Size {
		return p.reset()
	}
	if err := p.rehash(keep); err != nil {
		return fmt.Errorf("read back what is there: %w", err)
	}
	p.j, p.offset, p.best, p.resume, p.resumed = j, keep, keep, true, true
	return p.file.Truncate(keep)
}

func (p *partial) rehash(n int64) error {
	w := io.MultiWriter(p.sha256, p.sha1)
	if p.md5 != nil {
		w = io.MultiWriter(w, p.md5)
	}
	_, err := io.CopyN(w, p.file, n)
	return err
}

// reset forgets all bytes, and the journal with them. It remembers how far
// they went: what came once before is no progress.
func (p *partial) reset() error {
	if p.recorded {
		if err := durable.Remove(p.path + journalSuffix); err != nil {
			return err
		}
	}
	p.j, p.offset = journal{Total: -1}, 0
	p.recorded, p.resume, p.resumed = false, false, false
	p.sha256.Reset()
	p.sha1.Reset()
	if p.md5 != nil {
		p.md5.Reset()
	}
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// Write appends b.
func (p *partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	if err != nil {
		return n, err
	}
	p.sha256.Write(b)
	p.sha1.Write(b)
	if p.md5 != nil {
		p.md5.Write(b)
	}
	p.offset += int64(n)
	p.best = max(p.best, p.offset)
	return n, p.note()
}

// note writes the journal where it is due: when enough is here, and when all is,
// however little, for whoever is killed while the file is synced and admitted.
func (p *partial) note() error {
	done := p.j.Total >= 0 && p.offset >= p.j.Total
	if !p.resume || !done && p.offset < journalFrom {
		return nil
	}
	if !done && p.offset-p.j.Synced >= syncEvery {
		return p.sync()
	}
	if !p.recorded {
		return p.record()
	}
	return nil
}

// sync makes the bytes durable and then says so in the journal.
func (p *partial) sync() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.j.Synced = p.offset
	return p.record()
}

func (p *partial) record() error {
	p.j.Boot = durable.Boot()
	b, err := json.Marshal(p.j)
	if err != nil {
		return err
	}
	if err := durable.Rewrite(p.path+journalSuffix, 0o644, b, false); err != nil {
		return err
	}
	p.recorded = true
	return nil
}

// suspend closes the file and keeps what can be used later.
func (p *partial) suspend() error {
	if p.offset == 0 || !p.resume {
		return p.discard()
	}
	if err := p.sync(); err != nil && !p.recorded {
		return errors.Join(err, p.discard())
	}
	// On a full disk the journal of before has to do: it is as good as long as
	// the machine runs.
	return p.file.Close()
}

// discard closes the file and removes all traces.
func (p *partial) discard() error {
	err := errors.Join(p.file.Close(), durable.Remove(p.path+partSuffix))
	if p.recorded {
		err = errors.Join(err, durable.Remove(p.path+journalSuffix))
	}
	return err
}

// finish makes the bytes durable and gives them the name that is wanted,
// badSuffix added where they are wrong. A journal stays beside a right file, so
// that a caller who dies before the file is where it belongs finds it again.
func (p *partial) finish(suffix string) error {
	if err := p.file.Sync(); err != nil {
		return errors.Join(err, p.file.Close())
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(p.path+partSuffix, p.path+suffix); err != nil {
		return err
	}
	if p.recorded && suffix != "" {
		return durable.Remove(p.path + journalSuffix)
	}
	return nil
}

// openComplete returns the file that an earlier call for w brought here whole
// and nobody has discarded, with what is known of it, or nil. It is open for
// reading only: it may be an object of a store by now. A partial file is newer
// than what it stands beside, and the journal is then its own.
func openComplete(w layout.Want) (*partial, error) {
	j, err := readJournal(w.Path + journalSuffix)
	if err != nil || j.URL != w.URL || j.Total <= 0 || w.Size > 0 && w.Size != j.Total {
		return nil, nil
	}
	if _, err := os.Lstat(w.Path + partSuffix); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f, err := os.Open(w.Path)
	if err != nil {
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil || info.Size() != j.Total {
		return nil, f.Close()
	}
	p := newPartial(w)
	p.file, p.j, p.offset = f, j, j.Total
	if err := p.rehash(j.Total); err != nil {
		return nil, errors.Join(fmt.Errorf("read back what is there: %w", err), f.Close())
	}
	return p, nil
}

// check compares the complete file with what w states.
func (p *partial) check(w layout.Want, got *layout.Got) error {
	got.Size = p.offset
	got.SHA256 = layout.Digest(p.sha256.Sum(nil))
	got.SHA1 = layout.SHA1(p.sha1.Sum(nil))
	if p.md5 != nil {
		got.MD5 = layout.MD5(p.md5.Sum(nil))
	}
	switch {
	case w.Size > 0 && got.Size != w.Size:
		return mismatch("size", fmt.Sprint(w.Size), fmt.Sprint(got.Size))
	case !w.SHA256.IsZero() && got.SHA256 != w.SHA256:
		return mismatch("sha256", w.SHA256.String(), got.SHA256.String())
	case !w.SHA1.IsZero() && got.SHA1 != w.SHA1:
		return mismatch("sha1", w.SHA1.String(), got.SHA1.String())
	case !w.MD5.IsZero() && got.MD5 != w.MD5:
		return mismatch("md5", w.MD5.String(), got.MD5.String())
	}
	return nil
}

func readJournal(name string) (journal, error) {
	f, err := os.Open(name)
	if err != nil {
		return journal{}, err
	}
	defer f.Close()
	var j journal
	err = json.NewDecoder(io.LimitReader(f, maxJournal)).Decode(&j)
	return j, err
}
