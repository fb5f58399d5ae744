package mirror_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/cab/cabtest"
	"patchferry/mirror"
)

// packedFile is a file of a service pack.
type packedFile = cabtest.File

// servicePack makes a program that unpacks files: bytes of a program, then a cabinet.
func servicePack(files ...packedFile) []byte {
	return selfExtracting(cabtest.Cabinet{Files: files, Method: cabtest.Stored})
}

func selfExtracting(c cabtest.Cabinet) []byte {
	return slices.Concat([]byte("MZ"), body("stub", 3000), c.Bytes())
}

// w2ksp4 is a small service pack of Windows 2000.
func w2ksp4() []byte { return servicePack(sp4Content...) }

var sp4Content = []packedFile{
	{Name: `i386\update\update.exe`, Data: body("update.exe", 70_000)},
	{Name: `i386\update\Update.msi`, Data: body("Update.msi", 9_000)},
	{Name: `i386\update\empty.txt`},
	{Name: `i386\srv.sy_`, Data: body("srv.sy_", 40_000)},
	{Name: `readme.htm`, Data: []byte("read me")},
}

const sp4 = "W2KSP4_EN.EXE"

// offerPack puts a package at the publisher.
func (s *site) offerPack(name string, content []byte) layout.File {
	s.pub.Put("/files/"+name, content)
	return layout.File{Name: name, URL: s.pub.URL("/files/" + name), SHA256: layout.DigestOf(content), Size: int64(len(content))}
}

// extracted returns what was taken out of the files of update pub:name, by path in
// its folder.
func (s *site) extracted(name string) map[string]layout.File {
	s.t.Helper()
	u := s.catalog()["pub:"+name]
	if u == nil {
		s.t.Fatalf("pub:%s is not in the catalog", name)
	}
	files := map[string]layout.File{}
	for _, f := range u.Files {
		if !f.From.IsZero() {
			files[strings.TrimPrefix(f.Path(u), u.Folder+"/")] = f
		}
	}
	return files
}

func paths(files map[string]layout.File) string {
	return strings.Join(slices.Sorted(maps.Keys(files)), " ")
}

const sp4Paths = "W2KSP4_EN/i386/srv.sy_ W2KSP4_EN/i386/update/Update.msi W2KSP4_EN/i386/update/empty.txt W2KSP4_EN/i386/update/update.exe W2KSP4_EN/readme.htm"

func TestServicePackIsTakenApart(t *testing.T) {
	s := newSite(t)
	pack := s.offerPack(sp4, w2ksp4())
	s.list(pack, s.vouched(name(1), 500))
	r := s.sync(mirror.SyncOptions{})
	if r.Extracted != 5 || r.New != 2 || r.Counts.Held != 7 || len(r.Unextracted) != 0 {
		t.Errorf("got %+v", r)
	}
	files := s.extracted(sp4)
	if got := paths(files); got != sp4Paths {
		t.Errorf("got %s, want %s", got, sp4Paths)
	}
	update := files["W2KSP4_EN/i386/update/update.exe"]
	if got := s.read(update.SHA256); !bytes.Equal(got, body("update.exe", 70_000)) {
		t.Errorf("update.exe has %d other bytes", len(got))
	}
	best := update.Best()
	if best.Grade != layout.GradeChannel || best.By != "taken out of "+sp4 || update.From != pack.SHA256 || update.Kind != "" {
		t.Errorf("got %+v with %+v", update, best)
	}
	if want := time.Date(2004, 4, 13, 17, 5, 30, 0, time.UTC); !update.Modified.Time().Equal(want) {
		t.Errorf("hosts are told %s, want %s", update.Modified, want)
	}
	s.clean()
	if left := s.leftovers(); left != "" {
		t.Errorf("the stage keeps %s", left)
	}

	states := s.states()
	if r = s.sync(mirror.SyncOptions{}); r.Published || s.states() != states {
		t.Errorf("an idle sync published: %+v", r)
	}
	s.now = s.now.Add(24 * time.Hour) // another update comes: paths, bytes and evidence stay
	s.list(pack, s.vouched(name(1), 500), s.vouched(name(2), 700))
	if r = s.sync(mirror.SyncOptions{}); !r.Published || r.Extracted != 0 {
		t.Errorf("got %+v", r)
	}
	again := s.extracted(sp4)
	if update = again["W2KSP4_EN/i386/update/update.exe"]; paths(again) != sp4Paths || update.Best().At != best.At {
		t.Errorf("got %s, update.exe since %s", paths(again), update.Best().At)
	}
}

