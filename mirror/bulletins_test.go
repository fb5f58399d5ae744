package mirror_test

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

	"patchferry/layout"
	"patchferry/mirror"
)

const line = "MS04-011 835732 Critical 2004-04-13"

func TestBulletinsAreKeptAndAnnounce(t *testing.T) {
	p := newPublisher(t, true)
	doc := p.clearSigned(line, "MS04-012 828741 Important 2004-04-13")
	p.press.print("april", doc, nil)
	r := p.sync(mirror.SyncOptions{})
	if !r.Published || len(r.Notices) != 1 || r.Notices[0].Verdict != layout.Valid {
		t.Fatalf("got report %+v", r)
	}
	n := p.notices()["april"]
	if n == nil || n.Verdict != layout.Valid || n.Signer != string(p.signer.Fingerprint()) || len(n.Bulletins) != 2 || n.Bulletins[0].Name != "MS04-011" {
		t.Fatalf("got notice %+v", n)
	}
	if !bytes.Equal(p.read(n.Original.SHA256), doc) {
		t.Error("the original is not kept byte for byte")
	}
	if r := p.clean(); r.Notices != 1 {
		t.Errorf("audit judged %d documents, want 1", r.Notices)
	}
}

func TestIdleBulletinsAskOnceAndWriteNothing(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("april", p.clearSigned(line), nil)
	p.sync(mirror.SyncOptions{})
	states := p.states()
	p.press.asked()
	p.press.listed = 0
	p.now = p.now.Add(time.Hour)
	if r := p.sync(mirror.SyncOptions{}); r.Published || len(r.Notices) > 0 {
		t.Errorf("got %+v", r)
	}
	if p.press.listed != 1 || p.press.asked() != "" || p.states() != states {
		t.Errorf("asked %d times, got %q, %d states after %d", p.press.listed, p.press.asked(), p.states(), states)
	}
}

func TestUnpinnedAnnouncesNothingUntilItsKeyIsPinned(t *testing.T) {
	p := newPublisher(t, false)
	p.press.print("april", p.clearSigned(line), nil)
	r := p.sync(mirror.SyncOptions{})
	n := p.notices()["april"]
	if n == nil || n.Verdict != layout.Unpinned || len(n.Bulletins) != 0 {
		t.Fatalf("got %+v in %+v", n, r)
	}
	p.press.asked()
	p.pin()
	p.judge()
	r = p.sync(mirror.SyncOptions{})
	if got := p.notices()["april"]; got.Verdict != layout.Valid || len(got.Bulletins) != 1 {
		t.Errorf("after the pin: %+v", got)
	}
	if len(r.Notices) != 1 || r.Notices[0].Before != layout.Unpinned || p.press.asked() != "" {
		t.Errorf("got report %+v; it was judged from the store, nothing fetched", r)
	}
	p.pins.Remove(p.signer.Fingerprint(), "")
	p.judge()
	if _, err := p.Audit(t.Context(), mirror.AuditOptions{}); !errors.Is(err, mirror.ErrAudit) {
		t.Errorf("audit after the pin was removed: %v, want a finding", err)
	}
	p.sync(mirror.SyncOptions{})
	if got := p.notices()["april"]; got.Verdict != layout.Unpinned || len(got.Bulletins) != 0 {
		t.Errorf("after the pin was removed: %+v", got)
	}
	p.clean()
}

func TestOfferedKeysAreFoundAndProveNothing(t *testing.T) {
	p := newPublisher(t, false)
	p.keys = nil
	p.judge()
	var key bytes.Buffer
	if err := p.signer.WritePublic(&key); err != nil {
		t.Fatal(err)
	}
	p.press.print("april", p.clearSigned(line), nil)
	p.sync(mirror.SyncOptions{})
	if got := p.notices()["april"].Verdict; got != layout.UnknownKey {
		t.Errorf("without the key: %s", got)
	}
	p.press.keys = []layout.OfferedKey{{Claimed: string(p.signer.Fingerprint()), URL: "https://press.example/key", Data: key.Bytes()}}
	p.press.edition++
	p.sync(mirror.SyncOptions{})
	if got := p.notices()["april"].Verdict; got != layout.Unpinned {
		t.Errorf("with the offered key: %s", got)
	}
	p.pin()
	p.judge()
	p.sync(mirror.SyncOptions{})
	if got := p.notices()["april"].Verdict; got != layout.Valid {
		t.Errorf("with the offered key pinned: %s", got)
	}
	p.press.keys[0].Claimed = strings.Repeat("A", 40)
	p.press.edition++
	if r := p.sync(mirror.SyncOptions{}); !strings.Contains(strings.Join(r.Sources[0].Problems, "\n"), "another key") {
		t.Errorf("a key that is not what it is said to be: %+v", r.Sources)
	}
}

