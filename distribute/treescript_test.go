package distribute_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

// planted is a grove with the store of a scripted catalog.
type planted struct {
	*grove
	fx *scripted
}

func newPlanted(t *testing.T) *planted {
	t.Helper()
	p := &planted{newGrove(t), newScripted()}
	p.keep()
	return p
}

// keep puts what the catalog has into the store.
func (p *planted) keep() {
	p.t.Helper()
	for _, content := range p.fx.contents {
		d := layout.DigestOf(content)
		if _, err := p.store.Stat(p.t.Context(), d); err == nil {
			continue
		}
		f, err := os.CreateTemp(p.store.StageDir(), "test-*")
		if err != nil {
			p.t.Fatal(err)
		}
		_, err = f.Write(content)
		if err = errors.Join(err, p.store.Put(p.t.Context(), d, int64(len(content)), f), f.Close()); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *planted) tree() *distribute.Tree {
	tree := p.links()
	tree.Scripts = &distribute.TreeScripts{Meta: p.fx.meta, Options: installOptions}
	return tree
}

func (p *planted) make(tree *distribute.Tree) distribute.TreeCounts {
	p.t.Helper()
	counts, err := tree.Make(p.t.Context(), each(p.fx.updates))
	if err != nil {
		p.t.Fatal(err)
	}
	return counts
}

// served returns what a server hands out of the same catalog.
func (p *planted) served() map[string]string {
	p.t.Helper()
	s := &distribute.Server{Source: p.store, Install: installOptions}
	s.Swap(p.fx.view(p.t))
	files := make(map[string]string)
	for _, top := range []string{"/Software/", "/install/"} {
		for name, data := range crawl(p.t, s, top) {
			files[name] = string(data)
		}
	}
	return files
}

// TestTreeIsWhatAServerHandsOut compares both byte for byte over three generations, in
// which updates come, change and go.
func TestTreeIsWhatAServerHandsOut(t *testing.T) {
	p := newPlanted(t)
	for generation, change := range []func(){
		func() {},
		func() {
			p.fx.install("893756", "Windows2000-KB893756-x86-ENU.exe", "EN", "MS05-040", "windows2000")
			p.fx.updates = slices.DeleteFunc(p.fx.updates, func(u *layout.Update) bool { return u.KB == "824146" })
			f := &p.fx.updates[0].Files[0]
			content := []byte("another version under the same name")
			p.fx.contents["/"+f.Path(p.fx.updates[0])] = content
			f.SHA256, f.SHA1, f.Size = layout.DigestOf(content), layout.SHA1{1}, int64(len(content))
		},
		func() { p.fx.updates = p.fx.updates[:1] },
	} {
		change()
		slices.SortFunc(p.fx.updates, func(a, b *layout.Update) int { return strings.Compare(a.ID, b.ID) })
		p.fx.meta.Generation += uint64(generation)
		p.keep()
		first := p.make(p.tree())
		if diff := cmp.Diff(p.served(), p.files()); diff != "" {
			t.Errorf("generation %d (-served +tree):\n%s", generation, diff)
		}
		again := p.make(p.tree())
		if first.Failed != 0 || again.Made != 0 || again.Removed != 0 || again.Failed != 0 || again.Present != len(p.files()) {
			t.Errorf("generation %d: %+v, and then %+v", generation, first, again)
		}
	}
	if counts := p.make(p.links()); counts.Failed != 0 {
		t.Errorf("without scripts: %+v", counts)
	}
	for name := range p.files() {
		if strings.HasPrefix(name, "install/") || strings.HasSuffix(name, ".cmd") {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestTreeNamesNothingThatIsNotThere looks at the tree before each of its changes: what
// the scripts there are about to name is there already, and is there still.
func TestTreeNamesNothingThatIsNotThere(t *testing.T) {
	p := newPlanted(t)
	check := func(step distribute.TreeStep) {
		list, err := filepath.Glob(filepath.Join(p.dir, "install", "hosts", "*", "*", "*", "updates.lst"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range p.fx.updates {
				at := u.Files[0].Path(u)
				if !bytes.Contains(data, []byte(filepath.Base(at))) {
					continue
				}
				if _, err := os.Stat(filepath.Join(p.dir, filepath.FromSlash(at))); err != nil {
					t.Errorf("before %+v: %s names %s, which is not there", step, name, at)
				}
			}
		}
	}
	tree := p.tree()
	tree.Step = check
	p.make(tree)
	all := slices.Clone(p.fx.updates)
	p.fx.meta.Generation++
	keep := p.fx.updates[2:]
	if _, err := tree.Make(t.Context(), each(keep)); err != nil {
		t.Fatal(err)
	}
	p.fx.updates = all
	p.make(tree)
}

// TestTreeGoesOnAfterAKill stops a run at each of its changes in turn, as a kill does:
// the list is what it was before.
func TestTreeGoesOnAfterAKill(t *testing.T) {
	p := newPlanted(t)
	p.make(p.tree())
	list, err := os.ReadFile(filepath.Join(p.dir, distribute.TreeList))
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{1, 2, 20, 60, 100} {
		p.fx.meta.Generation++
		ctx, cancel := context.WithCancel(t.Context())
		tree := p.tree()
		steps := 0
		tree.Step = func(distribute.TreeStep) {
			if steps++; steps == after {
				cancel()
			}
		}
		journal := filepath.Join(p.dir, ".patchferry-tree.journal")
		var kept []byte
		tree.Step = func(s distribute.TreeStep) {
			if steps++; steps == after {
				kept, _ = os.ReadFile(journal) // there is none before the first script
				cancel()
			}
		}
		_, err := tree.Make(ctx, each(p.fx.updates))
		cancel()
		if err == nil && steps >= after {
			t.Logf("%d: the run was over", after)
		}
		write(t, filepath.Join(p.dir, distribute.TreeList), string(list))
		if kept != nil {
			write(t, journal, string(kept)+`{"path":"install/cut o`)
		}
		p.fx.meta.Generation++
		if counts := p.make(p.tree()); counts.Failed != 0 {
			t.Fatalf("after a run that was killed at change %d: %+v", after, counts)
		}
		if diff := cmp.Diff(p.served(), p.files()); diff != "" {
			t.Errorf("after change %d (-served +tree):\n%s", after, diff)
		}
		if list, err = os.ReadFile(filepath.Join(p.dir, distribute.TreeList)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTreeLeavesStrangersWhereScriptsWouldStand(t *testing.T) {
	p := newPlanted(t)
	u := p.fx.updates[0]
	mine := map[string]string{u.Folder + "/README.txt": "mine", "install/this-host.cmd": "mine too"}
	for name, content := range mine {
		write(t, filepath.Join(p.dir, filepath.FromSlash(name)), content)
	}
	write(t, filepath.Join(p.dir, "install", "quiet.reg"), "") // as a loss of power leaves what was not written
	if counts := p.make(p.tree()); counts.Failed != 2 {
		t.Errorf("%+v, want 2 failed", counts)
	}
	for name, content := range mine {
		if got := p.files()[name]; got != content {
			t.Errorf("%s is now %q", name, got)
		}
	}
	if p.files()["install/quiet.reg"] == "" {
		t.Error("an empty file is left in the place of a script")
	}
	if err := os.Remove(filepath.Join(p.dir, "install", "this-host.cmd")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "install", "this-host.ps1"), "changed by somebody")
	p.make(p.tree())
	if p.files()["install/this-host.cmd"] == "" || p.files()["install/this-host.ps1"] != "changed by somebody" {
		t.Error("what is missing was not made, or what somebody changed was replaced")
	}
}

func TestTreeHasNothingThatWasTakenBack(t *testing.T) {
	p := newPlanted(t)
	p.make(p.tree())
	u := p.fx.updates[0]
	p.fx.meta.Revoked = []layout.Revoked{{SHA256: u.Files[0].SHA256, Reason: "broken", At: fixtureTime}}
	p.make(p.tree())
	for name, data := range p.files() {
		if strings.HasPrefix(name, u.Folder) || strings.HasSuffix(name, "updates.lst") && strings.Contains(data, u.Files[0].Name) {
			t.Errorf("%s is, or names, what was taken back", name)
		}
	}
}

// elsewhere is a Linker on another file system than the tree.
type elsewhere struct{}

func (elsewhere) Link(context.Context, layout.Digest, string) error {
	return &os.LinkError{Op: "link", Err: syscall.EXDEV}
}

func TestTreeCopiesToAnotherFileSystem(t *testing.T) {
	p := newPlanted(t)
	tree := p.tree()
	tree.Links = elsewhere{}
	told := 0
	tree.Copying = func(error) { told++ }
	p.make(tree)
	if told != 1 {
		t.Errorf("it was said %d times", told)
	}
	served := p.served()
	maps.DeleteFunc(served, func(name, _ string) bool { // under its other systems a copy would take room again
		return slices.ContainsFunc(p.fx.updates, func(u *layout.Update) bool {
			return slices.Contains(layout.AliasFolders(u), name[:strings.LastIndexByte(name, '/')])
		})
	})
	if diff := cmp.Diff(served, p.files()); diff != "" {
		t.Errorf("(-served +tree):\n%s", diff)
	}
}

func TestTreePreviewNamesScripts(t *testing.T) {
	p := newPlanted(t)
	dry := p.tree()
	dry.DryRun = true
	preview := p.make(dry)
	if len(p.fx.contents) == 0 || preview.Made != p.make(p.tree()).Made {
		t.Errorf("a dry run names %d files, and then others are made", preview.Made)
	}
	p.fx.meta.Generation++
	dry = p.tree()
	dry.DryRun = true
	if counts := p.make(dry); counts.Made == 0 || counts.Failed != 0 {
		t.Errorf("a dry run over a tree: %+v", counts)
	}
	p.fx.meta.Generation--
	if counts := p.make(p.tree()); counts.Made != 0 {
		t.Errorf("the dry run changed %d files", counts.Made)
	}
}
