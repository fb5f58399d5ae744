package mirror_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// asks writes the one want file for what is asked for.
func (f *far) asks(name string, opt mirror.WantOptions) *mirror.Returned {
	f.t.Helper()
	opt.Destination, opt.To = name, f.t.TempDir()
	reports, err := f.Want(f.t.Context(), opt)
	if err != nil || len(reports) != 1 {
		f.t.Fatalf("want: got %+v, %v; want one file", reports, err)
	}
	return returned(f.t, reports[0].File)
}

// held returns the numbers, up to n, of the updates whose content is here.
func (f *far) held(n int) []int {
	f.t.Helper()
	var all []int
	for _, i := range numbersTo(n) {
		b := body(name(i), 2000+i)
		if size, err := f.dir.Stat(f.t.Context(), layout.DigestOf(b)); err == nil && size == int64(len(b)) {
			all = append(all, i)
		}
	}
	return all
}

// shownIn opens what hosts of the ring test are shown.
func (f *far) shownIn() *trusted.Shown {
	f.t.Helper()
	state, err := f.Trusted.Newest(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	shown, err := f.Trusted.Shown(f.t.Context(), state, "test")
	if err != nil {
		f.t.Fatal(err)
	}
	return shown
}

func (f *far) digest() layout.Digest { return f.shownIn().Digest }

// given returns the names of the files that hosts can fetch.
func (f *far) given() []string {
	f.t.Helper()
	var names []string
	for u, err := range f.shownIn().Updates(f.t.Context()) {
		if err != nil {
			f.t.Fatal(err)
		}
		for _, file := range u.Files {
			if file.Held {
				names = append(names, file.Name)
			}
		}
	}
	return names
}

// TestAMissingBaseIsAnswered: whatever a far side has lost, the bundle that
// answers its want file can be imported, and carries no more than it must.
func TestAMissingBaseIsAnswered(t *testing.T) {
	for _, test := range []struct {
		name     string
		imports  int      // of the first three bundles, in each of which an update is new
		loses    bool     // an object, from its disk
		builds   uint64   // the seq at which the fourth bundle starts
		since    uint64   // at which the answer must
		required []string // files that the answer does not carry
	}{
		{name: "nothing was ever imported", imports: 0, builds: 3, since: 3, required: nil},
		{name: "two bundles are lost", imports: 1, builds: 3, since: 3, required: []string{name(1)}},
		{name: "an object is gone from the disk", imports: 3, loses: true, builds: 3, since: 3, required: []string{name(2), name(3)}},
		{name: "the mark is newer than what the bundle builds on", imports: 2, loses: true, builds: 1, since: 2, required: []string{name(2)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newNear(t, 1)
			f := s.beside("plant")
			opt := mirror.ExportOptions{To: t.TempDir()}
			for n := 1; n <= 3; n++ {
				s.holds(numbersTo(n)...)
				r, _ := s.export(opt)
				if n <= test.imports {
					f.brings("plant", r.Dir)
				}
			}
			if test.loses {
				if err := f.dir.Delete(t.Context(), s.file(name(1)).SHA256); err != nil {
					t.Fatal(err)
				}
			}
			s.holds(numbersTo(4)...)
			fourth, _ := s.export(mirror.ExportOptions{To: opt.To, Since: test.builds})
			receipt, want := f.lacks("plant", fourth.Dir)
			if next := s.apply(receipt)[0].Next; !strings.Contains(next, filepath.Base(want.Name)) {
				t.Errorf("the receipt leads to %q, not to the want file", next)
			}
			s.holds(numbersTo(5)...) // the near side goes on
			answer, _ := s.export(mirror.ExportOptions{To: opt.To, Want: want})
			if answer.Kind != bundle.Incremental || answer.Since != test.since || len(answer.LeftOut) > 0 {
				t.Errorf("got %s since %d, left out %v; want since %d", answer.Kind, answer.Since, answer.LeftOut, test.since)
			}
			if carried := 5 - len(test.required); answer.Objects != carried+1 || answer.Required != len(test.required) {
				t.Errorf("it carries %d objects and requires %d, want %d and %d", answer.Objects, answer.Required, carried+1, len(test.required))
			}
			f.brings("plant", answer.Dir)
			if diff := cmp.Diff(numbersTo(5), f.held(5)); diff != "" {
				t.Errorf("content afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAWantFileAcknowledges: what the far side has accepted is noted with the
// bundle that answers it, and an old want file lowers nothing.
func TestAWantFileAcknowledges(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Receipts}}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir)
	s.holds(1, 2)
	s.export(opt) // lost
	s.holds(1, 2, 3)
	third, _ := s.export(mirror.ExportOptions{To: opt.To, Stream: opt.Stream, Since: 2})
	_, want := f.lacks("plant", third.Dir)
	opt.Want = want
	answer, _ := s.export(opt)
	if got := s.arrived()["plant"]; got != "1 want" {
		t.Errorf("got %q", got)
	}
	s.apply(f.brings("plant", answer.Dir))
	again, _ := s.export(opt) // the want file once more: harmless
	if got := s.arrived()["plant"]; got != "4 receipt" || again.Seq != 5 {
		t.Errorf("got %q after seq %d", got, again.Seq)
	}
	f.brings("plant", again.Dir)
	opt.Want = nil
	if r, _ := s.export(opt); r.Since != 4 {
		t.Errorf("the next increment starts at %d, want 4", r.Since)
	}
}

// TestABundleOfTheCatalogAlone: where a far side asks for what it takes, a
// bundle carries the catalog, and the next one what was asked for.
func TestABundleOfTheCatalogAlone(t *testing.T) {
	s := newNear(t, 1, 2, 3)
	east, west := s.beside("east"), s.beside("west")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Wants}}
	first, _ := s.export(opt)
	if first.Kind != bundle.CatalogOnly || first.Objects != 1 || first.Required != 3 {
		t.Errorf("got %s with %d objects, %d required", first.Kind, first.Objects, first.Required)
	}
	east.brings("east", first.Dir)
	west.brings("west", first.Dir)
	if len(east.shown("test")) != 3 || east.held(3) != nil {
		t.Errorf("the far side shows %v and has the content of %v", east.shown("test"), east.held(3))
	}
	if got := east.given(); len(got) != 0 {
		t.Errorf("hosts are given %v, of which nothing is here", got)
	}
	before := east.digest()
	opt.Want = east.asks("east", mirror.WantOptions{Updates: []string{"pub:" + name(2)}})
	answer, _ := s.export(opt)
	if answer.Kind != bundle.CatalogOnly || answer.Wanted != 1 || answer.Objects != 2 {
		t.Errorf("got %s with %d objects, %d of them wanted", answer.Kind, answer.Objects, answer.Wanted)
	}
	east.brings("east", answer.Dir)
	if got := east.given(); !slices.Equal(got, []string{name(2)}) || east.digest() == before {
		t.Errorf("hosts are given %v, want %s; the catalog is the same, what is shown is not", got, name(2))
	}
	if r, err := east.Audit(t.Context(), mirror.AuditOptions{}); err != nil || r.Absent != 2 || len(r.Findings) > 0 {
		t.Errorf("audit: got %+v, %v; want 2 absent and no finding", r, err)
	}
	west.brings("west", answer.Dir) // what one asked for is for all of the stream
	opt.Want = west.asks("west", mirror.WantOptions{Absent: true})
	rest, _ := s.export(opt)
	if rest.Wanted != 2 {
		t.Errorf("the rest: %d objects are wanted, want 2", rest.Wanted)
	}
	west.brings("west", rest.Dir)
	if got := west.held(3); !slices.Equal(got, numbersTo(3)) {
		t.Errorf("the far side has the content of %v", got)
	}
	reports, err := west.Want(t.Context(), mirror.WantOptions{Absent: true, To: t.TempDir(), Destination: "west"})
	if err != nil || len(reports) != 0 {
		t.Errorf("everything is here: got %+v, %v", reports, err)
	}
}

// TestAListedFileComesAsContent: what the near side only lists and a far side
// asks for is fetched, alone, and comes with the next bundle.
func TestAListedFileComesAsContent(t *testing.T) {
	const listed = 300
	s := newSite(t)
	var files []layout.File
	for _, n := range numbersTo(listed) {
		files = append(files, s.vouched(name(n), 2000+n))
	}
	s.list(files[:3]...)
	s.sync(mirror.SyncOptions{})
	s.list(files...)
	s.sync(mirror.SyncOptions{MetadataOnly: true})
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir()}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir)
	wanted := []string{"pub:" + name(77), "pub:" + name(200)}
	want := f.asks("plant", mirror.WantOptions{Updates: wanted})
	opt.Want = want
	_, err := s.Export(t.Context(), opt)
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Next, "patchferry sync --want") || !strings.Contains(e.Problem, "listed and not held") {
		t.Errorf("before it is fetched: got %v", err)
	}
	dry := s.sync(mirror.SyncOptions{Want: want, DryRun: true})
	if len(dry.Wanted) != 2 || dry.Wanted[0].Outcome != mirror.WantedNew || dry.Published {
		t.Errorf("a dry run: got %+v", dry.Wanted)
	}
	r := s.sync(mirror.SyncOptions{Want: want})
	if r.New != 2 || len(r.Wanted) != 2 || r.Wanted[1].Outcome != mirror.WantedNew || r.Counts.Held != 5 || r.Counts.Files != listed {
		t.Errorf("got %d new, %+v, %+v; want 2 and 5 held of %d", r.New, r.Wanted, r.Counts, listed)
	}
	if again := s.sync(mirror.SyncOptions{Want: want}); again.New != 0 || again.Wanted[0].Outcome != mirror.WantedHeld || again.Published {
		t.Errorf("the same once more: got %+v", again)
	}
	answer, _ := s.export(opt)
	if answer.Wanted != 2 || answer.Objects != 3 || len(answer.LeftOut) > 0 {
		t.Errorf("the answer carries %d objects, %d of them wanted", answer.Objects, answer.Wanted)
	}
	f.brings("plant", answer.Dir)
	if diff := cmp.Diff([]int{1, 2, 3, 77, 200}, f.held(listed)); diff != "" {
		t.Errorf("content afterwards (-want +got):\n%s", diff)
	}
	if r := s.sync(mirror.SyncOptions{MetadataOnly: true}); r.Counts.Held != 5 || r.Published {
		t.Errorf("the next sync: got %+v", r)
	}
}

