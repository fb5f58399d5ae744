package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// away is a store on another machine that gives no object.
type away struct {
	store.Store
	reads atomic.Int64
	err   error
}

func (a *away) Open(context.Context, layout.Digest, int64, int64) (io.ReadCloser, error) {
	a.reads.Add(1)
	return nil, a.err
}

// TestAuditOfAStoreThatIsAway: an audit ends with the reason, and does not ask for
// every object there is; in a directory every one that cannot be read is found.
func TestAuditOfAStoreThatIsAway(t *testing.T) {
	w := newWire(t)
	var files []layout.File
	for i := range 40 {
		files = append(files, w.vouched(fmt.Sprintf("file%d.exe", i), 100))
	}
	w.list(files...)
	w.sync(mirror.SyncOptions{})
	s := &away{Store: w.dir, err: errors.New("no answer")}
	w.Store = s
	if _, err := w.Audit(t.Context(), mirror.AuditOptions{}); !errors.Is(err, s.err) || errors.Is(err, mirror.ErrAudit) {
		t.Errorf("got %v, want that it is away", err)
	}
	if n := s.reads.Load(); n > 20 {
		t.Errorf("it was asked for %d objects", n)
	}
	w.Store = struct {
		*away
		store.Filer
	}{s, w.dir}
	if r, err := w.Audit(t.Context(), mirror.AuditOptions{}); !errors.Is(err, mirror.ErrAudit) || len(r.Findings) < 40 {
		t.Errorf("a directory: got %v and %d findings, want all", err, len(r.Findings))
	}
}