// TestExtractedFilesGoWithTheirPackage takes a service pack over the gap, back, and
// out of the catalog.
func TestExtractedFilesGoWithTheirPackage(t *testing.T) {
	w := newWire(t)
	w.list(w.offerPack(sp4, w2ksp4()), w.vouched(name(1), 500))
	w.sync(mirror.SyncOptions{})
	update := w.extracted(sp4)["W2KSP4_EN/i386/update/update.exe"].SHA256
	f := newFar(t, w)
	f.take(w.send())
	if _, err := f.Store.Stat(t.Context(), update); err != nil {
		t.Errorf("the far side has no update.exe: %v", err)
	}
	f.clean()
	r, err := w.Revoke(t.Context(), mirror.Withholding{Updates: []string{"pub:" + sp4}, Reason: "does not boot"})
	must(t, err)
	if !slices.Contains(r.Files, update) || len(r.Files) != 6 {
		t.Errorf("revoked are %v, want the package and what is in it", r.Files)
	}
	w.Select.Exclude = []string{"pub:" + sp4}
	w.Keep, w.Grace = -1, -1
	for i := range 5 { // the last four generations are kept
		w.now = w.now.Add(time.Hour)
		w.list(w.vouched(name(1), 500), w.vouched(name(10+i), 100))
		w.sync(mirror.SyncOptions{})
	}
	plan, err := w.PlanPrune(t.Context())
	must(t, err)
	_, err = w.ApplyPrune(t.Context(), plan.ID)
	must(t, err)
	if w.has(update) {
		t.Error("update.exe is still in the store, without its package")
	}
}

// TestLostExtractedFilesComeBack takes a service pack apart again.
func TestLostExtractedFilesComeBack(t *testing.T) {
	s := newSite(t)
	s.list(s.offerPack(sp4, w2ksp4()))
	s.KeepPacked = true
	if r := s.sync(mirror.SyncOptions{}); r.Extracted != 0 || len(s.extracted(sp4)) != 0 {
		t.Errorf("got %+v with KeepPacked", r)
	}
	s.KeepPacked = false
	if r := s.sync(mirror.SyncOptions{Recheck: true}); r.Extracted != 5 || r.New != 0 {
		t.Errorf("got %+v for one that came before", r)
	}
	lost := s.extracted(sp4)["W2KSP4_EN/i386/update/update.exe"].SHA256
	must(t, s.Store.Delete(t.Context(), lost))
	if r := s.sync(mirror.SyncOptions{Recheck: true}); r.Extracted != 5 || !s.has(lost) {
		t.Errorf("got %+v after a loss", r)
	}
	s.clean()
}

// TestRevokedPackagesAreNotTakenApart takes a pack back before anybody took it apart:
// what is in it must not come to hosts as new files.
func TestRevokedPackagesAreNotTakenApart(t *testing.T) {
	w := newWire(t)
	w.list(w.offerPack(sp4, w2ksp4()))
	w.KeepPacked = true
	w.sync(mirror.SyncOptions{})
	_, err := w.Revoke(t.Context(), mirror.Withholding{Updates: []string{"pub:" + sp4}, Reason: "malware"})
	must(t, err)
	w.KeepPacked = false
	if r := w.sync(mirror.SyncOptions{Recheck: true}); r.Extracted != 0 || len(w.extracted(sp4)) != 0 {
		t.Errorf("got %+v of a package that was taken back", r)
	}
}