// TestWhatCannotBeAnswered: what is asked for and not to be had is named, and
// the rest comes all the same.
func TestWhatCannotBeAnswered(t *testing.T) {
	s := newNear(t, 1, 2)
	f := s.beside("plant")
	gone := s.file(name(1)).SHA256
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Wants}}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir)
	want := f.asks("plant", mirror.WantOptions{Absent: true})
	s.Select = layout.Selection{Exclude: []string{"*" + name(1)}}
	s.holds(2, 3)
	opt.Want = want
	answer, _ := s.export(opt)
	if answer.Wanted != 1 || len(answer.LeftOut) != 1 || answer.LeftOut[0].SHA256 != gone || !strings.Contains(answer.LeftOut[0].Reason, "no longer refers to it") {
		t.Errorf("got %d wanted, left out %+v", answer.Wanted, answer.LeftOut)
	}
	f.brings("plant", answer.Dir)
	if got := f.held(3); !slices.Equal(got, []int{2}) {
		t.Errorf("the far side has the content of %v, want 2", got)
	}
	_, err := f.Want(t.Context(), mirror.WantOptions{Updates: []string{"pub:" + name(1)}, To: t.TempDir(), Destination: "plant"})
	if e, ok := errors.AsType[*mirror.WantError](err); !ok || !strings.Contains(e.Problem, "has an update pub:") {
		t.Errorf("asked for what no catalog has: got %v", err)
	}
}