func TestBadIsQuarantinedWithItsReport(t *testing.T) {
	p := newPublisher(t, true)
	doc := p.clearSigned(line)
	forged := bytes.Replace(doc, []byte("Critical"), []byte("Moderate"), 1)
	p.press.print("forged", forged, nil)
	p.press.print("right", doc, nil)
	r, err := p.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) || !strings.Contains(err.Error(), "1 document refused and in quarantine") {
		t.Fatalf("sync: %v", err)
	}
	if got := p.notices(); got["forged"] != nil || got["right"] == nil {
		t.Errorf("kept: %v", got)
	}
	if _, err := p.Store.Stat(t.Context(), layout.DigestOf(forged)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the forged document is in the store: %v", err)
	}
	kept := mirror.QuarantinedNotices(p.Work)
	if len(kept) != 1 || kept[0].Name != "forged" || kept[0].Judgement.Verdict != layout.Bad || r.Refused != 1 {
		t.Fatalf("quarantine: %+v, report %+v", kept, r)
	}
	if got, err := os.ReadFile(filepath.Join(kept[0].Dir, "document")); err != nil || !bytes.Equal(got, forged) {
		t.Errorf("the bytes in quarantine: %q, %v", got, err)
	}

	p.press.asked()
	p.press.edition++
	p.now = p.now.Add(time.Hour)
	if r := p.sync(mirror.SyncOptions{}); r.Refused != 0 || p.press.asked() != "" {
		t.Errorf("within the day it was got again: %+v", r)
	}
	p.now = p.now.Add(24 * time.Hour)
	if _, err := p.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, mirror.ErrPartial) || p.press.asked() != "forged" {
		t.Errorf("after a day: %v; it is to be tried again", err)
	}
	p.press.print("forged", doc, nil)
	p.sync(mirror.SyncOptions{})
	if left := mirror.QuarantinedNotices(p.Work); p.notices()["forged"] == nil || len(left) != 0 {
		t.Errorf("after it was put right: %d in quarantine", len(left))
	}
}

// TestWhatTurnsOutBadIsTakenOut keeps a document whose key nobody has, until
// the key says that it is forged.
func TestWhatTurnsOutBadIsTakenOut(t *testing.T) {
	p := newPublisher(t, false)
	p.keys = nil
	p.judge()
	doc := p.clearSigned(line)
	forged := bytes.Replace(doc, []byte("Critical"), []byte("Moderate"), 1)
	p.press.print("forged", forged, nil)
	p.press.print("right", doc, nil)
	p.sync(mirror.SyncOptions{})
	if n := p.notices()["forged"]; n == nil || n.Verdict != layout.UnknownKey {
		t.Fatalf("without the key: %+v", n)
	}
	p.keys = p.signer.Public()
	p.pin()
	p.judge()
	p.press.asked()
	r, err := p.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) || r.Refused != 1 || p.press.asked() != "" {
		t.Errorf("with the key: %v, %+v", err, r)
	}
	if all := p.notices(); all["forged"] != nil || all["right"] == nil || all["right"].Verdict != layout.Valid {
		t.Errorf("kept: %+v", all)
	}
	kept := mirror.QuarantinedNotices(p.Work)
	if len(kept) != 1 || kept[0].Name != "forged" {
		t.Fatalf("quarantine: %+v", kept)
	}
	if got, err := os.ReadFile(filepath.Join(kept[0].Dir, "document")); err != nil || !bytes.Equal(got, forged) {
		t.Errorf("the bytes in quarantine: %q, %v", got, err)
	}
	p.clean()
	p.Grace, p.Keep = -1, -1
	p.sync(mirror.SyncOptions{})
	p.now = p.now.Add(25 * time.Hour)
	if _, err := p.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, mirror.ErrPartial) || p.press.asked() != "forged" {
		t.Errorf("after a day: %v; it is to be tried again", err)
	}
}

func TestDetachedSignatures(t *testing.T) {
	p := newPublisher(t, true)
	doc := []byte(line + "\n")
	sig, err := p.signer.Sign(doc, p.now)
	if err != nil {
		t.Fatal(err)
	}
	p.press.print("a.json", doc, sig)
	p.press.print("stripped.json", []byte("MS99-999 1 Low 1999-01-01\n"), nil)
	r := p.sync(mirror.SyncOptions{})
	n := p.notices()["a.json"]
	if n == nil || n.Verdict != layout.Valid || !bytes.Equal(p.read(n.Signature.SHA256), sig) {
		t.Errorf("got %+v", n)
	}
	if p.notices()["stripped.json"] != nil {
		t.Error("a document without a signature was kept")
	}
	if !strings.Contains(strings.Join(r.Sources[0].Problems, "\n"), "1 document without a signature") {
		t.Errorf("problems: %q", r.Sources[0].Problems)
	}
	p.clean()
}

