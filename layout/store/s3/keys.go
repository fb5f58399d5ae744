package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"patchferry/layout/store"
)

// writeOnce writes a small document under a new key and reports whether it did:
// false where the key is taken, or may be by an attempt of ours whose answer was
// lost.
func (b *Bucket) writeOnce(ctx context.Context, act, key string, doc []byte) (made bool, err error) {
	sum := digestOf(doc)
	err = b.request(ctx, act, func(ctx context.Context, _ attempt) error {
		made, err = b.putOnce(ctx, key, bytes.NewReader(doc), int64(len(doc)), sum)
		return err
	})
	return made && err == nil, err
}

// putOnce is one create-only PUT of a body with the digest sum, which is signed:
// the engine refuses other bytes. It reports false where the key is taken.
func (b *Bucket) putOnce(ctx context.Context, key string, body io.Reader, size int64, sum string) (bool, error) {
	opts := minio.PutObjectOptions{DisableContentSha256: true} // sum is sent in place of a chunked signature
	opts.SetMatchETagExcept("*")
	_, err := b.core.PutObject(ctx, b.config.Bucket, b.key(key), body, size, "", sum, opts)
	if err != nil && known(ctx).taken() {
		return false, nil
	}
	return err == nil, err
}

// known returns the exchange of the request that ctx was made for.
func known(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// readDocument reads a small document whole.
func (b *Bucket) readDocument(ctx context.Context, key string) (doc []byte, err error) {
	err = b.request(ctx, "read "+key, func(ctx context.Context, _ attempt) error {
		body, size, err := b.get(ctx, key)
		if err != nil {
			return err
		}
		if size > store.MaxDocument {
			err := fmt.Errorf("%w: %w", breach("%s has %d bytes", key, size), store.ErrTooLarge)
			return errors.Join(err, body.Close())
		}
		doc, err = store.ReadDocument(body)
		return errors.Join(err, body.Close())
	})
	return doc, err
}

// get opens what stands under a key, whole. It returns fs.ErrNotExist where the
// engine said that nothing does. The body ends in io.ErrUnexpectedEOF where it
// is shorter than size.
func (b *Bucket) get(ctx context.Context, key string) (body io.ReadCloser, size int64, err error) {
	body, _, header, err := b.core.GetObject(ctx, b.config.Bucket, b.key(key), minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, missing(ctx, err)
	}
	size, err = strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if x := known(ctx); err != nil || x.status != http.StatusOK {
		err = breach("%s answers %d to a request of the whole, with a length of %q", b.config.Endpoint, x.status, header.Get("Content-Length"))
		return nil, 0, errors.Join(err, body.Close())
	}
	return body, size, nil
}

// missing makes the error of a request for a key fs.ErrNotExist where the engine
// said that the key is not there.
func missing(ctx context.Context, err error) error {
	if known(ctx).missingKey() {
		return fs.ErrNotExist
	}
	return err
}

// size returns the length of what stands under a key. A HEAD that fails has no
// word on why, not even on whether it is the key or the bucket that is missing,
// so that it is followed by a GET.
func (b *Bucket) size(ctx context.Context, key string) (size int64, err error) {
	err = b.request(ctx, "look up "+key, func(ctx context.Context, _ attempt) error {
		info, err := b.core.StatObject(ctx, b.config.Bucket, b.key(key), minio.StatObjectOptions{})
		if err != nil && known(ctx).status >= 300 {
			size, err = b.sizeByGet(ctx, key)
			return err
		}
		size = info.Size
		return err
	})
	return size, err
}

// sizeByGet is one GET of which only the head is read: for keys that are
// expected to be missing.
func (b *Bucket) sizeByGet(ctx context.Context, key string) (int64, error) {
	body, size, err := b.get(ctx, key)
	if err != nil {
		return 0, err
	}
	return size, body.Close()
}

// remove removes a key; missing is well.
func (b *Bucket) remove(ctx context.Context, act, key string) error {
	return b.request(ctx, act, func(ctx context.Context, _ attempt) error {
		err := b.core.RemoveObject(ctx, b.config.Bucket, b.key(key), minio.RemoveObjectOptions{})
		if err != nil && known(ctx).missingKey() {
			return nil
		}
		return err
	})
}

// found is one key of a listing.
type found struct {
	key  string // without the prefix
	size int64
	at   time.Time // when it was written, by the engine's clock
	now  time.Time // when it was listed, by the engine's clock
}

// list yields the keys below folder that are greater than after, in order, a
// page at a time. It goes on where it was when a page fails, and refuses an
// engine that answers out of order.
func (b *Bucket) list(ctx context.Context, folder, after string) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for more := true; more; {
			var page []found
			err := b.request(ctx, "list "+folder, func(ctx context.Context, _ attempt) (err error) {
				page, more, err = b.listPage(ctx, folder, after)
				return err
			})
			if err != nil {
				yield(found{}, err)
				return
			}
			for _, f := range page {
				if !yield(f, nil) {
					return
				}
			}
			if len(page) > 0 {
				after = page[len(page)-1].key
			}
		}
	}
}

// pageKeys is how many keys a page of a listing has at most.
const pageKeys = 1000

// listPage returns the keys of one page, and whether there are more.
func (b *Bucket) listPage(ctx context.Context, folder, after string) (page []found, more bool, err error) {
	opts := minio.ListObjectsOptions{Prefix: b.key(folder), Recursive: true, MaxKeys: pageKeys, FetchOwner: new(bool)}
	if folder != "" || b.config.Prefix != "" {
		opts.Prefix = strings.TrimSuffix(opts.Prefix, "/") + "/"
	}
	last := ""
	if after != "" {
		last = b.key(after)
	}
	opts.StartAfter = last
	for o := range b.core.ListObjectsIter(ctx, b.config.Bucket, opts) {
		if o.Err != nil {
			return nil, false, o.Err
		}
		if o.Key <= last || !strings.HasPrefix(o.Key, opts.Prefix) {
			return nil, false, breach("%s lists out of order: %q after %q with prefix %q", b.config.Endpoint, plain(o.Key), last, opts.Prefix)
		}
		last = o.Key
		key := o.Key
		if b.config.Prefix != "" {
			key = strings.TrimPrefix(key, b.config.Prefix+"/")
		}
		now := time.Now().Add(known(ctx).skew)
		if page = append(page, found{key, o.Size, o.LastModified, now}); len(page) == pageKeys {
			return page, true, nil
		}
	}
	return page, false, ctx.Err()
}

// errDamaged is the error for an object that is there with another size.
func errDamaged(got, want int64) error {
	return fmt.Errorf("the store has it with %d bytes, want %d: it is damaged (run patchferry audit)", got, want)
}
