package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/upstream"
)

func TestSyncBringsFilesIntoTheStore(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 1000), s.vouched(name(2), 100_000), s.vouched(name(3), 1))
	r := s.sync(mirror.SyncOptions{})
	if !r.Published || r.Generation != 1 || r.New != 3 || r.Failed != 0 || r.Fetched != 101_001 {
		t.Errorf("got report %+v", r)
	}
	for i, size := range map[int]int{1: 1000, 2: 100_000, 3: 1} {
		f := s.file(name(i))
		if !f.Held || string(s.read(f.SHA256)) != string(body(name(i), size)) {
			t.Errorf("file %d is not held as published: %+v", i, f)
		}
		if best := f.Best(); best == nil || best.Grade != layout.GradeChannel || best.TLSKey.IsZero() {
			t.Errorf("file %d: got evidence %+v", i, f.Evidence)
		}
	}
	if left := s.leftovers(); left != "" {
		t.Errorf("left in the stage: %s", left)
	}
	s.clean()
}

func TestSyncWithNothingNewAsksOnceAndWritesNothing(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 1000), s.vouched(name(2), 2000))
	s.sync(mirror.SyncOptions{})
	requests, states := s.pub.Requests(""), s.states()
	s.now = s.now.Add(time.Hour)
	r := s.sync(mirror.SyncOptions{})
	if got := s.pub.Requests("") - requests; got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
	if r.Published || s.states() != states || r.Generation != 1 {
		t.Errorf("published though nothing was new: %+v", r)
	}
}

func TestSyncOfARewrittenListWithTheSameUpdatesPublishesNothing(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 1000), s.vouched(name(2), 2000))
	s.sync(mirror.SyncOptions{})
	s.list(s.vouched(name(2), 2000), s.vouched(name(1), 1000)) // another order, other bytes
	s.now = s.now.Add(time.Hour)
	if r := s.sync(mirror.SyncOptions{}); r.Published || r.Present != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestSyncTakesWhatIsNewAndKeepsTheRest(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 1000))
	s.sync(mirror.SyncOptions{})
	before := s.file(name(1))
	s.now = s.now.Add(time.Hour)
	s.list(s.vouched(name(1), 1000), s.vouched(name(0), 500))
	r := s.sync(mirror.SyncOptions{})
	if r.New != 1 || r.Present != 1 || r.Generation != 2 || r.Fetched != 500 {
		t.Errorf("got %+v", r)
	}
	if after := s.file(name(1)); after.Evidence[0] != before.Evidence[0] || after.Modified != before.Modified {
		t.Errorf("the old file changed:\n%+v\n%+v", before, after)
	}
}

