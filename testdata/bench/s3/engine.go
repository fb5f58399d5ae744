package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// engine is one of testdata/engines.
type engine struct {
	script, dir string
}

// start starts it and puts its keys into the environment, where everybody looks
// for them.
func (e *engine) start(ctx context.Context) (endpoint string, err error) {
	cmd := exec.CommandContext(ctx, e.script, "start", e.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("start an engine, in the module's root: %w", err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "endpoint":
			endpoint = value
		case "access_key":
			err = os.Setenv("AWS_ACCESS_KEY_ID", value)
		case "secret_key":
			err = os.Setenv("AWS_SECRET_ACCESS_KEY", value)
		}
		if err != nil {
			return "", err
		}
	}
	return endpoint, lines.Err()
}

func (e *engine) stop() {
	if err := exec.Command(e.script, "stop", e.dir).Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench s3: stop the engine:", err)
	}
}

// client is minio-go as it comes.
func client(endpoint string) (*minio.Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	return minio.New(u.Host, &minio.Options{Creds: credentials.NewEnvAWS(), Secure: u.Scheme == "https", Region: "us-east-1"})
}

func makeBucket(ctx context.Context, endpoint string) error {
	c, err := client(endpoint)
	if err != nil {
		return err
	}
	there, err := c.BucketExists(ctx, bucket)
	if err != nil || there {
		return err
	}
	return c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
}

// weigh counts what lies below a prefix.
func weigh(ctx context.Context, endpoint, prefix string) (files int, bytes int64, err error) {
	c, err := client(endpoint)
	if err != nil {
		return 0, 0, err
	}
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true}) {
		if o.Err != nil {
			return 0, 0, o.Err
		}
		files, bytes = files+1, bytes+o.Size
	}
	return files, bytes, nil
}

// empty removes what lies below a prefix.
func empty(ctx context.Context, endpoint, prefix string) error {
	c, err := client(endpoint)
	if err != nil {
		return err
	}
	var all error
	for e := range c.RemoveObjects(ctx, bucket, c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true}), minio.RemoveObjectsOptions{}) {
		all = errors.Join(all, e.Err)
	}
	return all
}

// makeSet makes files of noise, each under the name of its digest, as a stage
// has them: hashed when they came, and in memory still.
func (b *bench) makeSet(files, size int) (string, error) {
	dir, err := b.newDir()
	if err != nil {
		return "", err
	}
	for range files {
		f, err := os.CreateTemp(dir, "new-")
		if err != nil {
			return "", err
		}
		sum := sha256.New()
		_, err = io.CopyN(io.MultiWriter(f, sum), rand.Reader, int64(size))
		if err := errors.Join(err, f.Close(), os.Rename(f.Name(), filepath.Join(dir, hex.EncodeToString(sum.Sum(nil))))); err != nil {
			return "", err
		}
	}
	return dir, nil
}
