package s3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// peer is minio-go's own copy between files and a bucket, as it is.
type peer struct {
	client *minio.Client
	bucket string
}

func newPeer(b *testing.B, e *s3test.Engine, bucket string) *peer {
	b.Helper()
	transport, err := minio.DefaultTransport(!e.Plain)
	check(b, err)
	b.Cleanup(transport.CloseIdleConnections)
	client, err := minio.New(e.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(e.AccessKey, e.SecretKey, ""), Secure: !e.Plain, Region: e.Region,
		Transport: http.RoundTripper(transport), BucketLookup: minio.BucketLookupPath,
	})
	check(b, err)
	return &peer{client, bucket}
}

// beside runs two jobs in turn, now one first and then the other, and reports the
// throughput of each and how many times that of theirs ours is. before is run
// before each and does not count.
func beside(b *testing.B, size int, before func(), ours, theirs func() error) {
	jobs := [2]func() error{ours, theirs}
	var took [2]time.Duration
	rounds := 0
	for b.Loop() {
		for i := range jobs {
			job := (i + rounds) % len(jobs)
			before()
			start := time.Now()
			check(b, jobs[job]())
			took[job] += time.Since(start)
		}
		rounds++
	}
	total := float64(size) * float64(rounds) / (1 << 20)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(total/took[0].Seconds(), "MiB/s")
	b.ReportMetric(total/took[1].Seconds(), "minio-go-MiB/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x")
}

// BenchmarkPut writes new objects of two sizes, beside minio-go's FPutObject to
// the same engine.
func BenchmarkPut(b *testing.B) {
	e := s3test.Start(b)
	for _, size := range []int{1 << 20, 256 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			data := randomBytes(1, size)
			file, d := fileOf(b, data), layout.DigestOf(data)
			c := e.Bucket(b)
			ours, theirs := create(b, c), newPeer(b, e, c.Bucket)
			beside(b, size, func() {
				check(b, ours.Delete(b.Context(), d))
				check(b, theirs.client.RemoveObject(b.Context(), c.Bucket, "peer", minio.RemoveObjectOptions{}))
			}, func() error {
				return ours.Put(b.Context(), d, int64(size), file)
			}, func() error {
				_, err := theirs.client.FPutObject(b.Context(), c.Bucket, "peer", file.Name(), minio.PutObjectOptions{})
				return err
			})
		})
	}
}

// BenchmarkGet reads objects of two sizes to a file, beside minio-go's FGetObject.
func BenchmarkGet(b *testing.B) {
	e := s3test.Start(b)
	for _, size := range []int{1 << 20, 256 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			data := randomBytes(1, size)
			c := e.Bucket(b)
			ours, theirs := create(b, c), newPeer(b, e, c.Bucket)
			d := layout.DigestOf(data)
			check(b, ours.Put(b.Context(), d, int64(size), fileOf(b, data)))
			name := b.TempDir() + "/copy"
			beside(b, size, func() {
				check(b, os.RemoveAll(name))
			}, func() error {
				return copyOut(b, ours, d, name)
			}, func() error {
				return theirs.client.FGetObject(b.Context(), c.Bucket, store.ObjectKey(d), name, minio.GetObjectOptions{})
			})
		})
	}
}

func copyOut(b *testing.B, from *s3.Bucket, d layout.Digest, name string) error {
	r, err := from.Open(b.Context(), d, 0, -1)
	if err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, r.Close(), f.Close())
}
