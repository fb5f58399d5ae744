package mirror_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/cab/cabtest"
	"patchferry/layout/store"
	"patchferry/mirror"
)

const mumXML = `<assembly><assemblyIdentity name="Package_for_KB976932" version="6.1.1.17514" language="neutral" processorArchitecture="x86" publicKeyToken="31bf3856ad364e35"/><package restart="required"/></assembly>`

// packed makes a cabinet of members, each a name and a text.
func packed(members ...string) []byte {
	c := cabtest.Cabinet{Method: cabtest.MSZIP}
	for i := 0; i < len(members); i += 2 {
		c.Files = append(c.Files, cabtest.File{Name: members[i], Data: []byte(members[i+1])})
	}
	return c.Bytes()
}

// packaged puts a file with these bytes at the publisher, and states its SHA-256.
func (s *site) packaged(name string, b []byte) layout.File {
	s.pub.Put("/files/"+name, b)
	return layout.File{Name: name, URL: s.pub.URL("/files/" + name), SHA256: layout.DigestOf(b), Size: int64(len(b))}
}

// cbs is what a cabinet of CBS says of itself.
var cbs = &layout.Package{Identity: "Package_for_KB976932~31bf3856ad364e35~x86~~6.1.1.17514", Version: "6.1.1.17514", Restart: "required"}

func (s *site) wantPackage(name string, kind layout.Kind, want *layout.Package) {
	s.t.Helper()
	f := s.file(name)
	if diff := cmp.Diff(want, f.Package); f.Kind != kind || diff != "" {
		s.t.Errorf("%s: got kind %q, want %q; package (-want +got):\n%s", name, f.Kind, kind, diff)
	}
}

func TestSyncSaysWhatPackagesAre(t *testing.T) {
	s := newSite(t)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	cabinet := packed("update.mum", mumXML)
	hotfix := append([]byte("MZ"), make([]byte, 200)...)
	hotfix = append(hotfix, packed("hotfix.exe", string(hotfix), "hotfix.inf", "[Version]")...)
	stated := s.packaged("stated.cab", append(packed("update.mum", mumXML), "signature"...))
	stated.Kind = "wim"
	s.list(
		s.packaged("a.cab", cabinet),
		s.packaged("broken.cab", cabinet[:len(cabinet)-1]),
		s.packaged("q249599.exe", hotfix),
		s.packaged("random.msi", body("random", 5000)),
		s.packaged("same.exe", cabinet),
		stated,
	)
	s.sync(mirror.SyncOptions{})
	s.wantPackage("a.cab", layout.KindCAB, cbs)
	s.wantPackage("broken.cab", layout.KindCAB, &layout.Package{})
	s.wantPackage("q249599.exe", layout.KindHotfix, &layout.Package{})
	s.wantPackage("random.msi", layout.KindMSI, nil)
	s.wantPackage("same.exe", layout.KindCAB, cbs)
	s.wantPackage("stated.cab", "wim", cbs)
	if text := log.String(); !strings.Contains(text, "package cannot be read") || !strings.Contains(text, "broken.cab") {
		t.Errorf("the log does not say what is wrong with broken.cab:\n%s", text)
	}
	t.Run("idle", func(t *testing.T) {
		for _, opt := range []mirror.SyncOptions{{}, {Recheck: true}} {
			if r := s.sync(opt); r.Published {
				t.Errorf("%+v: a generation was published, and nothing is new", opt)
			}
		}
	})
	t.Run("the list says more", func(t *testing.T) {
		again := s.packaged("a.cab", cabinet)
		again.Language = "DE"
		s.list(again)
		s.sync(mirror.SyncOptions{})
		s.wantPackage("a.cab", layout.KindCAB, cbs)
		s.wantPackage("same.exe", layout.KindCAB, cbs)
	})
}

// TestSyncLooksAtWhatWasFilled: a file that a host asked for is described when it is
// folded, also where its content stands in a store that is not on this machine.
func TestSyncLooksAtWhatWasFilled(t *testing.T) {
	for name, wrap := range map[string]func(store.Store) store.Store{
		"local":  func(st store.Store) store.Store { return st },
		"remote": func(st store.Store) store.Store { return struct{ store.Store }{st} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := packed("update.mum", mumXML)
			s.list(s.packaged("filled.exe", b))
			s.Sources[0].OnDemand = true
			s.Store = wrap(s.Store)
			s.sync(mirror.SyncOptions{})
			s.bring("pub:filled.exe", s.file("filled.exe"), b, nil)
			if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 {
				t.Fatalf("%d files were folded, want 1", r.Folded)
			}
			s.wantPackage("filled.exe", layout.KindCAB, cbs)
			s.emptyStage()
		})
	}
}