// TestAnAnswerThatWasInterrupted: any export completes it as it was begun, and
// none with another want file does.
func TestAnAnswerThatWasInterrupted(t *testing.T) {
	s := newNear(t, 1, 2)
	s.Keep, s.Grace = -1, -1
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Wants}}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir)
	want := f.asks("plant", mirror.WantOptions{Updates: []string{"pub:" + name(1)}})
	other := f.asks("plant", mirror.WantOptions{Updates: []string{"pub:" + name(2)}})
	mark := filepath.Join(t.TempDir(), "mark")
	s.use(faulty.New(s.dir, faulty.Fault{At: 3, Mode: faulty.Kept, Dies: true}), mark)
	opt.Want = want
	if _, err := s.Export(t.Context(), opt); !errors.Is(err, faulty.ErrFault) {
		t.Fatalf("got %v, want ErrFault", err)
	}
	s.use(s.dir, mark)
	if got := s.ledger(); !strings.HasPrefix(got, "2 catalog-only begun") {
		t.Fatalf("the ledger has %q", got)
	}
	opt.Want = other
	_, err := s.Export(t.Context(), opt)
	if e, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(e.Next, "patchferry export --to DIR completes it") {
		t.Errorf("with another want file: got %v", err)
	}
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	opt.Want = nil
	r, _ := s.export(opt)
	if !r.Resumed || r.Seq != 2 || r.Wanted != 1 {
		t.Errorf("got %+v", r)
	}
	f.brings("plant", r.Dir)
	if got := f.held(2); !slices.Equal(got, []int{1}) {
		t.Errorf("the far side has the content of %v, want 1", got)
	}
}

