package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

func digestOf(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// random returns n bytes that no engine has seen.
func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data) // it never fails
	return data
}

// reads returns what was found where key does not hold want.
func (p *probe) reads(ctx context.Context, key string, want []byte) (string, error) {
	got, err := p.bucket.readBytes(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return "nothing stands under the key", nil
	}
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Sprintf("other bytes: %d in place of %d", len(got), len(want)), nil
	}
	return "", err
}

// absent returns what was found where key is there.
func (p *probe) absent(ctx context.Context, key string) (string, error) {
	got, err := p.bucket.readBytes(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		return fmt.Sprintf("the key is there, with %d bytes", len(got)), nil
	}
	return "", err
}

// maxScratch is the largest scratch object in bytes.
const maxScratch = 8 << 20

// readBytes reads a scratch object whole.
func (b *Bucket) readBytes(ctx context.Context, key string) ([]byte, error) {
	var doc []byte
	err := b.request(ctx, "read "+key, func(ctx context.Context, _ attempt) error {
		body, _, err := b.get(ctx, key)
		if err != nil {
			return err
		}
		doc, err = io.ReadAll(io.LimitReader(body, maxScratch))
		return errors.Join(err, body.Close())
	})
	return doc, err
}

// put writes a scratch key, create-only. Where an answer was lost nobody can
// tell who took the key, which is an error here.
func (p *probe) put(ctx context.Context, key string, doc []byte) (made bool, err error) {
	err = p.bucket.request(ctx, "write "+key, func(ctx context.Context, a attempt) error {
		made, err = p.bucket.putOnce(ctx, key, bytes.NewReader(doc), int64(len(doc)), digestOf(doc))
		if err == nil && !made && a.unclear {
			return breach("an answer was lost")
		}
		return err
	})
	return made && err == nil, err
}

func (p *probe) putGet(ctx context.Context) (string, error) { return p.roundTrip(ctx, "put", 100_000) }
func (p *probe) empty(ctx context.Context) (string, error)  { return p.roundTrip(ctx, "empty", 0) }

func (p *probe) roundTrip(ctx context.Context, name string, size int) (string, error) {
	key, doc := p.key(name), random(size)
	if _, err := p.put(ctx, key, doc); err != nil {
		return "", err
	}
	if found, err := p.reads(ctx, key, doc); found != "" || err != nil {
		return found, err
	}
	got, err := p.bucket.size(ctx, key)
	if err == nil && got != int64(size) {
		return fmt.Sprintf("a size of %d in place of %d", got, size), nil
	}
	return "", err
}