// TestFoldersOfPackagesAreNoFiles gives a package and a file one name but for the
// extension.
func TestFoldersOfPackagesAreNoFiles(t *testing.T) {
	s := newSite(t)
	u := &layout.Update{ID: "pub:sp4", Type: layout.Software, Files: []layout.File{s.offerPack(sp4, w2ksp4()), s.offerPack("w2ksp4_en", body("other", 100))}}
	list, err := layout.AppendLine(nil, u)
	must(t, err)
	s.pub.Put("/list", list)
	s.Sources = []mirror.Source{s.source("pub", s.pub.URL("/list"))}
	s.sync(mirror.SyncOptions{})
	if got := paths(s.extracted("sp4")); !strings.HasPrefix(got, "W2KSP4_EN_2/i386/srv.sy_ ") {
		t.Errorf("got %s", got)
	}
	u.Files = append(u.Files, s.offerPack("w2ksp4_en_2", body("late", 100))) // a name that is taken by now
	list, err = layout.AppendLine(nil, u)
	must(t, err)
	s.pub.Put("/list", list)
	s.sync(mirror.SyncOptions{})
	if got := paths(s.extracted("sp4")); !strings.HasPrefix(got, "W2KSP4_EN_2/i386/srv.sy_ ") {
		t.Errorf("got %s later", got)
	}
	for _, f := range s.catalog()["pub:sp4"].Files {
		if f.From.IsZero() && strings.EqualFold(f.Entry(), "w2ksp4_en_2") {
			t.Errorf("%s is a file and a folder", f.Entry())
		}
	}
}

