package distribute_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

// TestListingOfListedFiles shows what is fetched when somebody asks for it, and only
// where it is.
func TestListingOfListedFiles(t *testing.T) {
	content := randomBytes(51, 1000)
	fx := coldFixture(t, content)
	last := fx.updates[len(fx.updates)-1]
	last.Files = append(last.Files,
		layout.File{Name: "nobody-vouches.cab", URL: "https://one.example/a.cab"},
		layout.File{Name: "nobody-hands-it-out.cab", Evidence: last.Files[0].Evidence},
		layout.File{Name: "size-unknown.cab", URL: "https://one.example/b.cab", Evidence: last.Files[0].Evidence},
		layout.File{Name: "mail.cab", URL: "mailto:a@one.example", Evidence: last.Files[0].Evidence})
	index := writeIndex(t, fx.view(t))
	view, err := distribute.ReadView(bytes.NewReader(index), fx.meta.Key())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fx.view(t).Counts(), view.Counts()); diff != "" || view.Counts().Fills != 2 || view.Counts().Missing != 6 {
		t.Errorf("counts %+v (-built +read):\n%s", view.Counts(), diff)
	}
	folder := coldPath[:strings.LastIndexByte(coldPath, '/')+1]
	for _, fills := range []bool{false, true} {
		s := &distribute.Server{Source: fx.memory()}
		if fills {
			s.Filler = &filler{}
		}
		s.Swap(view)
		var list distribute.Listing
		if err := json.Unmarshal(ask(s.Handler(), folder+"?format=json", nil).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		page := ask(s.Handler(), folder, http.Header{"Accept": {"text/html"}}).Body.String()
		if !fills {
			if len(list.Entries) != 0 || list.Files != 0 || list.Missing != 5 || strings.Contains(page, "fetched when") || !strings.Contains(page, "5 more in the catalog are not here yet") {
				t.Errorf("without a filler: %+v\n%s", list, page)
			}
			continue
		}
		list.Entries, list.Files = slices.DeleteFunc(list.Entries, func(e distribute.Entry) bool { return e.Name == "install.cmd" || e.Name == "README.txt" }), 2
		if len(list.Entries) != 2 || list.Missing != 3 || strings.Count(page, "not here yet, fetched when asked for") != 2 {
			t.Fatalf("with a filler: %+v\n%s", list, page)
		}
		if e := list.Entries[0]; e.Name != "size-unknown.cab" || e.Size != nil || e.SHA256 != nil || !e.Fill {
			t.Errorf("the file of unknown size: %+v", e)
		}
		if e := list.Entries[1]; *e.Size != 1000 || e.SHA1 == nil || !e.Fill {
			t.Errorf("the other: %+v", e)
		}
	}
}

