package distribute_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

func TestBuildViewRefuses(t *testing.T) {
	held := func(name string) layout.File {
		return layout.File{Name: name, SHA256: layout.DigestOf([]byte(name)), Size: 1, Held: true}
	}
	broken := errors.New("no more")
	for _, tc := range []struct {
		name    string
		updates iter.Seq2[*layout.Update, error]
		want    string
	}{
		{"a folder with two owners", each([]*layout.Update{
			{ID: "a:1", Folder: "Software/EN/x", Files: []layout.File{held("a")}},
			{ID: "a:2", Folder: "Software/en/X", Files: []layout.File{held("b")}},
		}), "two updates have the folder X"},
		{"a name with two files", each([]*layout.Update{
			{ID: "a:1", Folder: "Software/EN/x", Files: []layout.File{held("a.exe"), held("A.EXE")}},
		}), `two files are called "A.EXE"`},
		{"an empty name", each([]*layout.Update{
			{ID: "a:1", Folder: "Software/EN/", Files: []layout.File{held("a.exe")}},
		}), "has an empty name"},
		{"a sequence that fails", func(yield func(*layout.Update, error) bool) { yield(nil, broken) }, "no more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := distribute.BuildView(distribute.ViewMeta{}, tc.updates)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("BuildView: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	fx := newFixture()
	twin := *fx.updates[0]
	twin.ID, twin.Folder = "test:twin", "Software/EN/com_microsoft.other/any/twin"
	fx.updates = append(fx.updates, &twin)
	got := fx.view(t).Counts()
	want := distribute.ViewCounts{Updates: 6, Files: 6, Missing: 2, Objects: 5, Bytes: 3<<20 + 17 + 70_000 + 1000 + 4096}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestAliases finds an update under each of its systems, and the update that
// owns a folder in it whatever other aliases say.
func TestAliases(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	u := &layout.Update{ID: "test:both", Type: layout.Software, KB: "835732", Language: "EN",
		OS: []layout.OS{"windows2000", "windowsxp"}, Arch: []layout.Arch{"x86"}}
	u.Folder = layout.ProposeFolder(u)
	d := fx.add("/"+u.Folder+"/both.exe", []byte("both"))
	u.Files = fx.updates[0].Files
	aliases := layout.AliasFolders(u)
	if len(aliases) == 0 {
		t.Fatal("the update has no alias")
	}
	owner := fx.add("/"+aliases[0]+"/own.exe", []byte("own"))
	fx.updates[0] = u
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	for path, want := range map[string]layout.Digest{
		"/" + u.Folder + "/both.exe":    d,
		"/" + aliases[0] + "/own.exe":   owner,
		"/" + aliases[0] + "/both.exe":  {},
		"/Software/EN/nothing/both.exe": {},
	} {
		w := ask(s.Handler(), path, nil)
		if want.IsZero() != (w.Code == http.StatusNotFound) || !want.IsZero() && layout.DigestOf(w.Body.Bytes()) != want {
			t.Errorf("GET %s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
	fx.updates = fx.updates[:1]
	s.Swap(fx.view(t))
	if w := ask(s.Handler(), "/"+aliases[0]+"/both.exe", nil); layout.DigestOf(w.Body.Bytes()) != d {
		t.Errorf("GET of the alias: status %d", w.Code)
	}
}

// TestSameSHA1 refuses to choose between files that differ and share a SHA-1.
func TestSameSHA1(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	fx.add("/Software/a/1.exe", []byte("one"))
	fx.add("/Software/b/2.exe", []byte("two"))
	fx.updates[1].Files[0].SHA1 = fx.updates[0].Files[0].SHA1
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	path := layout.ContentPath(fx.updates[0].Files[0].SHA1, "exe")
	if w := ask(s.Handler(), path, nil); w.Code != http.StatusNotFound {
		t.Errorf("GET %s: status %d, want 404", path, w.Code)
	}
}

// TestObjectKeepsItsDate takes the earliest date of an object's files, so that
// an update that comes later does not change the validators.
func TestObjectKeepsItsDate(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	d := fx.add("/Software/b/1.exe", []byte("one"))
	fx.add("/Software/a/1.exe", []byte("one"))
	fx.updates[0].ID, fx.updates[1].ID = "test:2", "test:1"
	fx.updates[1].Files[0].Modified = layout.At(fixtureTime.Time().AddDate(1, 0, 0))
	fx.updates[0], fx.updates[1] = fx.updates[1], fx.updates[0]
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	w := ask(s.Handler(), "/objects/sha256/"+d.String(), nil)
	if got, want := w.Header().Get("Last-Modified"), fixtureTime.Time().Format(http.TimeFormat); got != want {
		t.Errorf("Last-Modified is %q, want %q", got, want)
	}
}

// TestAbsentObject answers 404 with the reason for an object that the catalog
// has and this side not yet, also from an index file.
func TestAbsentObject(t *testing.T) {
	fx := newFixture()
	for _, name := range []string{"b", "a", "c"} {
		fx.meta.Absent = append(fx.meta.Absent, layout.DigestOf([]byte(name)))
	}
	built := fx.view(t)
	read, err := distribute.ReadView(bytes.NewReader(writeIndex(t, built)), fx.meta.Key())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*distribute.View{built, read} {
		s := &distribute.Server{Source: fx.memory()}
		s.Swap(v)
		for _, d := range fx.meta.Absent {
			w := ask(s.Handler(), "/objects/sha256/"+d.String(), nil)
			if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "content is not here yet") {
				t.Errorf("%s: status %d, %q", d, w.Code, w.Body)
			}
		}
	}
}

// TestRevokedObject answers 410 for an object that was taken back, also when
// the catalog no longer names it.
func TestRevokedObject(t *testing.T) {
	fx := newFixture()
	fx.meta.Revoked = append(fx.meta.Revoked, layout.Revoked{SHA256: layout.DigestOf([]byte("forgotten"))})
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	for _, r := range fx.meta.Revoked {
		if w := ask(s.Handler(), "/objects/sha256/"+r.SHA256.String(), nil); w.Code != http.StatusGone {
			t.Errorf("%s: status %d, want 410", r.SHA256, w.Code)
		}
	}
}

func TestIndexRoundTrip(t *testing.T) {
	fx := newFixture()
	built := fx.view(t)
	index := writeIndex(t, built)
	read, err := distribute.ReadView(iotest.HalfReader(bytes.NewReader(index)), fx.meta.Key())
	if err != nil {
		t.Fatal(err)
	}
	if again := writeIndex(t, read); !bytes.Equal(index, again) {
		t.Error("the index of the view that was read is another")
	}
	for _, path := range []string{"/", "/Software/", "/" + w2kFolder + "/", "/Drivers/EN/"} {
		if diff := cmp.Diff(listed(t, fx, built, path), listed(t, fx, read, path)); diff != "" {
			t.Errorf("GET %s (-built +read):\n%s", path, diff)
		}
	}
}

func writeIndex(t testing.TB, v *distribute.View) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := v.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d bytes of %d, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func listed(t testing.TB, fx *fixture, v *distribute.View, path string) string {
	t.Helper()
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(v)
	w := ask(s.Handler(), path+"?format=json", nil)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d", path, w.Code)
	}
	return w.Body.String()
}

func TestReadViewRefuses(t *testing.T) {
	fx := newFixture()
	index := writeIndex(t, fx.view(t))
	key := fx.meta.Key()
	t.Run("another state", func(t *testing.T) {
		_, err := distribute.ReadView(bytes.NewReader(index), distribute.Key{State: key.State + 1, Digest: key.Digest})
		if !errors.Is(err, distribute.ErrIndex) {
			t.Errorf("ReadView: %v, want ErrIndex", err)
		}
	})
	t.Run("another generation", func(t *testing.T) {
		_, err := distribute.ReadView(bytes.NewReader(index), distribute.Key{State: key.State})
		if !errors.Is(err, distribute.ErrIndex) {
			t.Errorf("ReadView: %v, want ErrIndex", err)
		}
	})
	t.Run("a changed byte", func(t *testing.T) {
		for i := range index {
			damaged := bytes.Clone(index)
			damaged[i] ^= 1
			if _, err := distribute.ReadView(bytes.NewReader(damaged), key); !errors.Is(err, distribute.ErrIndex) {
				t.Fatalf("byte %d changed: %v, want ErrIndex", i, err)
			}
		}
	})
	t.Run("cut short", func(t *testing.T) {
		for n := range index {
			if _, err := distribute.ReadView(bytes.NewReader(index[:n]), key); !errors.Is(err, distribute.ErrIndex) {
				t.Fatalf("the first %d bytes: %v, want ErrIndex", n, err)
			}
		}
	})
	t.Run("a disk that fails", func(t *testing.T) {
		broken := errors.New("input/output error")
		_, err := distribute.ReadView(io.MultiReader(bytes.NewReader(index[:100]), iotest.ErrReader(broken)), key)
		if !errors.Is(err, broken) {
			t.Errorf("ReadView: %v, want the error of the disk", err)
		}
	})
}

// FuzzReadView reads any bytes with the checksum set right: whatever it
// accepts must serve without a fault.
func FuzzReadView(f *testing.F) {
	fx := newFixture()
	index := writeIndex(f, fx.view(f))
	f.Add(index[:len(index)-32])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := layout.DigestOf(body)
		v, err := distribute.ReadView(bytes.NewReader(append(bytes.Clone(body), sum[:]...)), fx.meta.Key())
		if err != nil {
			return
		}
		s := &distribute.Server{Source: fx.memory()}
		s.Swap(v)
		for _, path := range []string{"/", "/Software/", w2kPath, "/" + w2kFolder + "/", "/Software/ALL/?after=z", "/install/updates/", "/install/hosts/", "/install/bulletins/", "/" + w2kFolder + "/install.cmd"} {
			ask(s.Handler(), path, nil)
		}
	})
}

// TestPaging walks a folder that is too long for one answer.
func TestPaging(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	var want []string
	for i := range 1500 {
		fx.add(fmt.Sprintf("/Software/Many/F%04d/x.exe", i), nil)
		want = append(want, fmt.Sprintf("F%04d/", i))
	}
	many := &layout.Update{ID: "test:many", Folder: "Software/Many"}
	for i := range 1700 {
		many.Files = append(many.Files, layout.File{Name: fmt.Sprintf("f %04d&.exe", i), Held: true})
		want = append(want, fmt.Sprintf("f %04d&.exe", i))
	}
	fx.updates = append(fx.updates, many)
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	var got []string
	for path, pages := "/Software/Many/", 0; path != ""; pages++ {
		w := ask(s.Handler(), path, http.Header{"Accept": {"application/json"}})
		var list distribute.Listing
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Entries) > 1000 || list.Folders != 1500 || list.Files != 1700 || pages > 4 {
			t.Fatalf("page %d: %d entries, %d folders, %d files", pages, len(list.Entries), list.Folders, list.Files)
		}
		for _, e := range list.Entries {
			name := e.Name
			if e.Dir() {
				name += "/"
			}
			got = append(got, name)
		}
		path = list.Next
		if path != "" {
			path = "/Software/Many/" + path
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
	page := ask(s.Handler(), "/Software/Many/", http.Header{"Accept": {"text/html"}}).Body.String()
	if want := `<a rel="next" href="?after=F0999%2F">`; !strings.Contains(page, want) {
		t.Errorf("the page has no %s", want)
	}
}
