package s3test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"patchferry/layout/store/s3"
)

// Owner is whoever owns a bucket: it reads, writes and removes what is below a
// prefix, past all of patchferry's code. Keys are those of the store.
type Owner struct {
	engine *Engine
	bucket s3.Config
}

// Owner returns the owner of a bucket of the engine.
func (e *Engine) Owner(c s3.Config) *Owner { return &Owner{engine: e, bucket: c} }

func (o *Owner) key(key string) string { return path.Join(o.bucket.Prefix, key) }

// Get returns what is under a key.
func (o *Owner) Get(t testing.TB, key string) []byte {
	t.Helper()
	r, err := o.engine.client.GetObject(t.Context(), o.bucket.Bucket, o.key(key), minio.GetObjectOptions{})
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer r.Close() // it was only read
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return data
}

// Put puts data under a key, whatever is there.
func (o *Owner) Put(t testing.TB, key string, data []byte) {
	t.Helper()
	// With the digest in the request: Ceph refuses an empty body that is signed as a stream.
	sum := sha256.Sum256(data)
	core := minio.Core{Client: o.engine.client}
	_, err := core.PutObject(t.Context(), o.bucket.Bucket, o.key(key), bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]), minio.PutObjectOptions{DisableContentSha256: true})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// Remove removes a key.
func (o *Owner) Remove(t testing.TB, key string) {
	t.Helper()
	if err := o.engine.client.RemoveObject(t.Context(), o.bucket.Bucket, o.key(key), minio.RemoveObjectOptions{}); err != nil {
		t.Fatalf("remove %s: %v", key, err)
	}
}

// Keys returns the keys below a folder.
func (o *Owner) Keys(t testing.TB, folder string) []string {
	t.Helper()
	var all []string
	for info := range o.engine.client.ListObjectsIter(t.Context(), o.bucket.Bucket, minio.ListObjectsOptions{Prefix: o.key(folder) + "/", Recursive: true}) {
		if info.Err != nil {
			t.Fatalf("list %s: %v", folder, info.Err)
		}
		all = append(all, strings.TrimPrefix(strings.TrimPrefix(info.Key, o.bucket.Prefix), "/"))
	}
	return all
}
