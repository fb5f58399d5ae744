package fill

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"patchferry/layout"
)

// hashSize is how much is hashed at once, in bytes.
const hashSize = 256 << 10

// digests are those of the beginning of a file.
type digests struct {
	sha256 hash.Hash
	sha1   hash.Hash
	md5    hash.Hash // nil unless one is stated
	offset int64     // bytes hashed
}

func newDigests(s stated) *digests {
	d := &digests{sha256: sha256.New(), sha1: sha1.New()}
	if !s.MD5.IsZero() {
		d.md5 = md5.New()
	}
	return d
}

// write hashes b, each digest beside the other: hosts wait for the last bytes of a file
// until all of it is hashed, which is all at the end where its parts came out of order.
func (d *digests) write(b []byte) {
	var beside sync.WaitGroup
	beside.Go(func() { d.sha1.Write(b) })
	if d.md5 != nil {
		beside.Go(func() { d.md5.Write(b) })
	}
	d.sha256.Write(b)
	beside.Wait()
	d.offset += int64(len(b))
}

// sum puts the digests into got.
func (d *digests) sum(got *layout.Got) {
	got.Size = d.offset
	got.SHA256 = layout.Digest(d.sha256.Sum(nil))
	got.SHA1 = layout.SHA1(d.sha1.Sum(nil))
	if d.md5 != nil {
		got.MD5 = layout.MD5(d.md5.Sum(nil))
	}
}

// hash follows the file as it grows, from its beginning and without a gap, reading back
// what came, and returns when all of it is hashed, or ctx ends.
func (a *attempt) hash(ctx context.Context) (layout.Got, error) {
	d := newDigests(a.j.Stated)
	buf := make([]byte, hashSize)
	for {
		file, reach, size := a.hashable()
		for d.offset < reach {
			b := buf[:min(hashSize, reach-d.offset)]
			if err := readFull(file, b, d.offset); err != nil {
				return layout.Got{}, &diskError{fmt.Errorf("read back what came: %w", err)}
			}
			d.write(b)
			if ctx.Err() != nil {
				return layout.Got{}, context.Cause(ctx)
			}
		}
		if size >= 0 && d.offset >= size {
			a.mu.Lock()
			got := a.got
			got.Validators, got.TLSKey, got.Fetched = a.j.Validators, a.j.TLSKey, a.j.Fetched
			a.mu.Unlock()
			d.sum(&got)
			return got, nil
		}
		select {
		case <-a.hashed:
		case <-ctx.Done():
			return layout.Got{}, context.Cause(ctx)
		}
	}
}

// hashable returns up to where the file can be hashed, and its size, -1 while nobody
// knows that.
func (a *attempt) hashable() (*os.File, int64, int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun {
		return nil, 0, -1
	}
	a.hashedTo = a.plan.here.reach(0)
	return a.file, a.hashedTo, a.plan.size
}

// feed wakes the hasher when there is enough to hash. a.mu is held.
func (a *attempt) feed() {
	reach := a.plan.here.reach(0)
	if reach-a.hashedTo >= hashSize || a.begun && reach >= a.plan.size {
		notify(a.hashed)
	}
}

func readFull(f *os.File, b []byte, offset int64) error {
	n, err := f.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