// TestListedNames gives a name that two listed files have to one of them, and to a held
// one before others: what is listed alone keeps no catalog from being served.
func TestListedNames(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	fx.add("/Software/x/A.exe", []byte("held"))
	listed := layout.File{Name: "a.exe", URL: "https://one.example/a.exe", Evidence: []layout.Evidence{{Grade: layout.GradeChannel}}}
	twice := listed
	twice.Name = "b.exe"
	fx.updates[0].Files = append([]layout.File{listed, twice, twice}, fx.updates[0].Files...)
	view := fx.view(t)
	if got := view.Counts(); got.Files != 1 || got.Missing != 3 || got.Fills != 1 {
		t.Errorf("counts %+v", got)
	}
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(view)
	if w := ask(s.Handler(), "/Software/x/a.exe", nil); w.Body.String() != "held" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// TestTag serves a file under the tag that the catalog keeps for it, everywhere but by
// its digest, and under its digest where the tag cannot be one.
func TestTag(t *testing.T) {
	for tag, want := range map[string]string{"": "", "0123-1": `"0123-1"`, `a"b`: "", "a b": "", "a\nb": "", "ä": ""} {
		fx := coldFixture(t, []byte("cold"))
		g := &growing{etag: `"x"`, modified: fixtureTime.Time()}
		fx.fold([]byte("cold"), g)
		fx.updates[len(fx.updates)-1].Files[0].Tag = tag
		digest := `"` + layout.DigestOf([]byte("cold")).String() + `"`
		if want == "" {
			want = digest
		}
		view, err := distribute.ReadView(bytes.NewReader(writeIndex(t, fx.view(t))), fx.meta.Key())
		if err != nil {
			t.Fatal(err)
		}
		s := &distribute.Server{Source: fx.memory()}
		s.Swap(view)
		sha1, _ := layout.ParseSHA1(coldSHA1)
		for path, want := range map[string]string{
			coldPath: want, layout.ContentPath(sha1, "msu"): want, coldURL[len("http://"+msHost):]: want,
			"/objects/sha256/" + strings.Trim(digest, `"`): digest,
		} {
			if got := ask(s.Handler(), path, nil).Header().Get("Etag"); got != want {
				t.Errorf("tag %q, %s: %s, want %s", tag, path, got, want)
			}
		}
	}
}

// TestReadViewOfAnotherVersion makes the view anew.
func TestReadViewOfAnotherVersion(t *testing.T) {
	fx := newFixture()
	index := writeIndex(t, fx.view(t))
	old := bytes.Replace(index, []byte("patchferry view 3\n"), []byte("patchferry view 2\n"), 1)
	if _, err := distribute.ReadView(bytes.NewReader(old), fx.meta.Key()); !errors.Is(err, distribute.ErrIndex) || !strings.Contains(err.Error(), "another version") {
		t.Errorf("ReadView: %v", err)
	}
}

// TestManyOrigins keeps the URLs of files beyond the origins that it has room for.
func TestManyOrigins(t *testing.T) {
	const origins = 1<<16 + 5
	u := &layout.Update{ID: "test:1", Folder: "Software/x"}
	for n := range origins {
		u.Files = append(u.Files, layout.File{Name: fmt.Sprint(n), URL: fmt.Sprintf("https://h%d.example/f%d", n, n), Evidence: []layout.Evidence{{Grade: layout.GradeChannel}}})
	}
	view, err := distribute.BuildView(distribute.ViewMeta{}, each([]*layout.Update{u}))
	if err != nil {
		t.Fatal(err)
	}
	f := &filler{}
	s := &distribute.Server{Source: memory{}, Filler: f}
	s.Swap(view)
	ask(s.Handler(), "/f1", nil)
	ask(s.Handler(), fmt.Sprintf("/Software/x/%d", origins-1), nil)
	if len(f.asked) != 2 || f.asked[0].File.URL != "https://h1.example/f1" || f.asked[1].File.URL != fmt.Sprintf("https://h%d.example/f%[1]d", origins-1) {
		t.Errorf("asked for %+v", f.asked)
	}
}

// TestTagOfSeveral keeps the tag under which hosts began, where another update has the
// same file without one.
func TestTagOfSeveral(t *testing.T) {
	fx := coldFixture(t, []byte("cold"))
	fx.fold([]byte("cold"), &growing{etag: `"0123-1"`, modified: fixtureTime.Time()})
	fx.add("/Software/older/other.msu", []byte("cold"))
	older := &fx.updates[len(fx.updates)-1].Files[0]
	sha1, _ := layout.ParseSHA1(coldSHA1)
	older.SHA1, older.URL, older.Modified = sha1, coldURL, layout.At(fixtureTime.Time().AddDate(-1, 0, 0))
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	for _, path := range []string{layout.ContentPath(sha1, "msu"), coldURL[len("http://"+msHost):]} {
		if got := ask(s.Handler(), path, nil).Header().Get("Etag"); got != `"0123-1"` {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// TestReadViewUnsound refuses an index whose checksum is right and whose records lead
// nowhere.
func TestReadViewUnsound(t *testing.T) {
	fx := coldFixture(t, []byte("cold"))
	index := writeIndex(t, fx.view(t))
	sha1, _ := layout.ParseSHA1(coldSHA1)
	at := bytes.Index(index, append(sha1[:], 1, 0, 0, 0)) // where the record says which extra is its own
	if at < 67 {
		t.Fatal("the record is not found")
	}
	record := at - 67
	for name, offset := range map[string]int{"nothing": -1, "name": 3, "URL": 9, "update": 15, "origin": 17, "size": 26, "extra": 90} {
		damaged := bytes.Clone(index[:len(index)-32])
		if offset >= 0 {
			damaged[record+offset] = 0xff
		}
		sum := layout.DigestOf(damaged)
		_, err := distribute.ReadView(bytes.NewReader(append(damaged, sum[:]...)), fx.meta.Key())
		if (err == nil) != (offset < 0) || err != nil && !errors.Is(err, distribute.ErrIndex) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