func TestSyncVouching(t *testing.T) {
	content := body("x.exe", 5000)
	hash := sha1Of(content).String()
	stated := func(change func(*layout.File)) func(layout.File) layout.File {
		return func(f layout.File) layout.File { change(&f); return f }
	}
	sha256 := stated(func(f *layout.File) { f.SHA256 = layout.DigestOf(content) })
	sha1 := stated(func(f *layout.File) { f.SHA1 = sha1Of(content) })
	md5 := stated(func(f *layout.File) { f.MD5[0] = 1 })
	nothing := stated(func(*layout.File) {})
	for _, test := range []struct {
		name     string
		fileName string
		state    func(layout.File) layout.File
		local    bool // list on local disk
		plain    bool // list over http
		trust    mirror.Trust
		want     layout.Grade // empty: refused
		weak     bool
	}{
		{name: "SHA-256 over https", state: sha256, want: layout.GradeChannel},
		{name: "SHA-1 over https", state: sha1, want: layout.GradeChannel, weak: true},
		{name: "SHA-1 in the name, list over https", fileName: "x_" + hash + ".exe", state: nothing, want: layout.GradeChannel, weak: true},
		{name: "SHA-256 in a local list", state: sha256, local: true, want: layout.GradeChannel},
		{name: "SHA-1 in the name, local list", fileName: "x_" + hash + ".exe", state: nothing, local: true, want: layout.GradeChannel, weak: true},
		{name: "nothing over https", state: nothing},
		{name: "MD5 over https", state: md5},
		{name: "SHA-256 over http", state: sha256, plain: true},
		{name: "SHA-1 in the name, list over http", fileName: "x_" + hash + ".exe", state: nothing, plain: true},
		{name: "nothing, first use", state: nothing, trust: mirror.TrustFirstUse, want: layout.GradeFirstUse},
		{name: "SHA-256 over http, first use", state: sha256, plain: true, trust: mirror.TrustFirstUse, want: layout.GradeFirstUse},
		{name: "nothing, capture", state: nothing, trust: mirror.TrustCapture, want: layout.GradeCapture},
		{name: "SHA-256 over https, capture", state: sha256, trust: mirror.TrustCapture, want: layout.GradeChannel},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			fileName := "x.exe"
			if test.fileName != "" {
				fileName = test.fileName
			}
			s.pub.Put("/files/x.exe", content)
			f := test.state(layout.File{Name: fileName, URL: s.pub.URL("/files/x.exe")})
			list := s.encode("pub", f)
			var src mirror.Source
			switch {
			case test.local:
				src = s.source("pub", "", s.host())
				src.Path = filepath.Join(t.TempDir(), "list")
				if err := os.WriteFile(src.Path, list, 0o600); err != nil {
					t.Fatal(err)
				}
			case test.plain:
				src = s.source("pub", plainPublisher(t, list)+"/list", s.host())
			default:
				s.pub.Put("/list", list)
				src = s.source("pub", s.pub.URL("/list"))
			}
			src.Trust = test.trust
			s.Sources = []mirror.Source{src}
			if test.want == "" {
				var unvouched *mirror.UnvouchedError
				if failure := s.partial(); !errors.As(failure.Err, &unvouched) {
					t.Errorf("got %v, want UnvouchedError", failure.Error)
				}
				if s.file(fileName).Held {
					t.Error("it is held all the same")
				}
				return
			}
			s.sync(mirror.SyncOptions{})
			got := s.file(fileName)
			if best := got.Best(); !got.Held || best.Grade != test.want || best.Weak != test.weak {
				t.Errorf("got %+v, want grade %s", got, test.want)
			}
		})
	}
}

func TestSyncRefusesBytesThatAreNotAsStated(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(*layout.File)
		want string
	}{
		{"sha256", func(f *layout.File) { f.SHA256[3] ^= 1 }, "sha256"},
		{"sha1", func(f *layout.File) { f.SHA1 = sha1Of([]byte("other")) }, "sha1"},
		{"md5", func(f *layout.File) { f.MD5[0] = 1 }, "md5"},
		{"sha1 of the name", func(f *layout.File) { f.Name = "a_" + strings.Repeat("ab", 20) + ".exe" }, "sha1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			wrong, right := s.vouched(name(1), 5000), s.vouched(name(2), 100)
			test.lie(&wrong)
			s.list(wrong, right)
			failure := s.partial()
			var mismatch *layout.MismatchError
			if !errors.As(failure.Err, &mismatch) || !strings.Contains(strings.ToLower(strings.ReplaceAll(mismatch.What, "-", "")), test.want) {
				t.Errorf("got %v, want a mismatch of %s", failure.Error, test.want)
			}
			if s.file(wrong.Name).Held {
				t.Error("the wrong file is held")
			}
			if !s.file(name(2)).Held {
				t.Error("the right file beside it is not held")
			}
			notes, _ := filepath.Glob(filepath.Join(s.dir.StageDir(), "quarantine", "*.json"))
			if len(notes) != 1 {
				t.Errorf("got %d files in quarantine, want 1", len(notes))
			}
			s.clean()
		})
	}
}

