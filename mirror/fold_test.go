package mirror_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// bring does by hand what a fill does on another machine: it puts the content of a
// listed file and binds it, as change says.
func (s *site) bring(update string, f layout.File, content []byte, change func(*layout.Binding)) layout.Digest {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "content")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer in.Close()
	b := &layout.Binding{
		Format: layout.FormatBinding, Version: layout.Version, Source: "pub", Update: update, File: f.Name, URL: f.URL,
		SHA256: layout.DigestOf(content), SHA1: sha1Of(content), Size: int64(len(content)), Tag: "0123-1",
		Modified: layout.At(s.now.Add(-time.Hour)), Evidence: *f.Best(), At: layout.At(s.now),
	}
	if err := s.Store.Put(s.t.Context(), b.SHA256, b.Size, in); err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change(b)
	}
	doc, err := b.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	key := layout.BindingKey(update, &f)
	if err := s.Store.Bind(s.t.Context(), key, doc); err != nil {
		s.t.Fatal(err)
	}
	return key
}

// bindings counts the bindings of the store.
func (s *site) bindings() (n int) {
	s.t.Helper()
	for _, err := range s.Store.Bindings(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	return n
}

// onDemand publishes a catalog of one file by SHA-1, whose content is not here.
func onDemand(t *testing.T) (*site, layout.File, []byte) {
	s := newSite(t)
	content := body(name(1), 5000)
	f := s.offer(name(1), 5000)
	f.SHA1 = sha1Of(content)
	s.list(f)
	s.Sources[0].OnDemand = true
	s.sync(mirror.SyncOptions{})
	return s, s.file(name(1)), content
}

func TestSyncFoldsWhatWasFilled(t *testing.T) {
	s, listed, content := onDemand(t)
	s.bring("pub:"+name(1), listed, content, nil)
	s.now = s.now.Add(time.Hour)
	requests := s.pub.Requests("")
	r := s.sync(mirror.SyncOptions{})
	if !r.Published || r.Folded != 1 || r.Counts.Held != 1 || s.pub.Requests("")-requests != 1 {
		t.Errorf("got %+v after %d requests", r, s.pub.Requests("")-requests)
	}
	f := s.file(name(1))
	if !f.Held || f.SHA256 != layout.DigestOf(content) || f.Size != 5000 || f.Tag != "0123-1" || f.Modified != layout.At(s.now.Add(-2*time.Hour)) {
		t.Errorf("got %+v", f)
	}
	if best := f.Best(); best.Grade != layout.GradeChannel || !best.Weak || best.At != layout.At(s.now.Add(-time.Hour)) || best.Document != listed.Best().Document {
		t.Errorf("got evidence %+v, listed %+v", best, listed.Best())
	}
	states := s.states()
	if r = s.sync(mirror.SyncOptions{}); r.Published || r.Folded != 0 || s.states() != states || s.bindings() != 1 {
		t.Errorf("again: got %+v, %d bindings", r, s.bindings())
	}
	s.clean()
	s.now = s.now.Add(31 * 24 * time.Hour)
	if s.sync(mirror.SyncOptions{}); s.bindings() != 0 || !s.file(name(1)).Held {
		t.Errorf("%d bindings are left after their time", s.bindings())
	}
	s.clean()
}

func TestFoldOfAListThatIsReadAgain(t *testing.T) {
	s, listed, content := onDemand(t)
	s.bring("pub:"+name(1), listed, content, nil)
	listed.Evidence, listed.Tag = nil, "of-the-list"
	s.list(listed, s.vouched(name(2), 10))
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 || r.Left != 1 || !s.file(name(1)).Held {
		t.Errorf("got %+v", r)
	}
	if s.file(name(1)).Tag != "0123-1" {
		t.Errorf("hosts lose the entity tag: %+v", s.file(name(1)))
	}
	s.list(listed) // read again, held by now
	if s.sync(mirror.SyncOptions{}); s.file(name(1)).Tag != "0123-1" {
		t.Errorf("hosts lose the entity tag at the next list: %+v", s.file(name(1)))
	}
}

func TestFoldRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		trust   mirror.Trust
		content func([]byte) []byte
		change  func(*layout.Binding)
	}{
		"other bytes than stated, by a binding that lies": {
			content: func(b []byte) []byte { return append(b, 1) },
			change:  func(b *layout.Binding) { b.SHA1 = sha1Of(body(name(1), 5000)) },
		},
		"other bytes than stated":                      {content: func(b []byte) []byte { return append(b, 1) }},
		"another size":                                 {change: func(b *layout.Binding) { b.Size++ }},
		"an object that is gone":                       {change: func(b *layout.Binding) { b.SHA256[0]++ }},
		"a pin by somebody who can write to the store": {trust: mirror.TrustFirstUse},
	} {
		t.Run(name, func(t *testing.T) {
			s, listed, content := onDemand(t)
			if c.trust != "" {
				bare := s.offer(listed.Name, 5000)
				s.list(bare)
				s.Sources[0].Trust = c.trust
				s.sync(mirror.SyncOptions{})
				listed = s.file(listed.Name)
			}
			if c.content != nil {
				content = c.content(content)
			}
			s.bring("pub:"+listed.Name, listed, content, c.change)
			states := s.states()
			if r := s.sync(mirror.SyncOptions{}); r.Published || r.Folded != 0 || s.states() != states || s.file(listed.Name).Held {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestFoldPassesOverWhatTheCatalogNoLongerSays(t *testing.T) {
	s, listed, content := onDemand(t)
	s.bring("pub:"+name(1), listed, content, nil)
	other := s.offer(name(1), 6000)
	other.SHA1 = sha1Of(body(name(1), 6000))
	s.list(other)
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 0 || s.file(name(1)).Held || r.Left != 1 {
		t.Errorf("stated anew: got %+v", r)
	}
	s.list(s.vouched(name(2), 10))
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 0 || len(s.catalog()) != 1 {
		t.Errorf("left the catalog: got %+v", r)
	}
	s.now = s.now.Add(31 * 24 * time.Hour)
	if s.sync(mirror.SyncOptions{}); s.bindings() != 0 {
		t.Errorf("got %d bindings after their time", s.bindings())
	}
}

func TestBoundObjectsSurviveAPrune(t *testing.T) {
	s, listed, content := onDemand(t)
	s.Grace, s.Keep = -1, -1
	// The content is there before the plan, and needed only after it.
	key := s.bring("pub:"+name(1), listed, content, nil)
	doc, err := s.Store.Bound(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Unbind(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	plan, err := s.PlanPrune(t.Context())
	if err != nil || plan.Count != 1 {
		t.Fatalf("got %+v, %v, want a plan for one object", plan, err)
	}
	s.use(announced{Store: s.Store, then: func() {
		if err := s.dir.Bind(t.Context(), key, doc); err != nil {
			t.Error(err)
		}
	}}, filepath.Join(t.TempDir(), "mark"))
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 {
		t.Errorf("got %+v", r)
	}
	s.clean()
}

// announced is a store in which something happens after each state.
type announced struct {
	store.Store
	then func()
}

func (s announced) Create(ctx context.Context, n uint64, doc []byte) error {
	err := s.Store.Create(ctx, n, doc)
	s.then()
	return err
}

func TestAdoptsWhatAnotherUpdateHolds(t *testing.T) {
	s := newSite(t)
	all, some := s.vouched(name(1), 900), s.vouched(name(2), 900)
	some.SHA256, some.SHA1, some.Size = layout.Digest{}, sha1Of(body(name(1), 900)), 0
	s.list(all)
	s.sync(mirror.SyncOptions{})
	s.list(all, some)
	s.Sources[0].OnDemand = true
	s.sync(mirror.SyncOptions{})
	if f := s.file(name(2)); !f.Held || f.SHA256 != all.SHA256 || f.Best().At.IsZero() {
		t.Errorf("got %+v", f)
	}
	s.clean()
}
