package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
)

// move is what a contender's process does: all files of a folder into the
// bucket, or all that is below a prefix into a folder.
type move struct {
	endpoint, dir, prefix string
	atOnce                int
}

func (m *move) play(ctx context.Context, role string) error {
	switch role {
	case "ours up":
		return m.oursUp(ctx)
	case "ours down":
		return m.oursDown(ctx)
	case "plain up":
		return m.plainUp(ctx)
	case "plain down":
		return m.plainDown(ctx, false)
	case "hashed down":
		return m.plainDown(ctx, true)
	}
	return fmt.Errorf("no role %q", role)
}

// store opens the store below the prefix, and makes it before that where there is none.
func (m *move) store(ctx context.Context) (*s3.Bucket, error) {
	c, err := s3.ParseURL("s3://" + bucket + "/" + m.prefix + "?endpoint=" + m.endpoint)
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(ctx, c)
	if errors.Is(err, store.ErrNoStore) {
		return s3.Create(ctx, c)
	}
	return b, err
}

// eachFile runs a job for every file of the folder.
func (m *move) eachFile(ctx context.Context, run func(ctx context.Context, name string) error) error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(m.atOnce)
	for _, e := range entries {
		jobs.Go(func() error { return run(ctx, e.Name()) })
	}
	return jobs.Wait()
}

func (m *move) oursUp(ctx context.Context) error {
	b, err := m.store(ctx)
	if err != nil {
		return err
	}
	err = m.eachFile(ctx, func(ctx context.Context, name string) error {
		d, err := layout.ParseDigest(name)
		if err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(m.dir, name))
		if err != nil {
			return err
		}
		defer f.Close() // it was only read
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return b.Put(ctx, d, info.Size(), f)
	})
	return errors.Join(err, b.Close())
}

// oursDown reads every object and checks its digest on the way, as everything of
// ours does that reads one.
func (m *move) oursDown(ctx context.Context) error {
	b, err := m.store(ctx)
	if err != nil {
		return err
	}
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(m.atOnce)
	for info, err := range b.List(ctx, layout.Digest{}) {
		if err != nil {
			return err
		}
		jobs.Go(func() error { return m.read(ctx, b, info) })
	}
	return errors.Join(jobs.Wait(), b.Close())
}

func (m *move) read(ctx context.Context, b *s3.Bucket, info store.Info) error {
	r, err := b.Open(ctx, info.Digest, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	f, err := os.Create(filepath.Join(m.dir, info.Digest.String()))
	if err != nil {
		return err
	}
	buffer := make([]byte, 256<<10)
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, layout.NewVerifyReader(r, info.Size, info.Digest), buffer)
	return errors.Join(err, f.Close())
}

func (m *move) plainUp(ctx context.Context) error {
	c, err := client(m.endpoint)
	if err != nil {
		return err
	}
	return m.eachFile(ctx, func(ctx context.Context, name string) error {
		_, err := c.FPutObject(ctx, bucket, m.prefix+"/"+name, filepath.Join(m.dir, name), minio.PutObjectOptions{})
		return err
	})
}

// plainDown reads every object into a file; where it is to be as sure of it as we
// are, it reads the file again.
func (m *move) plainDown(ctx context.Context, hashed bool) error {
	c, err := client(m.endpoint)
	if err != nil {
		return err
	}
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(m.atOnce)
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: m.prefix + "/", Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		jobs.Go(func() error {
			to := filepath.Join(m.dir, strings.TrimPrefix(o.Key, m.prefix+"/"))
			err := c.FGetObject(ctx, bucket, o.Key, to, minio.GetObjectOptions{})
			if err != nil || !hashed {
				return err
			}
			return rehash(to)
		})
	}
	return jobs.Wait()
}

// rehash holds a file against its name.
func rehash(name string) error {
	d, err := layout.ParseDigest(filepath.Base(name))
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, layout.NewVerifyReader(f, -1, d), make([]byte, 256<<10))
	return err
}
