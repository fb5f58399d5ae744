package distribute_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/store"
)

// grove is a store with updates, and a folder for a tree.
type grove struct {
	t     *testing.T
	store *store.Dir
	dir   string
}

func newGrove(t *testing.T) *grove {
	t.Helper()
	base := t.TempDir()
	s, err := store.CreateDir(filepath.Join(base, "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &grove{t: t, store: s, dir: filepath.Join(base, "tree")}
}

// update puts content into the store and returns an update with it as a.exe,
// and with a file that is only listed.
func (g *grove) update(id, content string) *layout.Update {
	g.t.Helper()
	f, err := os.CreateTemp(g.store.StageDir(), "test-*")
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		g.t.Fatal(err)
	}
	d := layout.DigestOf([]byte(content))
	if err := g.store.Put(g.t.Context(), d, int64(len(content)), f); err != nil {
		g.t.Fatal(err)
	}
	u := &layout.Update{
		ID: "test:" + id, Type: layout.Software, OS: []layout.OS{"windowsxp"}, Arch: []layout.Arch{"x86"}, Language: "EN",
		Files: []layout.File{
			{Name: "a.exe", Held: true, SHA256: d, Size: int64(len(content)), Modified: layout.At(time.Date(2004, 4, 13, 0, 0, 0, 0, time.UTC))},
			{Name: "listed.exe", URL: "https://dl.example.net/listed.exe"},
		},
	}
	u.Folder = layout.ProposeFolder(u)
	return u
}

// file is the path of the update's file in the tree.
func file(u *layout.Update) string { return u.Files[0].Path(u) }

func (g *grove) links() *distribute.Tree {
	return &distribute.Tree{Dir: g.dir, Links: g.store, Source: g.store}
}

func (g *grove) grow(tree *distribute.Tree, want distribute.TreeCounts, updates ...*layout.Update) {
	g.t.Helper()
	got, err := tree.Make(g.t.Context(), each(updates))
	if err != nil {
		g.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		g.t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// files returns the content of the tree's files, without the list; a folder
// that is empty is there too, with a slash at its end.
func (g *grove) files() map[string]string {
	g.t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(g.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == g.dir || d.Name() == distribute.TreeList {
			return err
		}
		rel, err := filepath.Rel(g.dir, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			entries, err := os.ReadDir(name)
			if len(entries) == 0 {
				files[filepath.ToSlash(rel)+"/"] = ""
			}
			return err
		}
		content, err := os.ReadFile(name)
		files[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return files
}

func (g *grove) holds(want map[string]string) {
	g.t.Helper()
	if diff := cmp.Diff(want, g.files()); diff != "" {
		g.t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestTreeFollowsTheCatalog(t *testing.T) {
	for _, way := range []string{"links", "copies"} {
		t.Run(way, func(t *testing.T) {
			g := newGrove(t)
			tree := g.links()
			if way == "copies" {
				tree.Links = nil
			}
			one, two := g.update("one", "1"), g.update("two", "22")
			g.grow(tree, distribute.TreeCounts{Made: 2, Bytes: 3}, one, two)
			g.holds(map[string]string{file(one): "1", file(two): "22"})
			g.grow(tree, distribute.TreeCounts{Present: 2}, one, two)
			g.grow(tree, distribute.TreeCounts{Present: 1, Removed: 1}, two)
			changed := g.update("two", "333")
			g.grow(tree, distribute.TreeCounts{Made: 1, Removed: 1, Bytes: 3}, changed)
			g.holds(map[string]string{file(changed): "333"})
			g.grow(tree, distribute.TreeCounts{Removed: 1})
			g.holds(map[string]string{})
		})
	}
}

func TestTreeLinksAndDatesFiles(t *testing.T) {
	g := newGrove(t)
	u := g.update("one", "1")
	g.grow(g.links(), distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	linked, err := os.Stat(filepath.Join(g.dir, filepath.FromSlash(file(u))))
	if err != nil {
		t.Fatal(err)
	}
	object, err := g.store.File(t.Context(), u.Files[0].SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	info, err := object.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(linked, info) {
		t.Error("the file is no link of the object")
	}
	g.dir += "-copy"
	g.grow(&distribute.Tree{Dir: g.dir, Source: g.store}, distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	copied, err := os.Stat(filepath.Join(g.dir, filepath.FromSlash(file(u))))
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(copied, info) || !copied.ModTime().Equal(u.Files[0].Modified.Time()) {
		t.Errorf("the copy is a link, or dated %v", copied.ModTime())
	}
}

func TestTreeShowsAnUpdateUnderAllItsSystems(t *testing.T) {
	g := newGrove(t)
	u := g.update("one", "1")
	u.OS = []layout.OS{"windowsxp", "windows2000"}
	u.Folder = layout.ProposeFolder(u)
	alias := layout.AliasFolders(u)[0] + "/a.exe"
	g.grow(g.links(), distribute.TreeCounts{Made: 2, Bytes: 2}, u)
	g.holds(map[string]string{file(u): "1", alias: "1"})
	g.dir += "-copy"
	g.grow(&distribute.Tree{Dir: g.dir, Source: g.store}, distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	g.holds(map[string]string{file(u): "1"})
}

func TestTreeLeavesStrangersAlone(t *testing.T) {
	g := newGrove(t)
	u := g.update("one", "1")
	g.grow(g.links(), distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	two := g.update("two", "22")
	strangers := map[string]string{u.Folder + "/mine.txt": "mine", file(two): "in the way", "notes.txt": "n"}
	for name, content := range strangers {
		write(t, filepath.Join(g.dir, filepath.FromSlash(name)), content)
	}
	var steps []distribute.TreeStep
	tree := g.links()
	tree.Step = func(s distribute.TreeStep) { steps = append(steps, s) }
	g.grow(tree, distribute.TreeCounts{Removed: 1, Failed: 1}, two)
	want := []distribute.TreeStep{
		{Do: "in the way", Path: file(two), SHA256: two.Files[0].SHA256},
		{Do: "remove", Path: file(u), SHA256: u.Files[0].SHA256},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	for name, content := range strangers {
		if got := g.files()[name]; got != content {
			t.Errorf("%s is now %q", name, got)
		}
	}
}

func TestTreeLeavesWhatSomebodyChanged(t *testing.T) {
	g := newGrove(t)
	tree := &distribute.Tree{Dir: g.dir, Source: g.store}
	u := g.update("one", "1")
	g.grow(tree, distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	write(t, filepath.Join(g.dir, filepath.FromSlash(file(u))), "changed")
	g.grow(tree, distribute.TreeCounts{Failed: 1})
	if got := g.files()[file(u)]; got != "changed" {
		t.Errorf("the changed file is now %q", got)
	}
}

// TestTreeTakesUpAnInterruptedRun loses the list, as a run without power does.
func TestTreeTakesUpAnInterruptedRun(t *testing.T) {
	g := newGrove(t)
	u := g.update("one", "1")
	g.grow(g.links(), distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	if err := os.Remove(filepath.Join(g.dir, distribute.TreeList)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(g.dir, ".patchferry-tree.new"), "half a file")
	g.grow(g.links(), distribute.TreeCounts{Present: 1, Made: 1, Bytes: 2}, u, g.update("two", "22"))
	g.grow(g.links(), distribute.TreeCounts{Removed: 2})
	g.holds(map[string]string{})
}

func TestTreeDryRunChangesNothing(t *testing.T) {
	g := newGrove(t)
	dry := g.links()
	dry.DryRun = true
	u := g.update("one", "1")
	g.grow(dry, distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	if _, err := os.Stat(g.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the folder was made: %v", err)
	}
	g.grow(g.links(), distribute.TreeCounts{Made: 1, Bytes: 1}, u)
	before := g.files()
	g.grow(dry, distribute.TreeCounts{Made: 1, Removed: 1, Bytes: 2}, g.update("two", "22"))
	g.holds(before)
}

func TestTreeRefuses(t *testing.T) {
	broken := errors.New("broken catalog")
	tests := []struct {
		name  string
		setup func(g *grove) []*layout.Update
		err   error // nil: any
	}{
		{"a path that leaves the folder", func(g *grove) []*layout.Update {
			u := g.update("one", "1")
			u.Folder = "../out"
			return []*layout.Update{u}
		}, nil},
		{"a path through a symbolic link", func(g *grove) []*layout.Update {
			out := g.t.TempDir()
			if err := os.MkdirAll(g.dir, 0o755); err != nil {
				g.t.Fatal(err)
			}
			if err := os.Symlink(out, filepath.Join(g.dir, "Software")); err != nil {
				if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "symlink") {
					g.t.Fatal("needs symbolic links, as PATCHFERRY_REQUIRE says")
				}
				g.t.Skipf("SKIP: needs symbolic links: %v", err)
			}
			return []*layout.Update{g.update("one", "1")}
		}, nil},
		{"two updates in one folder", func(g *grove) []*layout.Update {
			one, two := g.update("one", "1"), g.update("two", "2")
			two.Folder = strings.ToUpper(one.Folder)
			return []*layout.Update{one, two}
		}, nil},
		{"an object that is gone", func(g *grove) []*layout.Update {
			u := g.update("one", "1")
			if err := g.store.Delete(g.t.Context(), u.Files[0].SHA256); err != nil {
				g.t.Fatal(err)
			}
			return []*layout.Update{u}
		}, fs.ErrNotExist},
		{"a catalog that breaks off", func(*grove) []*layout.Update { return nil }, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGrove(t)
			updates := tt.setup(g)
			seq := func(yield func(*layout.Update, error) bool) {
				for _, u := range updates {
					if !yield(u, nil) {
						return
					}
				}
				if errors.Is(tt.err, broken) {
					yield(nil, broken)
				}
			}
			_, err := g.links().Make(t.Context(), seq)
			if err == nil || tt.err != nil && !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
		})
	}
}

func TestTreeCopiesOnlyRightBytes(t *testing.T) {
	g := newGrove(t)
	u := g.update("one", "right")
	name := filepath.Join(filepath.Dir(g.store.StageDir()), filepath.FromSlash(store.ObjectKey(u.Files[0].SHA256)))
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, name, "wrong")
	_, err := (&distribute.Tree{Dir: g.dir, Source: g.store}).Make(t.Context(), each([]*layout.Update{u}))
	var mismatch *layout.MismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v, want a *layout.MismatchError", err)
	}
	for name := range g.files() {
		if filepath.Ext(name) == ".exe" || filepath.Base(name) == ".patchferry-tree.new" {
			t.Errorf("%s was left behind", name)
		}
	}
}

func TestTreeStopsAndGoesOn(t *testing.T) {
	g := newGrove(t)
	updates := []*layout.Update{g.update("one", "1"), g.update("two", "22")}
	ctx, cancel := context.WithCancel(t.Context())
	tree := g.links()
	tree.Step = func(distribute.TreeStep) { cancel() }
	if _, err := tree.Make(ctx, each(updates)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	list, err := os.ReadFile(filepath.Join(g.dir, distribute.TreeList))
	if err != nil || bytes.Count(list, []byte("\n")) > 1 {
		t.Fatalf("list of an interrupted run: %q, %v", list, err)
	}
	made := 2 - bytes.Count(list, []byte("\n"))
	got, err := g.links().Make(t.Context(), each(updates))
	if err != nil || got.Made != made || got.Failed != 0 {
		t.Fatalf("got %+v, %v, want %d made", got, err, made)
	}
}

func TestTreeRefusesADamagedList(t *testing.T) {
	for _, list := range []string{"{", `{"path":"../../etc/passwd"}`, `{"path":"/etc/passwd"}`} {
		g := newGrove(t)
		write(t, filepath.Join(g.dir, distribute.TreeList), list)
		if _, err := g.links().Make(t.Context(), each(nil)); err == nil {
			t.Errorf("the list %q is taken", list)
		}
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
