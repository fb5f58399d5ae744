package mirror_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"patchferry/layout"
	"patchferry/mirror"
)

// TestSyncsOfChangingSources draws lists of two sources that grow, shrink and
// change, and holds the catalog after each sync against a plain model of what
// it must be.
func TestSyncsOfChangingSources(t *testing.T) {
	fewerChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := newSite(t)
		defer s.pub.Close()
		s.Parallel = 4
		for _, source := range []string{"a", "b"} {
			s.Sources = append(s.Sources, s.source(source, s.pub.URL("/"+source)))
		}
		model := map[string]entry{}
		for range rapid.IntRange(1, 5).Draw(rt, "syncs") {
			s.now = s.now.Add(time.Hour)
			for _, source := range []string{"a", "b"} {
				listed := drawList(rt, source)
				s.offerList(source, listed)
				model = next(model, source, listed)
			}
			_, err := s.Sync(t.Context(), mirror.SyncOptions{})
			if err != nil && !errors.Is(err, mirror.ErrPartial) {
				rt.Fatalf("sync: %v", err)
			}
			s.compare(rt, model)
			states := s.states()
			if _, err := s.Sync(t.Context(), mirror.SyncOptions{}); errors.Is(err, mirror.ErrPartial) != s.unheld(model) || s.states() != states {
				rt.Fatalf("the second sync: %v, %d new states", err, s.states()-states)
			}
		}
		s.clean()
	})
}

// fewerChecks draws 25 times where the command line says nothing: each draw is
// a whole site with up to ten syncs over TLS.
func fewerChecks(t *testing.T) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("25"); err != nil {
			t.Fatal(err)
		}
	}
}

// entry is an update of the model, with one file.
type entry struct {
	version  int  // of its content
	vouched  bool // the list states its digest
	held     bool
	delisted bool
}

func drawList(rt *rapid.T, source string) map[string]entry {
	listed := map[string]entry{}
	for i := range 6 {
		if rapid.IntRange(0, 2).Draw(rt, fmt.Sprintf("%s%d listed", source, i)) == 0 {
			continue
		}
		listed[fmt.Sprintf("%s:%s", source, name(i))] = entry{
			version: rapid.IntRange(1, 2).Draw(rt, "version"),
			vouched: rapid.IntRange(0, 4).Draw(rt, "vouched") > 0,
		}
	}
	return listed
}

// next is what a sync makes of the model's part of one source.
func next(model map[string]entry, source string, listed map[string]entry) map[string]entry {
	after := maps.Clone(model)
	for id, was := range model {
		if _, ok := listed[id]; ok || !strings.HasPrefix(id, source+":") {
			continue
		}
		was.delisted = true
		after[id] = was
		if !was.held {
			delete(after, id)
		}
	}
	for id, now := range listed {
		was := model[id]
		now.held = now.vouched
		if was.held && !now.vouched {
			// Nothing is stated, the URL is the same: what is held stays.
			now.held, now.version = true, was.version
		}
		after[id] = now
	}
	return after
}

// content is what a version of a file has at its publisher. Both versions are
// offered under one URL, so a list that states the other version's digest
// finds wrong bytes; the publisher therefore always has the listed one.
func (s *site) offerList(source string, listed map[string]entry) {
	list := []byte{} // not nil: the publisher would have no list at all
	for _, id := range slices.Sorted(maps.Keys(listed)) {
		e := listed[id]
		fileName := strings.TrimPrefix(id, source+":")
		path := "/files/" + source + "/" + fileName
		content := body(fmt.Sprint(id, e.version), 500+e.version)
		s.pub.Put(path, content)
		f := layout.File{Name: fileName, URL: s.pub.URL(path)}
		if e.vouched {
			f.SHA256 = layout.DigestOf(content)
		}
		list = append(list, s.encode(source, f)...)
	}
	s.pub.Put("/"+source, list)
}

func (s *site) compare(rt *rapid.T, model map[string]entry) {
	catalog := s.catalog()
	if got, want := slices.Sorted(maps.Keys(catalog)), slices.Sorted(maps.Keys(model)); !slices.Equal(got, want) {
		rt.Fatalf("got updates %v\nwant %v", got, want)
	}
	folders := map[string]string{}
	for id, want := range model {
		u := catalog[id]
		if other := folders[layout.Fold(u.Folder)]; other != "" {
			rt.Fatalf("%s and %s share %s", id, other, u.Folder)
		}
		folders[layout.Fold(u.Folder)] = id
		f := u.Files[0]
		if f.Held != want.held || (u.Delisted != "") != want.delisted {
			rt.Fatalf("%s: got %+v\nwant %+v", id, u, want)
		}
		if f.Held && f.SHA256 != layout.DigestOf(body(fmt.Sprint(id, want.version), 500+want.version)) {
			rt.Fatalf("%s: not the content of version %d", id, want.version)
		}
	}
}

// unheld reports whether the model has listed files that cannot be had.
func (s *site) unheld(model map[string]entry) bool {
	for _, e := range model {
		if !e.held {
			return true
		}
	}
	return false
}