// emptyStage demands that nothing was left in the stage.
func (s *site) emptyStage() {
	s.t.Helper()
	dir, err := s.Stage()
	if err != nil {
		s.t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range left {
		if strings.Contains(e.Name(), "look-") {
			s.t.Errorf("%s was left in the stage", e.Name())
		}
	}
}

// TestRecheckLooksAtWhatWasHeldBefore: a catalog of the time before files were looked
// at says nothing of packages, until sync --recheck.
func TestRecheckLooksAtWhatWasHeldBefore(t *testing.T) {
	s := newSite(t)
	s.list(s.packaged("old.exe", packed("update.mum", mumXML)), s.packaged("random.msi", body("random", 5000)))
	s.sync(mirror.SyncOptions{})
	s.forgetPackages()
	s.wantPackage("old.exe", layout.KindExe, nil)
	if r := s.sync(mirror.SyncOptions{}); r.Published {
		t.Error("held files were looked at without being asked for")
	}
	if r := s.sync(mirror.SyncOptions{Recheck: true}); !r.Published {
		t.Error("nothing was published")
	}
	s.wantPackage("old.exe", layout.KindCAB, cbs)
	s.wantPackage("random.msi", layout.KindMSI, nil)
}

// forgetPackages publishes the catalog as it would be had nobody looked at files.
func (s *site) forgetPackages() {
	s.t.Helper()
	ctx := s.t.Context()
	state, err := s.Trusted.Newest(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	gen, err := s.Trusted.Generation(ctx, state.Generation.Generation)
	if err != nil {
		s.t.Fatal(err)
	}
	var catalog bytes.Buffer
	out, err := layout.NewCatalogWriter(&catalog)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"old.exe", "random.msi"} {
		u := s.catalog()["pub:"+name]
		u.Files[0].Package = nil
		u.Files[0].Kind = layout.KindOf(name, u)
		line, err := layout.AppendLine(nil, u)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := out.WriteLine(line); err != nil {
			s.t.Fatal(err)
		}
	}
	sum, err := out.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	put := func(b []byte) layout.ObjectRef {
		ref, err := s.Writer.PutDocument(ctx, b)
		if err != nil {
			s.t.Fatal(err)
		}
		return ref
	}
	gen.Previous = state.Generation.Generation.Document.SHA256
	gen.Number, gen.Lines, gen.Catalog = gen.Number+1, sum.Lines, put(catalog.Bytes())
	doc, err := gen.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	sig, err := s.key.Sign(doc, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	position := layout.Position{Number: gen.Number, Created: gen.Created, Generation: layout.SignedRef{Document: put(doc), Signature: put(sig)}}
	s.publish(ctx, position)
}

func (s *site) publish(ctx context.Context, position layout.Position) {
	s.t.Helper()
	state, err := s.Trusted.Newest(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Writer.Publish(ctx, state, func(next *layout.State) error {
		next.Kept = append([]layout.Position{*next.Generation}, next.Kept...)
		next.Generation = &position
		next.Why = "test"
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
}

// TestBundlesCarryPackages: a far side shows what the origin found, and looks at
// nothing.
func TestBundlesCarryPackages(t *testing.T) {
	w := newWire(t)
	w.list(w.packaged("a.exe", packed("update.mum", mumXML)))
	w.sync(mirror.SyncOptions{})
	f := newFar(t, w)
	f.take(w.send())
	state, err := f.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.Trusted.Shown(t.Context(), state, "test")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for u, err := range shown.Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found++
		if diff := cmp.Diff(cbs, u.Files[0].Package); u.Files[0].Kind != layout.KindCAB || diff != "" {
			t.Errorf("got kind %q (-want +got):\n%s", u.Files[0].Kind, diff)
		}
	}
	if found != 1 {
		t.Errorf("the far side shows %d updates, want 1", found)
	}
}
