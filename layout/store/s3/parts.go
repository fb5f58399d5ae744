package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
)

const (
	partSize  = 16 << 20
	maxParts  = 10_000 // S3, "Multipart upload limits"
	partsOnce = 4      // parts of an object that are sent at the same time

	// completePatience is how many times longer than a part an engine may take
	// over putting the parts together: some copy them.
	completePatience = 10

	abortTimeout = 10 * time.Second
)

// latePauses are how long is waited before an upload is given up again whose parts were
// cut off: a busy engine takes a while over a part that came whole.
var latePauses = [...]time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}

// part is a piece of a file that is sent alone.
type part struct {
	number       int // from 1
	offset, size int64
}

// cutParts cuts size > 0 bytes into parts of 16 MiB, or of as many as make them
// maxParts.
func cutParts(size int64) []part {
	const unit = 1 << 20
	length := max(int64(partSize), (size/maxParts/unit+1)*unit)
	parts := make([]part, 0, (size+length-1)/length)
	for offset := int64(0); offset < size; offset += length {
		parts = append(parts, part{len(parts) + 1, offset, min(length, size-offset)})
	}
	return parts
}

// sendParts sends an object in parts. Like send it is content where the key is
// taken; an upload that fails is given up, so that the engine keeps no part of
// it.
func (b *Bucket) sendParts(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	key := store.ObjectKey(d)
	upload, err := b.beginUpload(ctx, key)
	if err != nil {
		return err
	}
	sent, err := b.uploadParts(ctx, key, upload, f, cutParts(size))
	if err != nil {
		b.abortParts(ctx, key, upload)
		return err
	}
	made, err := b.completeUpload(ctx, key, upload, sent)
	if !made {
		b.abortUpload(ctx, key, upload)
	}
	return err
}

func (b *Bucket) beginUpload(ctx context.Context, key string) (upload string, err error) {
	err = b.request(ctx, "begin upload", func(ctx context.Context, _ attempt) error {
		upload, err = b.core.NewMultipartUpload(ctx, b.config.Bucket, b.key(key), minio.PutObjectOptions{})
		if err == nil && upload == "" {
			return breach("%s began an upload without a name", b.config.Endpoint)
		}
		return err
	})
	return upload, err
}

// uploadParts sends the parts, some at the same time, each hashed first and
// signed with its digest.
func (b *Bucket) uploadParts(ctx context.Context, key, upload string, f *os.File, parts []part) ([]minio.CompletePart, error) {
	sent := make([]minio.CompletePart, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsOnce)
	for i, p := range parts {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			etag, err := b.uploadPart(ctx, key, upload, f, p)
			if err != nil {
				return fmt.Errorf("part %d of %d: %w", p.number, len(parts), err)
			}
			sent[i] = minio.CompletePart{PartNumber: p.number, ETag: etag}
			return nil
		})
	}
	return sent, group.Wait()
}

// uploadPart returns the name that the engine gave the part.
func (b *Bucket) uploadPart(ctx context.Context, key, upload string, f *os.File, p part) (etag string, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, p.offset, p.size)); err != nil {
		return "", err
	}
	opts := minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(h.Sum(nil)), DisableContentSha256: true}
	err = b.request(ctx, "send", func(ctx context.Context, _ attempt) error {
		body := io.NewSectionReader(f, p.offset, p.size)
		done, err := b.core.PutObjectPart(ctx, b.config.Bucket, b.key(key), upload, p.number, body, p.size, opts)
		etag = done.ETag
		return err
	})
	return etag, err
}

// completeUpload makes the object of its parts, unless the key is taken, and
// reports whether it did, or may have done in an attempt whose answer was lost.
func (b *Bucket) completeUpload(ctx context.Context, key, upload string, parts []minio.CompletePart) (made bool, err error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	err = b.request(ctx, "complete upload", func(ctx context.Context, a attempt) error {
		ctx = patient(ctx, completePatience)
		_, err := b.core.CompleteMultipartUpload(ctx, b.config.Bucket, b.key(key), upload, parts, opts)
		x := known(ctx)
		x.read(err)
		if x.taken() || a.unclear && x.code == codeNoUpload {
			return nil // the caller looks at what is there
		}
		made = err == nil
		return err
	})
	return made, err
}

// abortUpload gives an upload up whose parts have all been answered, also where ctx
// has ended. Where that fails Sweep does it later.
func (b *Bucket) abortUpload(ctx context.Context, key, upload string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	b.abandoned(key, b.dropUpload(ctx, key, upload))
}

// abortParts is abortUpload where parts may have been cut off: what the engine still
// puts away of them brings the upload back (S3 API, AbortMultipartUpload), so it is
// given up several times.
func (b *Bucket) abortParts(ctx context.Context, key, upload string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	err := b.dropUpload(ctx, key, upload)
	for _, pause := range latePauses {
		if err = errors.Join(err, sleep(ctx, pause)); err != nil {
			break
		}
		err = b.dropUpload(ctx, key, upload)
	}
	b.abandoned(key, err)
}

func (b *Bucket) abandoned(key string, err error) {
	if err != nil {
		b.config.Log.Warn("an upload is left behind", "path", key, "err", err)
	}
}
