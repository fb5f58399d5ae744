package s3

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"patchferry/layout/store"
)

// uploadsPage is how many uploads a page of a listing has at most.
const uploadsPage = 1000

// Sweep removes what nobody will end: multipart uploads of objects that were
// begun longer ago than olderThan, and the scratch keys of probes that were
// killed. It returns how many it removed. Ages are by the engine's clock. An
// engine that lists no uploads (Probe says so) has to remove them itself.
func (b *Bucket) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	return b.sweep(ctx, olderThan, true)
}

// Abandoned returns how many Sweep would remove.
func (b *Bucket) Abandoned(ctx context.Context, olderThan time.Duration) (int, error) {
	return b.sweep(ctx, olderThan, false)
}

func (b *Bucket) sweep(ctx context.Context, olderThan time.Duration, remove bool) (int, error) {
	uploads, err := b.sweepUploads(ctx, olderThan, remove)
	if err != nil {
		return uploads, fmt.Errorf("sweep uploads: %w", err)
	}
	keys, err := b.sweepScratch(ctx, olderThan, remove)
	if err != nil {
		return uploads + keys, fmt.Errorf("sweep scratch keys: %w", err)
	}
	return uploads + keys, nil
}

func (b *Bucket) sweepUploads(ctx context.Context, olderThan time.Duration, remove bool) (int, error) {
	count := 0
	var page minio.ListMultipartUploadsResult
	for {
		before, err := b.uploads(ctx, &page)
		if err != nil {
			return count, err
		}
		for _, u := range page.Uploads {
			key, ours := b.ownKey(u.Key)
			if !ours || before.Sub(u.Initiated) < olderThan {
				continue
			}
			if count++; !remove {
				continue
			}
			if err := b.dropUpload(ctx, key, u.UploadID); err != nil {
				return count - 1, err
			}
		}
		if !page.IsTruncated {
			return count, nil
		}
		if page.NextKeyMarker == "" {
			return count, breach("%s lists uploads without an end", b.config.Endpoint)
		}
	}
}

// uploads reads the page of uploads after page into it, and returns what time
// the engine has.
func (b *Bucket) uploads(ctx context.Context, page *minio.ListMultipartUploadsResult) (time.Time, error) {
	prefix := ""
	if b.config.Prefix != "" {
		prefix = b.config.Prefix + "/"
	}
	now := time.Now()
	err := b.request(ctx, "list uploads", func(ctx context.Context, _ attempt) error {
		next, err := b.core.ListMultipartUploads(ctx, b.config.Bucket, prefix, page.NextKeyMarker, page.NextUploadIDMarker, "", uploadsPage)
		if err == nil {
			*page = next
			now = time.Now().Add(known(ctx).skew)
		}
		return err
	})
	return now, err
}

// ownKey returns the store's name of a key of the bucket that may have been
// uploaded in parts. Where the store is the whole bucket, others may upload to
// it too.
func (b *Bucket) ownKey(name string) (string, bool) {
	if b.config.Prefix != "" {
		var below bool
		if name, below = strings.CutPrefix(name, b.config.Prefix+"/"); !below {
			return "", false
		}
	}
	_, object := store.ParseObjectKey(name)
	return name, object || strings.HasPrefix(name, scratchFolder+"/")
}

func (b *Bucket) dropUpload(ctx context.Context, key, upload string) error {
	return b.request(ctx, "give up upload", func(ctx context.Context, _ attempt) error {
		err := b.core.AbortMultipartUpload(ctx, b.config.Bucket, b.key(key), upload)
		if known(ctx).code == codeNoUpload {
			return nil
		}
		return err
	})
}

func (b *Bucket) sweepScratch(ctx context.Context, olderThan time.Duration, remove bool) (int, error) {
	count := 0
	for f, err := range b.list(ctx, scratchFolder, "") {
		if err != nil {
			return count, err
		}
		if f.now.Sub(f.at) < olderThan {
			continue
		}
		if count++; !remove {
			continue
		}
		if err := b.remove(ctx, "remove "+f.key, f.key); err != nil {
			return count - 1, err
		}
	}
	return count, nil
}
