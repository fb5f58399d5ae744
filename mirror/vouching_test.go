package mirror_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/verify"
)

func TestSourcesThatSignNothing(t *testing.T) {
	p := newPublisher(t, true)
	p.Bulletins[0].Unsigned = true
	d := layout.DigestOf(body(name(1), 100))
	p.press.print("month", []byte("CVE-2026-1 800001 Critical 2026-11-10 "+name(1)+" "+d.String()+"\n"), nil)
	f := p.vouched(name(1), 100)
	f.SHA256 = layout.Digest{}
	p.list(f)
	_, err := p.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) {
		t.Errorf("an unsigned document vouched for a file: %v", err)
	}
	n := p.notices()["month"]
	if n == nil || n.Verdict != layout.Unsigned || len(n.Bulletins) != 1 || n.Captured.IsZero() {
		t.Errorf("got %+v", n)
	}
	p.clean()
}

func TestLargeUnsignedDocuments(t *testing.T) {
	p := newPublisher(t, true)
	p.Bulletins[0].Unsigned = true
	month := append([]byte(line+"\n"), bytes.Repeat([]byte("\n"), verify.MaxDocument)...)
	p.press.print("month", month, nil)
	p.Bulletins[0].Read = func(text verify.Text) ([]layout.Bulletin, error) {
		text.Body = bytes.TrimSpace(text.Body)
		return readLines(text)
	}
	p.sync(mirror.SyncOptions{})
	if n := p.notices()["month"]; n == nil || n.Verdict != layout.Unsigned || len(n.Bulletins) != 1 {
		t.Errorf("got %+v", n)
	}
	p.clean()
}

func TestSignedDigestsVouch(t *testing.T) {
	content := body(name(1), 100)
	d := layout.DigestOf(content)
	for _, tt := range []struct {
		name   string
		stated layout.Digest // in the bulletin
		listed layout.Digest // in the list
		kb     string        // in the list
		grade  layout.Grade  // empty: refused
		err    string
	}{
		{name: "equal digests", stated: d, listed: d, grade: layout.GradeSigned},
		{name: "equal digests of another article", stated: d, listed: d, kb: "1", grade: layout.GradeSigned},
		{name: "the name alone, of the same article", stated: d, kb: "800001", grade: layout.GradeSigned},
		{name: "the name alone, of another article", stated: d, kb: "1", err: "nothing vouches"},
		{name: "other bytes under the signed name", stated: layout.DigestOf([]byte("x")), kb: "800001", err: "sha256"},
		{name: "the list contradicts", stated: layout.DigestOf([]byte("x")), listed: d, kb: "800001", err: "one of them is wrong"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPublisher(t, true)
			p.press.print("a", p.clearSigned("MS04-011 800001 Critical 2004-04-13 "+name(1)+" "+tt.stated.String()), nil)
			f := p.offer(name(1), 100)
			f.SHA256 = tt.listed
			u := &layout.Update{ID: "pub:1", Type: layout.Software, KB: tt.kb, OS: []layout.OS{"windowsxp"}, Files: []layout.File{f}}
			list, err := layout.AppendLine(nil, u)
			if err != nil {
				t.Fatal(err)
			}
			p.pub.Put("/list", list)
			p.Sources = []mirror.Source{p.source("pub", p.pub.URL("/list"))}
			r, err := p.Sync(t.Context(), mirror.SyncOptions{})
			if tt.grade == "" {
				if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Error, tt.err) {
					t.Errorf("got %v, %+v, want %q", err, r.Failures, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v: %+v", err, r.Failures)
			}
			best := p.catalog()["pub:1"].Files[0].Best()
			if best == nil || best.Grade != tt.grade || best.Signer != string(p.signer.Fingerprint()) || best.Document.IsZero() {
				t.Errorf("got evidence %+v", best)
			}
		})
	}
}

func TestEvidenceOfHeldFilesImproves(t *testing.T) {
	p := newPublisher(t, true)
	p.list(p.vouched(name(1), 100))
	p.sync(mirror.SyncOptions{})
	if got := p.file(name(1)); got.Best().Grade != layout.GradeChannel {
		t.Fatalf("got %+v", got.Evidence)
	}
	p.press.print("a", p.clearSigned("MS04-011 800001 Critical 2004-04-13 x.exe "+layout.DigestOf(body(name(1), 100)).String()), nil)
	p.now = p.now.Add(time.Hour)
	p.sync(mirror.SyncOptions{})
	if got := p.file(name(1)); got.Best().Grade != layout.GradeSigned || len(got.Evidence) != 2 {
		t.Errorf("got evidence %+v", got.Evidence)
	}
	states := p.states()
	p.sync(mirror.SyncOptions{})
	p.press.edition++
	p.sync(mirror.SyncOptions{Recheck: true})
	if p.states() != states {
		t.Error("an idle sync published")
	}
}

// TestStateRootCoversAllThatAGenerationRefersTo works it out anew.
func TestStateRootCoversAllThatAGenerationRefersTo(t *testing.T) {
	p := newPublisher(t, true)
	sig, err := p.signer.Sign([]byte(line+"\n"), p.now)
	if err != nil {
		t.Fatal(err)
	}
	p.press.print("a.json", []byte(line+"\n"), sig)
	p.list(p.vouched(name(1), 100), p.vouched(name(2), 200))
	p.sync(mirror.SyncOptions{})
	state, err := p.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gen, err := p.Trusted.Generation(t.Context(), state.Generation.Generation)
	if err != nil {
		t.Fatal(err)
	}
	n := p.notices()["a.json"]
	refs := []layout.ObjectRef{gen.Catalog, gen.Notices.List, n.Original, n.Signature}
	for i := 1; i <= 2; i++ {
		f := p.file(name(i))
		refs = append(refs, layout.ObjectRef{SHA256: f.SHA256, Size: f.Size})
	}
	slices.SortFunc(refs, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	want, err := layout.StateRoot(slices.Values(refs))
	if err != nil || gen.StateRoot != want {
		t.Errorf("state root: got %s, want %s (%v)", gen.StateRoot, want, err)
	}
}

// TestAnotherStoreGetsTheDocumentsAgain believes the store and not the memory.
func TestAnotherStoreGetsTheDocumentsAgain(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("a", p.clearSigned(line), nil)
	p.sync(mirror.SyncOptions{})
	dir, err := store.CreateDir(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p.use(dir, filepath.Join(t.TempDir(), "mark"))
	p.sync(mirror.SyncOptions{})
	if n := p.notices()["a"]; n == nil || n.Verdict != layout.Valid {
		t.Errorf("in the other store: %+v", n)
	}
	p.clean()
}
