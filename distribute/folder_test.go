package distribute_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/distribute"
	"patchferry/layout"
)

// TestFolders shows files that belong to no update beside those that do, also
// after the view went through its index file.
func TestFolders(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	fx.add("/Software/EN/x/a.exe", []byte("an update"))
	document := fx.add("/elsewhere/a.json", []byte("a document\r\n"))
	extra := fx.updates[1].Files
	fx.updates = fx.updates[:1]
	folders := []distribute.Folder{
		{Path: "bulletins/one", Owner: "one", Files: extra},
		{Path: "bulletins/one/2024", Owner: "one", Files: extra},
		{Path: "bulletins/two", Owner: "two", Files: extra},
	}
	meta := distribute.ViewMeta{State: 1, Digest: document}
	view, err := distribute.BuildView(meta, each(fx.updates), folders...)
	if err != nil {
		t.Fatal(err)
	}
	var index bytes.Buffer
	if _, err := view.WriteTo(&index); err != nil {
		t.Fatal(err)
	}
	if view, err = distribute.ReadView(&index, meta.Key()); err != nil {
		t.Fatal(err)
	}
	if got := view.Counts(); got.Updates != 1 || got.Files != 4 || got.Objects != 2 {
		t.Errorf("counts: got %+v, want 1 update, 4 files, 2 objects", got)
	}
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(view)
	for _, path := range []string{"/bulletins/one/a.json", "/Bulletins/ONE/2024/a.json", "/bulletins/two/a.json"} {
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusOK || w.Body.String() != "a document\r\n" {
			t.Errorf("GET %s: status %d, %q", path, w.Code, w.Body)
		}
	}
	if w := ask(s.Handler(), "/", nil); !strings.Contains(w.Body.String(), "bulletins") {
		t.Errorf("the root does not list the folder: %s", w.Body)
	}
}

func TestFoldersRefuses(t *testing.T) {
	for name, folders := range map[string][]distribute.Folder{
		"a path that climbs":   {{Path: "bulletins/../Software", Owner: "x"}},
		"an empty path":        {{Owner: "x"}},
		"two of one path":      {{Path: "b", Owner: "x", Files: []layout.File{{Name: "a", Held: true}}}, {Path: "B", Owner: "y", Files: []layout.File{{Name: "a", Held: true}}}},
		"two files of a name":  {{Path: "b", Owner: "x", Files: []layout.File{{Name: "a", Held: true}, {Name: "A", Held: true}}}},
		"an update's own path": {{Path: "Software/EN/x", Owner: "x", Files: []layout.File{{Name: "a", Held: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			fx := &fixture{contents: map[string][]byte{}}
			fx.add("/Software/EN/x/a.exe", []byte("an update"))
			if _, err := distribute.BuildView(distribute.ViewMeta{}, each(fx.updates), folders...); err == nil {
				t.Error("BuildView took it")
			}
		})
	}
}

// TestTreeFolders makes folders of documents as files, and takes them away
// with them.
func TestTreeFolders(t *testing.T) {
	g := newGrove(t)
	u := g.update("1", "a document")
	folder := distribute.Folder{Path: "bulletins/one", Owner: "one", Files: u.Files[:1]}
	got, err := g.links().Make(t.Context(), each(nil), folder)
	if err != nil || got.Made != 1 {
		t.Fatalf("Make: %+v, %v", got, err)
	}
	name := filepath.Join(g.dir, "bulletins", "one", "a.exe")
	if b, err := os.ReadFile(name); err != nil || string(b) != "a document" {
		t.Errorf("the document: %q, %v", b, err)
	}
	if _, err := g.links().Make(t.Context(), each(nil), folder, folder); err == nil {
		t.Error("Make took two files of one path")
	}
	if got, err := g.links().Make(t.Context(), each(nil)); err != nil || got.Removed != 1 {
		t.Errorf("without the folder: %+v, %v", got, err)
	}
}
