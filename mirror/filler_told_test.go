package mirror_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// unbound is a store that does something before it writes a binding, and may fail then.
type unbound struct {
	*store.Dir
	before func() error
}

func (s unbound) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	if err := s.before(); err != nil {
		return err
	}
	return s.Dir.Bind(ctx, key, doc)
}

// TestFillTellsTheSameBetweenObjectAndBinding finds that hosts are told the same of a file
// whose object is in the store already and whose binding is not: right then, and after a
// server that ended there.
func TestFillTellsTheSameBetweenObjectAndBinding(t *testing.T) {
	for name, dies := range map[string]bool{"goes on": false, "dies": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			file := s.vouched("file.exe", 5000)
			s.list(file)
			s.Sources[0].OnDemand = true
			s.sync(mirror.SyncOptions{})
			l := layout.Listed{Update: "pub:file.exe", File: s.file("file.exe")}
			var f *mirror.Filler
			meanwhile, bind := make(chan [2]string, 1), make(chan error)
			once := sync.OnceValue(func() error {
				_, told, err := whole(t, f, l)
				if err != nil {
					t.Error(err)
				}
				meanwhile <- told
				return <-bind
			})
			s.use(unbound{s.dir, once}, filepath.Join(t.TempDir(), "mark"))
			f = s.filler()
			_, want, err := whole(t, f, l)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-meanwhile; got != want {
				t.Errorf("before it is bound hosts are told %v, want %v", got, want)
			}
			if !dies {
				bind <- nil
				s.rest(f)
				return
			}
			bind <- errors.New("the power is gone")
			if err := f.Pool.Close(); err != nil {
				t.Fatal(err)
			}
			s.use(s.dir, filepath.Join(t.TempDir(), "mark"))
			f = s.filler()
			if _, got, err := whole(t, f, l); err != nil || got != want {
				t.Fatalf("the next server tells %v, %v; want %v", got, err, want)
			}
			s.rest(f)
		})
	}
}