func TestSyncFetchesEqualContentOnce(t *testing.T) {
	s := newSite(t)
	a := s.vouched(name(1), 9000)
	b := a
	b.Name = name(2)
	s.list(a, b)
	if r := s.sync(mirror.SyncOptions{}); r.New != 2 || r.Fetched != 9000 {
		t.Errorf("got %+v", r)
	}
	c := a // known by SHA-1 only, listed later
	c.Name, c.SHA256, c.SHA1 = name(3), layout.Digest{}, sha1Of(body(name(1), 9000))
	s.list(a, b, c)
	if r := s.sync(mirror.SyncOptions{}); r.New != 1 || r.Fetched != 0 || r.Saved != 9000 {
		t.Errorf("got %+v", r)
	}
}

func TestFirstUsePinHolds(t *testing.T) {
	s := newSite(t)
	f := s.offer(name(1), 700)
	f.Size = 700
	s.list(f)
	s.Sources[0].Trust = mirror.TrustFirstUse
	s.sync(mirror.SyncOptions{})
	pinned := s.file(name(1)).SHA256
	s.pub.Put("/files/"+name(1), body("evil", 800))
	f.Size = 800
	s.list(f)
	failure := s.partial()
	var pin *mirror.PinError
	if !errors.As(failure.Err, &pin) {
		t.Errorf("got %v, want PinError", failure.Error)
	}
	if got := s.file(name(1)); got.SHA256 != pinned || !got.Held {
		t.Errorf("the pinned file was given up: %+v", got)
	}
}

func TestCaptureKeepsEveryVersion(t *testing.T) {
	s := newSite(t)
	s.list(s.offer("mpam-fe.exe", 3000))
	s.Sources[0].Trust = mirror.TrustCapture
	s.sync(mirror.SyncOptions{})
	states := s.states()

	requests := s.pub.Requests("")
	if r := s.sync(mirror.SyncOptions{}); r.Published || r.Fetched != 0 {
		t.Errorf("unchanged: got %+v", r)
	}
	if got := s.pub.Requests("") - requests; got != 2 || s.states() != states {
		t.Errorf("unchanged: got %d requests (want 2), %d new states", got, s.states()-states)
	}

	for day := 1; day <= 2; day++ {
		s.now = s.now.Add(24 * time.Hour)
		s.pub.Put("/files/mpam-fe.exe", body("version", 3000+day))
		if r := s.sync(mirror.SyncOptions{}); !r.Published {
			t.Errorf("day %d: got %+v", day, r)
		}
	}
	u := s.catalog()["pub:mpam-fe.exe"]
	var names []string
	for _, f := range u.Files {
		names = append(names, f.Entry())
		s.read(f.SHA256)
	}
	want := "mpam-fe.exe mpam-fe~20261123T080000Z.exe mpam-fe~20261122T080000Z.exe"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if u.Files[0].Size != 3002 {
		t.Errorf("the plain name is not the newest: %+v", u.Files[0])
	}
	s.clean()
}

func TestDelistedUpdatesAreKept(t *testing.T) {
	s := newSite(t)
	unheld := s.offer(name(3), 10) // nothing vouches for it
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200), unheld)
	s.partial()
	s.list(s.vouched(name(1), 100))
	s.sync(mirror.SyncOptions{})
	all := s.catalog()
	if u := all["pub:"+name(2)]; u == nil || u.Delisted != "2026-11-22" || !u.Files[0].Held {
		t.Errorf("got %+v", u)
	}
	if all["pub:"+name(3)] != nil {
		t.Error("an update that was never held stays")
	}
	s.now = s.now.Add(48 * time.Hour)
	s.list(s.vouched(name(1), 100), s.vouched(name(4), 10))
	s.sync(mirror.SyncOptions{})
	if u := s.catalog()["pub:"+name(2)]; u.Delisted != "2026-11-22" {
		t.Errorf("the day moved: %s", u.Delisted)
	}
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200))
	s.sync(mirror.SyncOptions{})
	if u := s.catalog()["pub:"+name(2)]; u.Delisted != "" {
		t.Errorf("listed again, and still marked: %+v", u)
	}
}

