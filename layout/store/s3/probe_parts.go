package s3

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/minio/minio-go/v7"
)

// minPart is the smallest part that is not the last one (S3, "Multipart upload
// limits").
const minPart = 5 << 20

// multipart sends an object of two parts.
func (p *probe) multipart(ctx context.Context) (string, error) {
	key, doc := p.key("parts"), random(minPart+1000)
	upload, err := p.bucket.beginUpload(ctx, key)
	if err != nil {
		return "", err
	}
	defer p.bucket.abortUpload(ctx, key, upload)
	var sent []minio.CompletePart
	for i, data := range [][]byte{doc[:minPart], doc[minPart:]} {
		etag, err := p.sendPart(ctx, key, upload, i+1, data, digestOf(data))
		if err != nil {
			return "", err
		}
		sent = append(sent, minio.CompletePart{PartNumber: i + 1, ETag: etag})
	}
	if found, err := p.absent(ctx, key); found != "" || err != nil {
		return found, err
	}
	made, err := p.bucket.completeUpload(ctx, key, upload, sent)
	if err != nil || !made {
		return "a new key is refused as taken", err
	}
	return p.reads(ctx, key, doc)
}

func (p *probe) sendPart(ctx context.Context, key, upload string, number int, data []byte, sum string) (etag string, err error) {
	opts := minio.PutObjectPartOptions{Sha256Hex: sum, DisableContentSha256: true}
	err = p.bucket.request(ctx, "send a part", func(ctx context.Context, _ attempt) error {
		done, err := p.bucket.core.PutObjectPart(ctx, p.bucket.config.Bucket, p.bucket.key(key), upload, number, bytes.NewReader(data), int64(len(data)), opts)
		etag = done.ETag
		return err
	})
	return etag, err
}

func (p *probe) partDigest(ctx context.Context) (string, error) {
	key, doc := p.key("part-digest"), random(1000)
	upload, err := p.bucket.beginUpload(ctx, key)
	if err != nil {
		return "", err
	}
	defer p.bucket.abortUpload(ctx, key, upload)
	opts := minio.PutObjectPartOptions{Sha256Hex: digestOf([]byte("other")), DisableContentSha256: true}
	return p.refused(ctx, func(ctx context.Context) error {
		_, err := p.bucket.core.PutObjectPart(ctx, p.bucket.config.Bucket, p.bucket.key(key), upload, 1, bytes.NewReader(doc), int64(len(doc)), opts)
		return err
	})
}

// completeOnly completes an upload of one part to a key that is taken.
func (p *probe) completeOnly(ctx context.Context) (string, error) {
	key, doc, other := p.key("parts-once"), random(1000), random(1000)
	if _, err := p.put(ctx, key, doc); err != nil {
		return "", err
	}
	upload, err := p.bucket.beginUpload(ctx, key)
	if err != nil {
		return "", err
	}
	defer p.bucket.abortUpload(ctx, key, upload)
	etag, err := p.sendPart(ctx, key, upload, 1, other, digestOf(other))
	if err != nil {
		return "", err
	}
	made, err := p.bucket.completeUpload(ctx, key, upload, []minio.CompletePart{{PartNumber: 1, ETag: etag}})
	if err != nil || made {
		return "it was written over", err
	}
	return p.reads(ctx, key, doc)
}

// listUploads looks for an upload in the way in which Sweep does.
func (p *probe) listUploads(ctx context.Context) (string, error) {
	key := p.key("upload")
	upload, err := p.bucket.beginUpload(ctx, key)
	if err != nil {
		return "", err
	}
	defer p.bucket.abortUpload(ctx, key, upload)
	var page minio.ListMultipartUploadsResult
	for {
		if _, err := p.bucket.uploads(ctx, &page); err != nil {
			return "", err
		}
		if slices.ContainsFunc(page.Uploads, func(u minio.ObjectMultipartInfo) bool { return u.UploadID == upload }) {
			return "", nil
		}
		if !page.IsTruncated || page.NextKeyMarker == "" {
			return fmt.Sprintf("%d uploads, and not one that was just begun", len(page.Uploads)), nil
		}
	}
}
