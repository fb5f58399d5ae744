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
	"patchferry/mirror"
)

// packedFile is a file of a service pack.
type packedFile struct {
	name string // with backslashes
	data []byte
}

// servicePack makes a program that unpacks files: bytes of a program, then a cabinet
// of files that are stored, as in the MS-CAB specification.
func servicePack(files ...packedFile) []byte {
	var dir, content []byte
	le := binary.LittleEndian
	for _, f := range files {
		dir = le.AppendUint32(dir, uint32(len(f.data)))
		dir = le.AppendUint32(dir, uint32(len(content)))
		dir = le.AppendUint16(dir, 0)      // folder
		dir = le.AppendUint16(dir, 0x2ed5) // 21 June 2003
		dir = le.AppendUint16(dir, 0x6000) // noon
		dir = le.AppendUint16(dir, 0x20)   // archive
		dir = append(append(dir, f.name...), 0)
		content = append(content, f.data...)
	}
	var blocks []byte
	n := 0
	for rest := content; len(rest) > 0; n++ {
		b := rest[:min(len(rest), 32<<10)]
		blocks = le.AppendUint32(blocks, 0) // no checksum
		blocks = le.AppendUint16(blocks, uint16(len(b)))
		blocks = le.AppendUint16(blocks, uint16(len(b)))
		blocks = append(blocks, b...)
		rest = rest[len(b):]
	}
	const header, folder = 36, 8
	first := header + folder + len(dir)
	cabinet := []byte("MSCF\x00\x00\x00\x00")
	cabinet = le.AppendUint32(cabinet, uint32(first+len(blocks)))
	cabinet = le.AppendUint32(cabinet, 0)
	cabinet = le.AppendUint32(cabinet, header+folder)
	cabinet = le.AppendUint32(cabinet, 0)
	cabinet = append(cabinet, 3, 1)
	for _, v := range []int{1, len(files), 0, 0, 0} { // folders, files, flags, set, number
		cabinet = le.AppendUint16(cabinet, uint16(v))
	}
	cabinet = le.AppendUint32(cabinet, uint32(first))
	cabinet = le.AppendUint16(le.AppendUint16(cabinet, uint16(n)), 0)
	return slices.Concat([]byte("MZ"), body("stub", 3000), cabinet, dir, blocks)
}

// w2ksp4 is a small service pack of Windows 2000.
func w2ksp4() []byte {
	return servicePack(
		packedFile{`i386\update\update.exe`, body("update.exe", 70_000)},
		packedFile{`i386\update\Update.msi`, body("Update.msi", 9_000)},
		packedFile{`i386\update\empty.txt`, nil},
		packedFile{`i386\srv.sy_`, body("srv.sy_", 40_000)},
		packedFile{`readme.htm`, []byte("read me")},
	)
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
	if want := time.Date(2003, 6, 21, 12, 0, 0, 0, time.UTC); !update.Modified.Time().Equal(want) {
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
		many[i] = packedFile{fmt.Sprintf("f%d", i), nil}
	}
	overlapping := servicePack(packedFile{"a", one}, packedFile{"b", one})
	binary.LittleEndian.PutUint32(overlapping[bytes.Index(overlapping, []byte("a\x00"))+2+4:], 0) // b begins where a does
	bomb := servicePack(packedFile{"a", one})
	at := bytes.Index(bomb, []byte("MSCF"))
	binary.LittleEndian.PutUint16(bomb[at+40:], 65535) // blocks, so that
	binary.LittleEndian.PutUint32(bomb[at+44:], 1<<30) // a may be that large
	for name, c := range map[string]struct {
		pack []byte
		why  string
	}{
		"no cabinet":     {append([]byte("MZ"), body("program", 5000)...), "no cabinet is in it"},
		"out of it":      {servicePack(packedFile{`..\..\evil.exe`, one}), `has the component ".."`},
		"from the root":  {servicePack(packedFile{`\evil.exe`, one}), "not relative"},
		"a drive":        {servicePack(packedFile{`C:\evil.exe`, one}), `"C:"`},
		"a device":       {servicePack(packedFile{`i386\NUL.txt`, one}), `"NUL.txt"`},
		"two meanings":   {servicePack(packedFile{`a\B.exe`, one}, packedFile{`A\b.EXE`, one}), "has two meanings"},
		"a file, too":    {servicePack(packedFile{`a`, one}, packedFile{`A\b`, one}), "is a file and a folder"},
		"a folder, too":  {servicePack(packedFile{`A\b`, one}, packedFile{`a`, one}), "has two meanings"},
		"no UTF-8":       {servicePack(packedFile{"\xff.exe", one}), "not every file system can keep"},
		"too deep":       {servicePack(packedFile{strings.Repeat(`long\`, 30) + "a", one}), "more than 200 bytes"},
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

// FuzzServicePack syncs service packs whose files have any name: what comes of it is
// a catalog whose paths every file system can keep, or a package that stays as it is.
func FuzzServicePack(f *testing.F) {
	f.Add(`i386\update\update.exe`, `i386\update\Update.msi`, []byte("bytes"))
	f.Add(`..\evil`, `con`, []byte{})
	f.Add(`a`, `A/b`, []byte("x"))
	f.Add("install.cmd", "README.txt", []byte("%PATH%"))
	s := newSite(f)
	n := 0
	f.Fuzz(func(t *testing.T, first, second string, data []byte) {
		if strings.Contains(first+second, "\x00") || len(first) > 300 || len(second) > 300 {
			t.Skip("no cabinet can have it")
		}
		n++
		s.t = t
		s.list(s.offerPack(fmt.Sprintf("w2ksp4_%d.exe", n), servicePack(packedFile{first, data}, packedFile{second, data})))
		s.sync(mirror.SyncOptions{})
		seen := map[string]bool{}
		for _, u := range s.catalog() {
			for i := range u.Files {
				p := u.Files[i].Path(u)
				if err := layout.CheckPath(p); err != nil || len(p) > layout.MaxPath {
					t.Errorf("a path that not everybody can keep: %q: %v", p, err)
				}
				if seen[layout.Fold(p)] {
					t.Errorf("%q has two meanings", p)
				}
				seen[layout.Fold(p)] = true
			}
		}
	})
}
