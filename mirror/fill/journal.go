package fill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

const (
	journalFormat = 1
	journalSuffix = ".json"
	partSuffix    = ".part"
	// maxJournal bounds a journal that is read back, in bytes: a map of a file that is
	// here in pieces of the least size.
	maxJournal = 16 << 20
)

// journal is what must be remembered to go on with a file. It stands beside the bytes as
// JSON and is replaced by rename. It names bytes only when they are in the file: those
// of Here as long as the machine runs (Boot), those of Durable also after a loss of
// power.
type journal struct {
	Format     int               `json:"format"`
	Key        layout.Digest     `json:"key"`
	URL        string            `json:"url"`
	Stated     stated            `json:"stated"`
	Validators layout.Validators `json:"validators"` // of the origin
	Size       int64             `json:"size"`       // bytes; -1: nobody has told yet
	ETag       string            `json:"etag"`
	Modified   time.Time         `json:"modified"`      // what hosts are told
	Told       time.Time         `json:"told,omitzero"` // Last-Modified of the origin
	// Attempt names the attempt, and its data file: Unix milliseconds, each later one
	// greater. Zero: there is no attempt, the journal only remembers.
	Attempt   int64         `json:"attempt"`
	Last      int64         `json:"last,omitempty"` // attempt that was given up before
	Here      extents       `json:"here,omitempty"`
	Durable   extents       `json:"durable,omitempty"`
	Boot      string        `json:"boot,omitempty"`
	Fetched   int64         `json:"fetched,omitempty"`
	TLSKey    layout.Digest `json:"tls_key,omitzero"`
	Handed    bool          `json:"handed,omitempty"` // bytes left before the whole was right
	Restarted time.Time     `json:"restarted,omitzero"`
	Refused   int           `json:"refused,omitempty"` // times in a row that the bytes were wrong
	Until     time.Time     `json:"until,omitzero"`    // not to be fetched again before
	Why       string        `json:"why,omitempty"`     // of the last refusal
}

// stated is what is said of a file: of another size or digest it is another file.
type stated struct {
	Size   int64         `json:"size,omitempty"`
	SHA256 layout.Digest `json:"sha256,omitzero"`
	SHA1   layout.SHA1   `json:"sha1,omitzero"`
	MD5    layout.MD5    `json:"md5,omitzero"`
}

func statedOf(f layout.File) stated { return stated{f.Size, f.SHA256, f.SHA1, f.MD5} }

// vouched reports whether a digest tells a right file from a wrong one.
func (s stated) vouched() bool { return !s.SHA256.IsZero() || !s.SHA1.IsZero() }

// check compares what came with what is stated.
func (s stated) check(got layout.Got) error {
	switch {
	case s.Size > 0 && got.Size != s.Size:
		return mismatch("size", strconv.FormatInt(s.Size, 10), strconv.FormatInt(got.Size, 10))
	case !s.SHA256.IsZero() && got.SHA256 != s.SHA256:
		return mismatch("sha256", s.SHA256.String(), got.SHA256.String())
	case !s.SHA1.IsZero() && got.SHA1 != s.SHA1:
		return mismatch("sha1", s.SHA1.String(), got.SHA1.String())
	case !s.MD5.IsZero() && got.MD5 != s.MD5:
		return mismatch("md5", s.MD5.String(), got.MD5.String())
	}
	return nil
}

func mismatch(what, want, got string) error {
	return &layout.MismatchError{What: what, Want: want, Got: got}
}

// dataName is the name of the file with the bytes of an attempt.
func (j *journal) dataName() string {
	return fmt.Sprintf("%s-%s%s", j.Key, strconv.FormatInt(j.Attempt, 36), partSuffix)
}

// kept returns which bytes can be relied on.
func (j *journal) kept() extents {
	if j.Boot != "" && j.Boot == durable.Boot() {
		return j.Here
	}
	return j.Durable
}

// usable reports whether there is an attempt to go on with for what is stated.
func (j *journal) usable(s stated) bool {
	return j.Attempt != 0 && j.Size >= 0 && j.Stated == s && j.ETag != "" && j.kept().valid(j.Size)
}

// remembers reports whether a journal without bytes is still of use.
func (j *journal) remembers(now time.Time) bool {
	return now.Before(j.Until) || !j.Restarted.IsZero() && now.Sub(j.Restarted) < restartedFor
}

// readJournal reads what is known of a key; fs.ErrNotExist where that is nothing.
func readJournal(dir string, key layout.Digest) (journal, error) {
	f, err := os.Open(filepath.Join(dir, key.String()+journalSuffix))
	if err != nil {
		return journal{}, err
	}
	j, err := decodeJournal(f)
	if err == nil && j.Key != key {
		err = fmt.Errorf("journal of %s names %s", key, j.Key)
	}
	return j, errors.Join(err, f.Close())
}

func decodeJournal(r io.Reader) (journal, error) {
	var j journal
	d := json.NewDecoder(io.LimitReader(r, maxJournal))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return journal{}, err
	}
	if j.Format != journalFormat {
		return journal{}, fmt.Errorf("journal of format %d, want %d", j.Format, journalFormat)
	}
	if j.Attempt < 0 || j.Size < -1 || j.Refused < 0 || j.Fetched < 0 {
		return journal{}, errors.New("journal with negative counts")
	}
	return j, nil
}

// write replaces the journal in dir. With wait it waits for the disk.
func (j *journal) write(dir string, wait bool) error {
	j.Format, j.Boot = journalFormat, durable.Boot()
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return durable.Rewrite(filepath.Join(dir, j.Key.String()+journalSuffix), 0o644, b, wait)
}
