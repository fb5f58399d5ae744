package s3test

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/minio/minio-go/v7"
)

// Alter changes one byte of every object below a prefix, as the owner of a bucket
// can, and returns how many there were.
func (e *Engine) Alter(ctx context.Context, bucket, prefix string) (int, error) {
	altered := 0
	for o := range e.client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return altered, o.Err
		}
		r, err := e.client.GetObject(ctx, bucket, o.Key, minio.GetObjectOptions{})
		if err != nil {
			return altered, err
		}
		content, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return altered, err
		}
		content[0] ^= 1
		if _, err := e.client.PutObject(ctx, bucket, o.Key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
			return altered, err
		}
		altered++
	}
	return altered, nil
}
