package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
)

// copySite returns a site with a few generations, and bindings.
func copySite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.generations(3)
	for _, word := range []string{"one", "two"} {
		if err := s.dir.Bind(t.Context(), layout.DigestOf([]byte(word)), []byte(`{"sha256":"`+s.file(name(2)).SHA256.String()+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func emptyDir(t *testing.T) *store.Dir {
	t.Helper()
	d, err := store.CreateDir(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func emptyBucket(t *testing.T) *s3.Bucket {
	t.Helper()
	b, err := s3.Create(t.Context(), s3test.Start(t).Bucket(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// everything returns all that a store holds, by key.
func everything(t *testing.T, st store.Store) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for o, err := range st.List(t.Context(), layout.Digest{}) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := st.Open(t.Context(), o.Digest, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		all[store.ObjectKey(o.Digest)] = b
	}
	for b, err := range st.Bindings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[store.BindingKey(b.Key)] = b.Doc
	}
	newest, err := st.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); n <= newest; n++ {
		doc, err := st.Read(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		all[store.StateKey(n)] = doc
	}
	return all
}

// sameStores demands that two stores hold the same keys and bytes.
func sameStores(t *testing.T, a, b store.Store) {
	t.Helper()
	want, got := everything(t, a), everything(t, b)
	for key, doc := range want {
		if !bytes.Equal(got[key], doc) {
			t.Errorf("%s is not the same (%d bytes, want %d)", key, len(got[key]), len(doc))
		}
	}
	for key := range got {
		if want[key] == nil {
			t.Errorf("%s is in the copy alone", key)
		}
	}
}

// elsewhere returns a mirror of this site on another store, with a work directory of
// its own.
func (s *site) elsewhere(st store.Store) *mirror.Mirror {
	s.t.Helper()
	reader := &trusted.Reader{Store: st, Trust: s.trust}
	return &mirror.Mirror{Store: st, Trusted: reader, Work: s.t.TempDir(), Clock: s.Clock, Progress: s.Progress}
}

// TestMigrateThereAndBack copies a store from a directory to a bucket, from that
// to another, and back.
func TestMigrateThereAndBack(t *testing.T) {
	s := copySite(t)
	from := store.Store(s.dir)
	for _, to := range []store.Store{emptyBucket(t), emptyBucket(t), emptyDir(t)} {
		dry, err := s.elsewhere(from).Migrate(t.Context(), to, mirror.MigrateOptions{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(everything(t, to)) != 0 {
			t.Error("a dry run wrote something")
		}
		r, err := s.elsewhere(from).Migrate(t.Context(), to, mirror.MigrateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sameStores(t, s.dir, to)
		if r.States != 3 || r.State != 3 || r.Bindings != 2 || r.Objects == 0 || r.Objects != dry.Objects || r.Bytes != dry.Bytes || dry.States != 3 {
			t.Errorf("got %+v, after a dry run with %+v", r, dry)
		}
		again, err := s.elsewhere(from).Migrate(t.Context(), to, mirror.MigrateOptions{})
		if err != nil || again.Objects != 0 || again.States != 0 || again.Verified != r.Objects {
			t.Errorf("again: got %+v, %v; want all read and nothing copied", again, err)
		}
		trusting, err := s.elsewhere(from).Migrate(t.Context(), to, mirror.MigrateOptions{TrustPresent: true})
		if err != nil || trusting.Objects != 0 || trusting.Verified != 0 || trusting.Present != r.Objects {
			t.Errorf("with TrustPresent: got %+v, %v; want nothing read", trusting, err)
		}
		from = to
	}
}

// TestAKilledMigrationGoesOn kills a migration at each of its writes: what is
// there is a whole, older store, and the same command completes it.
func TestAKilledMigrationGoesOn(t *testing.T) {
	s := copySite(t)
	for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
		at := 1
		for s.killedMigration(t, faulty.Fault{At: at, Mode: mode, Dies: true}) {
			at++
		}
		if at < 10 {
			t.Errorf("%s: it has only %d writes", mode, at-1)
		}
	}
}

// killedMigration kills one, completes it, and reports whether it had as many
// writes.
func (s *site) killedMigration(t *testing.T, fault faulty.Fault) bool {
	t.Helper()
	to := emptyDir(t)
	broken := faulty.New(to, fault)
	_, err := s.elsewhere(s.dir).Migrate(t.Context(), broken, mirror.MigrateOptions{})
	if broken.Writes() < fault.At {
		return false
	}
	if fault.Mode != faulty.None && err == nil { // with None the last write is the end
		t.Errorf("%s at write %d: no error", fault.Mode, fault.At)
	}
	newest, err := to.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if newest > 0 {
		if r, err := s.elsewhere(to).Audit(t.Context(), mirror.AuditOptions{}); err != nil {
			t.Errorf("%s at write %d: the copy is no whole store: %v: %+v", fault.Mode, fault.At, err, r)
		}
	}
	if _, err := s.elsewhere(s.dir).Migrate(t.Context(), to, mirror.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	sameStores(t, s.dir, to)
	return true
}

// TestMigrateRefusesAlteredBytes: an object with other bytes than its name says
// is not copied, and then no state is.
func TestMigrateRefusesAlteredBytes(t *testing.T) {
	s := copySite(t)
	d := s.file(name(2)).SHA256
	s.damage(d, 7)
	to := emptyDir(t)
	r, err := s.elsewhere(s.dir).Migrate(t.Context(), to, mirror.MigrateOptions{})
	if !errors.Is(err, mirror.ErrAltered) || len(r.Wrong) != 1 || r.Wrong[0].Object != d || r.Wrong[0].What != "sha256" {
		t.Errorf("got %+v, %v; want object %s named", r, err, d)
	}
	if n, err := to.Newest(t.Context()); err != nil || n != 0 {
		t.Errorf("the copy has %d states, %v", n, err)
	}
	if _, err := to.Stat(t.Context(), d); err == nil {
		t.Error("the object was copied")
	}
	s.damage(d, 7) // it is right again
	if _, err := s.elsewhere(s.dir).Migrate(t.Context(), to, mirror.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	sameStores(t, s.dir, to)
}

// TestMigrateReplacesAlteredBytes: the copy of an earlier run has other bytes.
func TestMigrateReplacesAlteredBytes(t *testing.T) {
	s := copySite(t)
	to := emptyDir(t)
	if _, err := s.elsewhere(s.dir).Migrate(t.Context(), to, mirror.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	d := s.file(name(2)).SHA256
	copied := &site{t: t, dir: to}
	copied.damage(d, 7)
	r, err := s.elsewhere(s.dir).Migrate(t.Context(), to, mirror.MigrateOptions{})
	if err != nil || len(r.Replaced) != 1 || r.Replaced[0] != d {
		t.Errorf("got %+v, %v; want object %s replaced", r, err, d)
	}
	sameStores(t, s.dir, to)
}

// TestMigrateRefusesAnotherHistory: neither another store's log is continued, nor
// is a newer one.
func TestMigrateRefusesAnotherHistory(t *testing.T) {
	s, other := copySite(t), newSite(t)
	other.list(other.vouched(name(9), 90))
	other.sync(mirror.SyncOptions{})
	before := everything(t, other.dir)
	if _, err := s.elsewhere(s.dir).Migrate(t.Context(), other.dir, mirror.MigrateOptions{}); !errors.Is(err, mirror.ErrHistory) {
		t.Errorf("another log: got %v", err)
	}
	if after := everything(t, other.dir); len(after) != len(before) {
		t.Errorf("the other store has %d keys, had %d", len(after), len(before))
	}
	older := emptyDir(t)
	if _, err := s.elsewhere(s.dir).Migrate(t.Context(), older, mirror.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.generations2(3, 4)
	if _, err := s.elsewhere(older).Migrate(t.Context(), s.dir, mirror.MigrateOptions{}); !errors.Is(err, mirror.ErrHistory) {
		t.Errorf("a newer log: got %v", err)
	}
}

// TestMigrateOfAStoreThatChanges lets the store grow, and shrink by a prune,
// while it is copied.
func TestMigrateOfAStoreThatChanges(t *testing.T) {
	s := newSite(t)
	s.Keep, s.Grace = -1, -1
	s.generations(6)
	to := emptyDir(t)
	changing := &onPut{Store: to, once: new(sync.Once), before: func() {
		s.generations2(6, 8)
		plan, err := s.PlanPrune(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if r, err := s.ApplyPrune(t.Context(), plan.ID); err != nil || r.Removed == 0 {
			t.Errorf("prune: %+v, %v", r, err)
		}
	}}
	r, err := s.elsewhere(s.dir).Migrate(t.Context(), changing, mirror.MigrateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	newest, err := s.dir.Newest(t.Context())
	if err != nil || r.State != newest || newest < 8 {
		t.Errorf("got %+v, want all %d states (%v)", r, newest, err)
	}
	if report, err := s.elsewhere(to).Audit(t.Context(), mirror.AuditOptions{}); err != nil {
		t.Errorf("the copy: %v: %+v", err, report)
	}
}

// onPut calls a function before the first object is put.
type onPut struct {
	store.Store
	once   *sync.Once
	before func()
}

func (s *onPut) Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	s.once.Do(s.before)
	return s.Store.Put(ctx, d, size, f)
}