func TestRevisedDocumentIsAnotherNotice(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("a", p.clearSigned(line), nil)
	p.sync(mirror.SyncOptions{})
	p.now = p.now.Add(time.Hour)
	p.press.print("a", p.clearSigned("MS04-011 835732 Important 2004-04-13"), nil)
	p.sync(mirror.SyncOptions{})
	all := p.notices()
	if len(all) != 2 {
		t.Fatalf("got %d notices, want both revisions", len(all))
	}
	var list []*layout.Notice
	for _, n := range all {
		list = append(list, n)
	}
	if got := layout.Current(list); len(got) != 1 || got[0].Severity != layout.Important {
		t.Errorf("in force: %+v", got)
	}
}

func TestBulletinSourceFailures(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("a", p.clearSigned(line), nil)
	p.press.print("b", p.clearSigned("short"), nil)
	p.press.fails = map[string]error{"a": errors.New("cut off")}
	r, err := p.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) || !strings.Contains(err.Error(), "1 document could not be had") {
		t.Errorf("sync: %v", err)
	}
	if n := p.notices()["b"]; n == nil || n.Verdict != layout.Valid || len(n.Bulletins) != 0 || len(r.Notices[0].Problems) != 1 {
		t.Errorf("a signed text that cannot be read: %+v, %+v", n, r.Notices)
	}
	p.press.fails = nil
	p.press.asked()
	p.sync(mirror.SyncOptions{})
	if got := p.press.asked(); got != "a" || p.notices()["a"] == nil {
		t.Errorf("the next sync got %q, want what was missing", got)
	}
	p.press.down = errors.New("unreachable")
	if _, err := p.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, mirror.ErrPartial) || !strings.Contains(err.Error(), "1 source") {
		t.Errorf("an unreachable source: %v", err)
	}
	if s := p.SourceStatus(); len(s) != 1 || !strings.Contains(s[0].Problem, "unreachable") || s[0].Checked.IsZero() {
		t.Errorf("status: %+v", s)
	}
	if len(p.notices()) != 2 {
		t.Error("an unreachable source changed what is known")
	}
}

func TestLostMemoryCostsOneReading(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("a", p.clearSigned(line), nil)
	p.sync(mirror.SyncOptions{})
	states := p.states()
	if err := os.RemoveAll(filepath.Join(p.Work, "sources")); err != nil {
		t.Fatal(err)
	}
	p.press.asked()
	p.now = p.now.Add(time.Hour)
	p.sync(mirror.SyncOptions{})
	if p.press.asked() != "a" || p.states() != states {
		t.Errorf("%d states after %d", p.states(), states)
	}
}

func TestDryRunOfBulletinsWritesNothing(t *testing.T) {
	p := newPublisher(t, true)
	doc := p.clearSigned(line)
	p.press.print("a", doc, nil)
	p.press.print("b", bytes.Replace(doc, []byte("Critical"), []byte("Moderate"), 1), nil)
	r, err := p.Sync(t.Context(), mirror.SyncOptions{DryRun: true})
	if !errors.Is(err, mirror.ErrPartial) || len(r.Notices) != 2 {
		t.Errorf("got %v, %+v", err, r)
	}
	if _, err := p.Store.Stat(t.Context(), layout.DigestOf(doc)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the document is in the store: %v", err)
	}
	if len(mirror.QuarantinedNotices(p.Work)) != 0 || p.states() != 0 {
		t.Error("a dry run left something behind")
	}
}

func TestBeforeMayRefuse(t *testing.T) {
	p := newPublisher(t, true)
	p.press.print("a", p.clearSigned(line), nil)
	p.list(p.vouched(name(1), 100))
	refused := errors.New("the scanner found something")
	var seen *mirror.Proposed
	p.Before = func(_ context.Context, proposed *mirror.Proposed) error { seen = proposed; return refused }
	if _, err := p.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, refused) || p.states() != 0 {
		t.Errorf("got %v, %d states", err, p.states())
	}
	if seen == nil || len(seen.Files) != 1 || len(seen.Notices) != 1 || seen.Files[0].Update != "pub:"+name(1) {
		t.Errorf("it was shown %+v", seen)
	}
	p.Before = nil
	p.sync(mirror.SyncOptions{})
	if len(p.notices()) != 1 || !p.file(name(1)).Held {
		t.Error("after it was allowed something is missing")
	}
}

func TestPruneSparesBulletins(t *testing.T) {
	p := newPublisher(t, true)
	sig, err := p.signer.Sign([]byte(line+"\n"), p.now)
	if err != nil {
		t.Fatal(err)
	}
	p.press.print("a.json", []byte(line+"\n"), sig)
	p.Grace = -1
	p.sync(mirror.SyncOptions{})
	if plan, err := p.PlanPrune(t.Context()); err != nil || plan.Count != 0 {
		t.Errorf("got %+v, %v: a fresh store has nothing to prune", plan, err)
	}
}
