package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/minio/minio-go/v7"

	"patchferry/layout/store"
)

// Bucket is a store in a bucket, or below a prefix in one:
//
//	format     {"format":"patchferry-store","version":1}
//	objects/ states/ bindings/    as in store.Dir
//	scratch/   what Probe leaves behind where it is killed; Sweep removes it
//
// Invariants: a key is made by one create-only request and never written again;
// an object's bytes were signed with their digest, whole or part by part, so
// that the engine refuses others; a Bucket writes nothing until it has seen that
// the engine keeps what is there (ErrNotHonoured). A torn upload has no key.
//
// A Bucket may be used by any number of goroutines, and the bucket by any number
// of machines. Errors that match fs.ErrPermission are about credentials, and
// syscall.ENOSPC is an engine that takes no more.
type Bucket struct {
	config  Config
	core    *minio.Core
	release func() // lets idle connections go
	keys    *keys  // nil where an instance gives them

	format []byte      // as it stands in the bucket; set before anybody has b
	met    atomic.Bool // the engine has answered once

	proving sync.Mutex // held by prove
	proven  bool       // create-only writes are honoured

	mu     sync.Mutex
	listed bool   // states were listed
	newest uint64 // states up to this one are there
}

var _ store.Store = (*Bucket)(nil)

// Create makes a store in a bucket that exists, below a prefix with no other
// keys. On a store it does what Open does; where anything else is, it is refused
// with store.ErrNoStore. An engine that does not honour create-only writes is
// refused with ErrNotHonoured.
func Create(ctx context.Context, c Config) (*Bucket, error) {
	return open(ctx, c, "make store", (*Bucket).create)
}

// Open opens a store. The error matches fs.ErrNotExist where there is no such
// bucket, and store.ErrNoStore where the bucket holds no store.
func Open(ctx context.Context, c Config) (*Bucket, error) {
	return open(ctx, c, "open store", (*Bucket).checkFormat)
}

func open(ctx context.Context, c Config, act string, ready func(*Bucket, context.Context) error) (*Bucket, error) {
	b, err := newBucket(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", act, err)
	}
	if err := ready(b, ctx); err != nil {
		b.release()
		if errors.Is(err, ErrNoBucket) {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return nil, fmt.Errorf("%s %s: %w", act, b.where(), err)
	}
	return b, nil
}

// newBucket makes the client. It asks nothing of the engine.
func newBucket(c Config) (*Bucket, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	signs, keys, err := newCredentials(c)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	var carrier http.RoundTripper = transport
	if c.Transport != nil {
		carrier = c.Transport(carrier)
	}
	core, err := minio.NewCore(c.Endpoint, &minio.Options{
		Creds:        signs,
		Secure:       !c.Plain,
		Transport:    &observer{next: carrier, stall: c.Stall},
		Region:       c.Region,
		BucketLookup: [...]minio.BucketLookupType{Auto: minio.BucketLookupAuto, Path: minio.BucketLookupPath, Host: minio.BucketLookupDNS}[c.Style],
		MaxRetries:   1, // retries are ours, which know what an unclear answer means
	})
	if err != nil {
		return nil, err
	}
	core.SetAppInfo("patchferry", "1")
	return &Bucket{config: c, core: core, release: transport.CloseIdleConnections, keys: keys}, nil
}

// Close lets the connections go. Readers that are open stay so.
func (b *Bucket) Close() error {
	b.release()
	return nil
}

// where names the store in messages.
func (b *Bucket) where() string {
	return "s3://" + strings.TrimSuffix(b.config.Bucket+"/"+b.config.Prefix, "/")
}

// key returns the name in the bucket of a key of the store.
func (b *Bucket) key(key string) string {
	if b.config.Prefix == "" {
		return key
	}
	return b.config.Prefix + "/" + key
}

func (b *Bucket) checkFormat(ctx context.Context) error {
	doc, err := b.readDocument(ctx, store.FormatKey)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has no file %q (patchferry init makes a store)", store.ErrNoStore, store.FormatKey)
	}
	if err != nil {
		return err
	}
	b.format = doc
	return store.CheckFormat(doc)
}

func (b *Bucket) create(ctx context.Context) error {
	err := b.checkFormat(ctx)
	if errors.Is(err, store.ErrNoStore) {
		err = b.makeStore(ctx)
	}
	if err != nil {
		return err
	}
	return b.prove(ctx)
}

func (b *Bucket) makeStore(ctx context.Context) error {
	if err := b.checkEmpty(ctx); err != nil {
		return err
	}
	if _, err := b.writeOnce(ctx, "write format", store.FormatKey, store.FormatDocument()); err != nil {
		return err
	}
	return b.checkFormat(ctx) // ours, or that of another who was faster
}

// checkEmpty refuses a prefix with anything below it but scratch keys.
func (b *Bucket) checkEmpty(ctx context.Context) error {
	for o, err := range b.list(ctx, "", "") {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(o.key, scratchFolder+"/") {
			return fmt.Errorf("%w and not empty: it holds %q (choose an empty bucket or prefix)", store.ErrNoStore, o.key)
		}
	}
	return nil
}

// Prove makes sure, once, that the engine keeps what is there, as every method
// does before it writes: else the error matches ErrNotHonoured. It takes one
// request, which needs the right to write.
func (b *Bucket) Prove(ctx context.Context) error { return b.prove(ctx) }

// prove makes sure, once, that the engine keeps what is there: the format
// document is written again, create-only, which has to be refused. Where it is
// not, it was replaced by its equal, and nothing is lost.
func (b *Bucket) prove(ctx context.Context) error {
	b.proving.Lock()
	defer b.proving.Unlock()
	if b.proven {
		return nil
	}
	made, err := b.writeOnce(ctx, "prove create-only writes", store.FormatKey, b.format)
	if err != nil {
		return err
	}
	if made {
		return fmt.Errorf("%w: nothing is written to %s (run patchferry doctor)", ErrNotHonoured, b.where())
	}
	b.proven = true
	return nil
}
