package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	"patchferry/layout"
	"patchferry/layout/store"
)

// behind is a store whose objects are made up, damaged and slow as told.
type behind struct {
	store.Store // nil: only objects are asked for
	objects     map[layout.Digest][]byte
	opened      atomic.Int32
	stopAt      int           // each read stops here until more may come; 0: never
	more        chan struct{} // closed: more may come
	deaf        bool          // a read goes on waiting when its context is done
	sized       bool          // readers know the size, and nobody may ask for it
	stats       atomic.Int32  // how often somebody did
}

func newBehind(objects ...[]byte) *behind {
	b := &behind{objects: make(map[layout.Digest][]byte), more: make(chan struct{})}
	for _, data := range objects {
		b.objects[layout.DigestOf(data)] = data
	}
	return b
}

func (b *behind) Stat(_ context.Context, d layout.Digest) (int64, error) {
	b.stats.Add(1)
	data, ok := b.objects[d]
	if !ok {
		return 0, fs.ErrNotExist
	}
	return int64(len(data)), nil
}

func (b *behind) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	b.opened.Add(1)
	data, ok := b.objects[d]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if n >= 0 || offset != 0 {
		return nil, errors.New("the cache reads whole objects")
	}
	if b.sized {
		return &sized{bytes.NewReader(data), int64(len(b.objects[d]))}, nil
	}
	if b.stopAt == 0 {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	if b.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	rest := &blocked{ctx: ctx, more: b.more, Reader: bytes.NewReader(data[b.stopAt:])}
	return io.NopCloser(io.MultiReader(bytes.NewReader(data[:b.stopAt]), rest)), nil
}

func (b *behind) Delete(context.Context, layout.Digest) error { return nil }

// sized is a reader that knows how long the whole object is.
type sized struct {
	io.Reader
	size int64
}

func (s *sized) Size() int64  { return s.size }
func (s *sized) Close() error { return nil }

// blocked gives no byte until more is closed.
type blocked struct {
	ctx  context.Context
	more chan struct{}
	io.Reader
}

func (b *blocked) Read(p []byte) (int, error) {
	select {
	case <-b.more:
		return b.Reader.Read(p)
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}
