package bulletins_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream/bulletins"
)

// TestFolderRemembers changes a folder step by step.
func TestFolderRemembers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.txt": "a", "M/cur/1.a:2,": mail, "M/new/2.b": mail, "in": from + mail})
	f := &bulletins.Folder{Path: dir}
	first := list(t, f, nil)
	memory := first.Memory
	stamps := func(l *layout.AnnouncedList) map[string]string {
		all := map[string]string{}
		for _, item := range l.Items {
			all[item.Name] = item.Stamp
		}
		return all
	}
	before := stamps(first)
	step := func(name string, modified bool, change func()) map[string]string {
		t.Helper()
		change()
		l := list(t, &bulletins.Folder{Path: dir}, memory)
		if l.NotModified == modified {
			t.Errorf("%s: got NotModified %v", name, l.NotModified)
		}
		if l.NotModified && len(l.Items)+len(l.Problems) > 0 {
			t.Errorf("%s: got items of a list that was not modified", name)
		}
		memory = l.Memory
		return stamps(l)
	}
	rename := func(from, to string) func() {
		return func() {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	step("nothing", false, func() {})
	step("a mail was read", false, rename("M/new/2.b", "M/cur/2.b:2,S"))
	after := step("a signature came", true, func() { write(t, dir, map[string]string{"a.txt.asc": signature}) })
	if before["a.txt"] == after["a.txt"] {
		t.Error("the stamp of a document is the same after its signature came")
	}
	grown := step("a mailbox grew", true, func() { write(t, dir, map[string]string{"in": from + mail + "\n" + from + "To: c\n\nd\n"}) })
	if name := "in/" + mailID(mail); after[name] == "" || grown[name] != after[name] || len(grown) != len(after)+1 {
		t.Errorf("got %v after a mailbox with %v grew", grown, after)
	}
	step("a document was touched", true, func() {
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "a.txt"), later, later); err != nil {
			t.Fatal(err)
		}
	})
	for name, garbage := range map[string]string{"none": "", "text": "x", "another version": `{"version":99}`, "of another folder": strings.Replace(string(memory), "path\":\"", "path\":\"/else", 1)} {
		if l := list(t, f, json.RawMessage(garbage)); l.NotModified || len(l.Items) != 4+1 {
			t.Errorf("memory that is %s: got NotModified %v and %d items", name, l.NotModified, len(l.Items))
		}
	}
}

// TestFolderForgetsNoProblem lists a folder with a problem twice: it is told
// twice.
func TestFolderForgetsNoProblem(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.txt": "a", "b.txt": "\x00"})
	f := &bulletins.Folder{Path: dir}
	for range 2 {
		l := list(t, f, list(t, f, nil).Memory)
		if l.NotModified || len(l.Items) != 1 || len(l.Problems) != 1 {
			t.Errorf("got %+v", l)
		}
	}
}

// TestFolderFindsWhatMoved gets mails that mail programs moved since the list.
func TestFolderFindsWhatMoved(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"cur/x:2,": mail, "new/1.a": mail, "in.mbox": from + "To: a\n\nb\n\n" + from + mail})
	f := &bulletins.Folder{Path: dir}
	list(t, f, nil)
	if err := os.Rename(filepath.Join(dir, "new", "1.a"), filepath.Join(dir, "cur", "1.a:2,S")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"in.mbox": from + "To: c\n\nlonger than before\n\n" + from + mail})
	for _, folder := range []*bulletins.Folder{f, {Path: dir}} { // the other never listed
		var all sync.WaitGroup
		for _, name := range []string{"1.a", "in.mbox/" + mailID(mail), "1.a"} {
			all.Go(func() {
				a, err := folder.Get(t.Context(), layout.Announced{Name: name}, layout.Validators{})
				if err != nil || string(a.Original) != mail {
					t.Errorf("%s: got %+v and %v", name, a, err)
				}
			})
		}
		all.Wait()
		for _, gone := range []string{"in.mbox/" + mailID("To: a\n\nb\n"), "../in.mbox", "cur/1.a:2,S", ""} {
			if _, err := folder.Get(t.Context(), layout.Announced{Name: gone}, layout.Validators{}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: got %v, want fs.ErrNotExist", gone, err)
			}
		}
	}
}

// TestFolderFindsMailInItsMailbox gets a mail where another stands by now.
func TestFolderFindsMailInItsMailbox(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"in": from + mail})
	f := &bulletins.Folder{Path: dir}
	list(t, f, nil)
	write(t, dir, map[string]string{"in": from + "To: a\n\nb\n\n" + from + mail})
	if a := get(t, f, "in/"+mailID(mail)); string(a.Original) != mail {
		t.Errorf("got %q", a.Original)
	}
}