func TestWhatCannotBeTakenApart(t *testing.T) {
	one := []byte("x")
	many := make([]packedFile, 4097)
	for i := range many {
		many[i] = packedFile{Name: fmt.Sprintf("f%d", i), Data: nil}
	}
	overlapping := servicePack(packedFile{Name: "a", Data: one}, packedFile{Name: "b", Data: one})
	binary.LittleEndian.PutUint32(overlapping[bytes.Index(overlapping, []byte("a\x00"))+2+4:], 0) // b begins where a does
	bomb := servicePack(packedFile{Name: "a", Data: one})
	at := bytes.Index(bomb, []byte("MSCF"))
	binary.LittleEndian.PutUint16(bomb[at+40:], 65535) // blocks, so that
	binary.LittleEndian.PutUint32(bomb[at+44:], 1<<30) // a may be that large
	for name, c := range map[string]struct {
		pack []byte
		why  string
	}{
		"no cabinet":     {append([]byte("MZ"), body("program", 5000)...), "no cabinet is in it"},
		"out of it":      {servicePack(packedFile{Name: `..\..\evil.exe`, Data: one}), `has the component ".."`},
		"from the root":  {servicePack(packedFile{Name: `\evil.exe`, Data: one}), "not relative"},
		"a drive":        {servicePack(packedFile{Name: `C:\evil.exe`, Data: one}), `"C:"`},
		"a device":       {servicePack(packedFile{Name: `i386\NUL.txt`, Data: one}), `"NUL.txt"`},
		"two meanings":   {servicePack(packedFile{Name: `a\B.exe`, Data: one}, packedFile{Name: `A\b.EXE`, Data: one}), "has two meanings"},
		"a file, too":    {servicePack(packedFile{Name: `a`, Data: one}, packedFile{Name: `A\b`, Data: one}), "is a file and a folder"},
		"a folder, too":  {servicePack(packedFile{Name: `A\b`, Data: one}, packedFile{Name: `a`, Data: one}), "has two meanings"},
		"no UTF-8":       {servicePack(packedFile{Name: "\xff.exe", Data: one}), "not every file system can keep"},
		"too deep":       {servicePack(packedFile{Name: strings.Repeat(`long\`, 30) + "a", Data: one}), "more than 200 bytes"},
		"too many":       {servicePack(many...), "4097 files, more than 4096"},
		"a bomb":         {bomb, "has more than"},
		"members in one": {overlapping, "end to end"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.list(s.offerPack(sp4, c.pack))
			r := s.sync(mirror.SyncOptions{})
			if len(r.Unextracted) != 1 || r.Extracted != 0 || !strings.Contains(r.Unextracted[0].Why, c.why) {
				t.Fatalf("got %d files and %+v, want %q", r.Extracted, r.Unextracted, c.why)
			}
			if f := s.file(sp4); !f.Held || f.SHA256 != layout.DigestOf(c.pack) {
				t.Errorf("the package itself: %+v", f)
			}
			s.list(s.offerPack(sp4, c.pack), s.vouched(name2, 10))
			if r = s.sync(mirror.SyncOptions{}); len(r.Unextracted) != 0 {
				t.Errorf("it is said again: %+v", r.Unextracted)
			}
			if r = s.sync(mirror.SyncOptions{Recheck: true}); len(r.Unextracted) != 1 {
				t.Errorf("--recheck says %+v", r.Unextracted)
			}
			if left := s.leftovers(); left != "" {
				t.Errorf("the stage keeps %s", left)
			}
		})
	}
}

const name2 = "another.exe"

// TestServicePacksOfAllMethods takes apart what is packed in each way, in one folder and
// in many, before a signature.
func TestServicePacksOfAllMethods(t *testing.T) {
	for name, c := range map[string]cabtest.Cabinet{
		"stored": {Method: cabtest.Stored, Unsummed: true}, "MSZIP": {Method: cabtest.MSZIP, Reserve: 20},
		"LZX": {Method: cabtest.LZX, Window: 17, Image: 1 << 20}, "LZX, a folder each": {Method: cabtest.LZX, Each: true},
	} {
		t.Run(name, func(t *testing.T) {
			c.Files, c.Signature = slices.Clone(sp4Content), body("signature", 4000)
			if c.Each {
				c.Files = slices.DeleteFunc(c.Files, func(f packedFile) bool { return len(f.Data) == 0 }) // no folder holds nothing
			}
			s := newSite(t)
			s.list(s.offerPack(sp4, selfExtracting(c)))
			if r := s.sync(mirror.SyncOptions{}); r.Extracted != len(c.Files) {
				t.Fatalf("got %+v", r)
			}
			files := s.extracted(sp4)
			for _, f := range c.Files {
				at := "W2KSP4_EN/" + strings.ReplaceAll(f.Name, `\`, "/")
				if got := s.read(files[at].SHA256); !bytes.Equal(got, f.Data) {
					t.Errorf("%s: got %d bytes, want %d", at, len(got), len(f.Data))
				}
			}
			s.clean()
		})
	}
}

// TestServicePackOfGcab takes apart what another program packed, in MSZIP.
func TestServicePackOfGcab(t *testing.T) {
	needs(t, "gcab")
	dir := t.TempDir()
	text := bytes.Repeat([]byte("all that a service pack has to say. "), 10_000)
	for name, b := range map[string][]byte{"i386/update/update.exe": text, "i386/update/Update.msi": body("msi", 50_000), "i386/a.dl_": text[:40_000]} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "gcab", "-c", "-z", "sp4.cab", "i386/update/update.exe", "i386/update/Update.msi", "i386/a.dl_")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcab: %v\n%s", err, out)
	}
	cabinet, err := os.ReadFile(filepath.Join(dir, "sp4.cab"))
	must(t, err)
	s := newSite(t)
	s.list(s.offerPack(sp4, slices.Concat([]byte("MZ"), body("stub", 60_000), cabinet, body("signature", 5000))))
	s.sync(mirror.SyncOptions{})
	files := s.extracted(sp4)
	if got, want := paths(files), "W2KSP4_EN/i386/a.dl_ W2KSP4_EN/i386/update/Update.msi W2KSP4_EN/i386/update/update.exe"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if !bytes.Equal(s.read(files["W2KSP4_EN/i386/update/update.exe"].SHA256), text) {
		t.Error("update.exe has other bytes")
	}
	s.clean()
}
