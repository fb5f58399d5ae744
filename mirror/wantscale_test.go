package mirror_test

import (
	"flag"
	"fmt"
	"testing"

	"patchferry/layout"
	"patchferry/mirror"
)

// go test ./mirror -run TestOneWantAmongMany -updates 250000
var manyUpdates = flag.Int("updates", 2_500, "how many updates a near side lists in TestOneWantAmongMany")

// TestOneWantAmongMany: a near side that lists far more than it holds exports
// what it holds, the import passes, and one want comes back as content in the
// next bundle.
func TestOneWantAmongMany(t *testing.T) {
	const heldHere = 20
	listed := *manyUpdates
	s := newSite(t)
	var files []layout.File
	for n := 1; n <= heldHere+1; n++ {
		files = append(files, s.vouched(name(n), 2000+n))
	}
	s.list(files[:heldHere]...)
	s.sync(mirror.SyncOptions{})
	for n := heldHere + 2; n <= listed; n++ {
		file := fmt.Sprintf("WindowsXP-KB%07d-x86-ENU.exe", n)
		files = append(files, layout.File{Name: file, URL: s.pub.URL("/files/" + file), SHA256: layout.DigestOf([]byte(file)), Size: int64(n)})
	}
	s.list(files...)
	s.sync(mirror.SyncOptions{MetadataOnly: true})
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: answering()}
	first, _ := s.export(opt)
	s.apply(f.brings("plant", first.Dir))
	if got := f.held(heldHere + 1); first.Objects != heldHere+1 || len(got) != heldHere {
		t.Errorf("the bundle has %d objects, and the far side the content of %v", first.Objects, got)
	}
	opt.Want = f.asks("plant", mirror.WantOptions{Updates: []string{"pub:" + name(heldHere+1)}})
	if r := s.sync(mirror.SyncOptions{Want: opt.Want}); r.New != 1 || r.Counts.Files != listed {
		t.Errorf("sync --want: got %d new of %d files, want 1 of %d", r.New, r.Counts.Files, listed)
	}
	next, _ := s.export(opt)
	if next.Wanted != 1 || next.Objects != 2 {
		t.Errorf("the next bundle carries %d objects, %d of them wanted; want the catalog and 1", next.Objects, next.Wanted)
	}
	f.brings("plant", next.Dir)
	if got := f.held(heldHere + 1); len(got) != heldHere+1 {
		t.Errorf("the far side has the content of %v", got)
	}
}