// TestWantFilesThatCountForNothing: neither export nor sync believes them, and
// nothing is written.
func TestWantFilesThatCountForNothing(t *testing.T) {
	s := newNear(t, 1)
	f, dock := s.beside("plant"), s.beside("dock")
	stream := mirror.OutboundStream{Name: "main", Return: mirror.Wants, Audience: []string{"plant", "dock"}}
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: stream}
	first, _ := s.export(opt)
	receipt := f.brings("plant", first.Dir)
	good := f.asks("plant", mirror.WantOptions{Absent: true})
	dock.brings("dock", first.Dir)
	resign := func(f *far, from, to string) *mirror.Returned {
		doc := []byte(strings.ReplaceAll(string(good.Doc), from, to))
		if from != "" && slices.Equal(doc, good.Doc) {
			t.Fatalf("%q is not in %s", from, good.Doc)
		}
		sig, err := f.key.Sign(doc, s.now)
		if err != nil {
			t.Fatal(err)
		}
		return &mirror.Returned{Name: "w.json", Doc: doc, Sig: sig}
	}
	digest := first.Header.String()
	for _, test := range []struct {
		name string
		want *mirror.Returned
		code bundle.Code
	}{
		{"one byte altered", &mirror.Returned{Name: "w.json", Doc: append(slices.Clone(good.Doc), ' '), Sig: good.Sig}, bundle.CodeSignature},
		{"no signature", &mirror.Returned{Name: "w.json", Doc: good.Doc}, bundle.CodeSignature},
		{"by another destination", resign(dock, "", ""), mirror.CodeKey},
		{"by the site itself", &mirror.Returned{Name: "w.json", Doc: good.Doc, Sig: sign(t, s.key, good.Doc, s)}, mirror.CodeKey},
		{"a receipt", receipt, bundle.CodeFormat},
		{"of a stream that never was", resign(f, s.outbound().ID, "00000001-0000-4000-8000-000000000000"), mirror.CodeAudience},
		{"of another bundle", resign(f, digest, layout.DigestOf([]byte("other")).String()), mirror.CodeEquivocation},
		{"of a seq that never was", resign(f, `"seq": 1`, `"seq": 8`), mirror.CodePosition},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, ledger := tree(t, filepath.Dir(opt.To))+tree(t, s.storeDir()), s.states()
			opt.Want = test.want
			_, exported := s.Export(t.Context(), opt)
			_, synced := s.Sync(t.Context(), mirror.SyncOptions{Want: test.want, Streams: []mirror.OutboundStream{stream}})
			for job, err := range map[string]error{"export": exported, "sync": synced} {
				if e, ok := errors.AsType[*mirror.ReceiptError](err); !ok || e.Code != test.code || !errors.Is(err, verify.ErrUntrusted) {
					t.Errorf("%s: got %v, want %s", job, err, test.code)
				}
			}
			if after := tree(t, filepath.Dir(opt.To)) + tree(t, s.storeDir()); after != before || s.states() != ledger {
				t.Error("something was written")
			}
		})
	}
	opt.Want = good
	s.export(opt)
}

func sign(t *testing.T, key *verify.SecretKey, doc []byte, s *site) []byte {
	t.Helper()
	sig, err := key.Sign(doc, s.now)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// storeDir is where the store of a site lies.
func (s *site) storeDir() string { return filepath.Join(filepath.Dir(s.Work), "store") }
