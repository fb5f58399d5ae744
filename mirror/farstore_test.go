package mirror_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// farStore is a store that is far away: it answers whether it has an object only
// once others were asked for, too.
type farStore struct {
	store.Store
	together int

	mu    sync.Mutex
	asked int
	ready chan struct{}
}

func (s *farStore) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	s.mu.Lock()
	s.asked++
	if s.asked == s.together {
		close(s.ready)
	}
	s.mu.Unlock()
	select {
	case <-s.ready:
		return s.Store.Stat(ctx, d)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// TestSyncLooksForManyAtOnce: a store that is a round trip away must not be asked
// for one object after the other.
func TestSyncLooksForManyAtOnce(t *testing.T) {
	const files = 8
	s := newSite(t)
	var offered []layout.File
	for i := range files {
		offered = append(offered, s.vouched(fmt.Sprintf("kb%d.exe", 800000+i), 1000+i))
	}
	s.list(offered...)
	s.use(&farStore{Store: s.Store, together: files, ready: make(chan struct{})}, t.TempDir()+"/mark.json")
	if r := s.sync(mirror.SyncOptions{}); r.New != files {
		t.Errorf("got %d new files, want %d", r.New, files)
	}
}