func TestSelectionNarrowsTheCatalog(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200))
	s.Select.Exclude = []string{"kb800002"}
	if r := s.sync(mirror.SyncOptions{}); r.New != 1 || r.Skipped != 1 {
		t.Errorf("got %+v", r)
	}
	s.Select.Exclude = nil
	if r := s.sync(mirror.SyncOptions{}); r.New != 1 {
		t.Errorf("wider: got %+v", r)
	}
	s.Select.Exclude = []string{"kb800001"}
	r := s.sync(mirror.SyncOptions{})
	if all := s.catalog(); !r.Published || r.Dropped != 1 || len(all) != 1 || all["pub:"+name(1)] != nil {
		t.Errorf("narrower: got %+v", r)
	}
}

func TestDryRunDecidesAndChangesNothing(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.offer(name(2), 200))
	r, err := s.Sync(t.Context(), mirror.SyncOptions{DryRun: true})
	if !errors.Is(err, mirror.ErrPartial) || r.New != 1 || r.Failed != 1 || r.Published {
		t.Errorf("got %+v, %v", r, err)
	}
	if s.states() != 0 || s.pub.Requests("/files/"+name(1)) != 0 {
		t.Error("the dry run fetched or published")
	}
	s.partial()
	if !s.file(name(1)).Held {
		t.Error("the sync after the dry run did not do its work")
	}
}

func TestMetadataOnlyThenContent(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100))
	s.sync(mirror.SyncOptions{MetadataOnly: true})
	listed := s.catalog()["pub:"+name(1)]
	if listed == nil || listed.Files[0].Held || s.pub.Requests("/files/"+name(1)) != 0 {
		t.Fatalf("got %+v", listed)
	}
	requests, states := s.pub.Requests(""), s.states()
	s.sync(mirror.SyncOptions{MetadataOnly: true})
	if got := s.pub.Requests("") - requests; got != 1 || s.states() != states {
		t.Errorf("again: got %d requests, want 1; %d new states", got, s.states()-states)
	}
	s.sync(mirror.SyncOptions{})
	held := s.catalog()["pub:"+name(1)]
	if !held.Files[0].Held || held.Folder != listed.Folder {
		t.Errorf("got %+v after %+v", held, listed)
	}
}

func TestRecheckBringsBackWhatWasLost(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200))
	s.sync(mirror.SyncOptions{})
	before := s.file(name(1))
	if err := s.dir.Delete(t.Context(), before.SHA256); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Audit(t.Context(), mirror.AuditOptions{}); !errors.Is(err, mirror.ErrAudit) || len(r.Findings) != 1 || r.Findings[0].What != "missing" {
		t.Errorf("audit: got %+v, %v", r, err)
	}
	r := s.sync(mirror.SyncOptions{Recheck: true})
	if r.Published || r.Fetched != 100 {
		t.Errorf("got %+v", r)
	}
	s.clean()
}

func TestOneSourceFailsAndTheOthersGoOn(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100))
	s.Sources = append(s.Sources, s.source("gone", s.pub.URL("/gone")))
	r, err := s.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) || err.Error() != "done in part: 1 source could not be had" || !strings.Contains(r.Sources[1].Error, "/gone") {
		t.Errorf("got %v, %+v", err, r.Sources)
	}
	if !s.file(name(1)).Held || r.Sources[1].Result != "failed" {
		t.Errorf("got %+v", r)
	}
	var status *upstream.StatusError
	if !errors.As(err, &status) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestTwoSyncsKeepEachOtherOut(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100))
	var second error
	s.Progress = func(e mirror.Event) {
		if e.Kind == mirror.EventStart {
			_, second = s.Sync(t.Context(), mirror.SyncOptions{})
		}
	}
	s.sync(mirror.SyncOptions{})
	if !errors.Is(second, mirror.ErrLocked) || !strings.Contains(second.Error(), "by sync (process ") {
		t.Errorf("got %v, want ErrLocked with its holder", second)
	}
}