func (p *probe) missingKey(ctx context.Context) (string, error) {
	found := ""
	err := p.bucket.request(ctx, "read what is not there", func(ctx context.Context, _ attempt) error {
		_, err := p.bucket.sizeByGet(ctx, p.folder+"/missing")
		if x := known(ctx); err != nil && x.err == nil && x.status/100 == 4 && !x.missingKey() {
			found = "the answer " + x.said()
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return found, err
}

// refused makes a request that has to be refused with an answer of 4xx, and
// returns what was found where it is not.
func (p *probe) refused(ctx context.Context, op func(context.Context) error) (string, error) {
	var x exchange
	err := op(context.WithValue(ctx, exchangeKey{}, &x))
	switch {
	case err == nil:
		return "it was taken", nil
	case x.err == nil && x.status/100 == 4:
		return "", nil
	}
	return "", p.bucket.explain(&x, err)
}

func (p *probe) wrongDigest(ctx context.Context) (string, error) {
	key, doc := p.key("digest"), random(10_000)
	found, err := p.refused(ctx, func(ctx context.Context) error {
		_, err := p.bucket.putOnce(ctx, key, bytes.NewReader(doc), int64(len(doc)), digestOf([]byte("other")))
		return err
	})
	if found != "" || err != nil {
		return found, err
	}
	return p.absent(ctx, key)
}

func (p *probe) createOnly(ctx context.Context) (string, error) {
	key, doc := p.key("once"), random(1000)
	if made, err := p.put(ctx, key, doc); err != nil || !made {
		return "a new key is refused as taken", err
	}
	for _, again := range [][]byte{random(1000), doc} {
		made, err := p.put(ctx, key, again)
		if err != nil || made {
			return "it was written over", err
		}
	}
	return p.reads(ctx, key, doc)
}

func (p *probe) race(ctx context.Context) (string, error) {
	const rounds, writers = 3, 8
	for round := range rounds {
		key := p.key(fmt.Sprintf("race-%d", round))
		docs, made := make([][]byte, writers), make([]bool, writers)
		group, gctx := errgroup.WithContext(ctx)
		for i := range writers {
			docs[i] = random(1000)
			group.Go(func() (err error) {
				made[i], err = p.put(gctx, key, docs[i])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return "", err
		}
		winner := slices.Index(made, true)
		if winner < 0 || slices.Index(made[winner+1:], true) >= 0 {
			return fmt.Sprintf("winners: %v", made), nil
		}
		if found, err := p.reads(ctx, key, docs[winner]); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// torn announces twice the bytes that it sends, and ends the connection.
func (p *probe) torn(ctx context.Context) (string, error) {
	key, doc := p.key("torn"), random(200_000)
	broken := io.MultiReader(bytes.NewReader(doc[:len(doc)/2]), breakOff{})
	var x exchange
	_, err := p.bucket.putOnce(context.WithValue(ctx, exchangeKey{}, &x), key, broken, int64(len(doc)), digestOf(doc))
	if err == nil {
		return "half of it was taken for the whole", nil
	}
	if err := sleep(ctx, 100*time.Millisecond); err != nil { // the engine may still be busy with it
		return "", err
	}
	return p.absent(ctx, key)
}

// breakOff is the end of a body that ends too early.
type breakOff struct{}

func (breakOff) Read([]byte) (int, error) { return 0, errors.New("broken off on purpose") }

func (p *probe) ranges(ctx context.Context) (string, error) {
	key, doc := p.key("range"), random(10_000)
	if _, err := p.put(ctx, key, doc); err != nil {
		return "", err
	}
	for _, r := range []struct{ offset, n, end int64 }{{0, 1, 1}, {4000, 100, 4100}, {9000, -1, 10_000}, {9990, 100, 10_000}, {10_000, 5, 10_000}} {
		got, err := p.bucket.readRange(ctx, key, r.offset, r.n)
		if isContract(err) {
			return err.Error(), nil
		}
		if err != nil {
			return "", err
		}
		if !bytes.Equal(got, doc[r.offset:r.end]) {
			return fmt.Sprintf("%d other bytes in place of %d from %d on", len(got), r.end-r.offset, r.offset), nil
		}
	}
	return "", nil
}

func (b *Bucket) readRange(ctx context.Context, key string, offset, n int64) ([]byte, error) {
	r, err := b.openRange(ctx, key, offset, n)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func (p *probe) order(ctx context.Context) (string, error) {
	names := []string{"list/b/0", "list/a/1", "list/a/0", "list/c.x", "list/C", "list/0"}
	for _, name := range names {
		if _, err := p.put(ctx, p.key(name), []byte(name)); err != nil {
			return "", err
		}
	}
	slices.Sort(names)
	for i := range names {
		after := ""
		if i > 0 {
			after = p.folder + "/" + names[i-1]
		}
		var got []string
		for f, err := range p.bucket.list(ctx, p.folder+"/list", after) {
			if isContract(err) {
				return err.Error(), nil
			}
			if err != nil {
				return "", err
			}
			got = append(got, strings.TrimPrefix(f.key, p.folder+"/"))
		}
		if !slices.Equal(got, names[i:]) {
			return fmt.Sprintf("%q in place of %q", got, names[i:]), nil
		}
	}
	return "", nil
}

func (p *probe) deletes(ctx context.Context) (string, error) {
	key := p.key("delete")
	if _, err := p.put(ctx, key, []byte("delete")); err != nil {
		return "", err
	}
	for range 2 {
		if err := p.bucket.remove(ctx, "remove "+key, key); err != nil {
			return "", err
		}
		if found, err := p.absent(ctx, key); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

func (p *probe) clock(ctx context.Context) (string, error) {
	met, err := p.meet(ctx)
	if err != nil {
		return "", err
	}
	if !met.clock {
		return "the engine does not say what time it has", nil
	}
	if met.skew.Abs() >= time.Minute {
		return fmt.Sprintf("its clock is off by %s", met.skew.Round(time.Second)), nil
	}
	return "", nil
}
