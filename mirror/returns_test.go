package mirror_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// beside sets up a far side that follows a near side, which pins its key under
// the name.
func (s *site) beside(name string) *far {
	s.t.Helper()
	f := newFar(s.t, &wire{publisher: &publisher{site: s}})
	s.trust.Keys = verify.MergeKeyrings(s.trust.Keys, f.key.Public())
	if err := s.trust.Pins.Add(verify.Pin{Fingerprint: f.key.Fingerprint(), Purpose: verify.PurposeDestination, Source: name}); err != nil {
		s.t.Fatal(err)
	}
	return f
}

// brings imports a bundle that must be accepted, and returns the receipt.
func (f *far) brings(name, dir string) *mirror.Returned {
	f.t.Helper()
	r, err := f.Import(f.t.Context(), []string{dir}, mirror.ImportOptions{Destination: name, Receipt: f.t.TempDir()})
	if err != nil {
		f.t.Fatalf("import %s: %v", dir, err)
	}
	return returned(f.t, r.Receipt)
}

// lacks imports a bundle whose base must be missing, and returns receipt and
// want file.
func (f *far) lacks(name, dir string) (receipt, want *mirror.Returned) {
	f.t.Helper()
	to := f.t.TempDir()
	e := f.refuse(mirror.ImportOptions{Destination: name, Receipt: to}, dir)
	if e.Code != mirror.CodeMissingBase {
		f.t.Fatalf("import %s: got %v, want missing-base", dir, e)
	}
	receipts, err := filepath.Glob(filepath.Join(to, "RECEIPT-*.json"))
	wants, bad := filepath.Glob(filepath.Join(to, "WANT-*.json"))
	if errors.Join(err, bad) != nil || len(receipts) != 1 || len(wants) != 1 {
		f.t.Fatalf("what goes back: %v and %v", receipts, wants)
	}
	return returned(f.t, receipts[0]), returned(f.t, wants[0])
}

func returned(t testing.TB, name string) *mirror.Returned {
	t.Helper()
	r, err := mirror.ReadReturned(name, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// apply notes a receipt that must count.
func (s *site) apply(files ...*mirror.Returned) []mirror.ReceiptReport {
	s.t.Helper()
	return s.applyTo(mirror.OutboundStream{}, files...)
}

// applyTo is apply where the configuration has the stream main as it is given.
func (s *site) applyTo(stream mirror.OutboundStream, files ...*mirror.Returned) []mirror.ReceiptReport {
	s.t.Helper()
	stream.Name = "main"
	reports, err := s.ApplyReceipts(s.t.Context(), files, mirror.ApplyOptions{Streams: []mirror.OutboundStream{stream}})
	if err != nil {
		s.t.Fatalf("receipt apply: %v", err)
	}
	return reports
}

// arrived words what is known to have arrived of the stream main.
func (s *site) arrived() map[string]string {
	all := make(map[string]string)
	for name, a := range s.outbound().Arrived {
		all[name] = string(rune('0'+a.Seq)) + " " + a.By
	}
	return all
}

func answering() mirror.OutboundStream { return mirror.OutboundStream{Return: mirror.Receipts} }

// TestReceiptsAcknowledge: an increment starts at what the receipts of all
// destinations acknowledge, and what an old one says lowers nothing.
func TestReceiptsAcknowledge(t *testing.T) {
	s := newNear(t, 1)
	east, west := s.beside("east"), s.beside("west")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: answering()}
	var dirs []string
	var receipts []*mirror.Returned // of east
	for n := 2; n <= 4; n++ {
		r, _ := s.export(opt)
		dirs = append(dirs, r.Dir)
		receipts = append(receipts, east.brings("east", r.Dir))
		s.holds(numbersTo(n)...)
	}
	reports := s.apply(receipts[1])
	want := mirror.ReceiptReport{File: receipts[1].Name, Destination: "east", Stream: "main", Epoch: 1, Seq: 2, Status: bundle.Imported, HighWater: 2, Acknowledged: 2, Changed: true}
	if diff := cmp.Diff([]mirror.ReceiptReport{want}, reports); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	s.apply(west.brings("west", dirs[0]))
	if diff := cmp.Diff(map[string]string{"east": "2 receipt", "west": "1 receipt"}, s.arrived()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
	if r, _ := s.export(opt); r.Since != 1 {
		t.Errorf("west has seq 1: got an increment since %d", r.Since)
	}
	s.apply(receipts[2])
	before := s.states()
	replay := s.apply(receipts[0], receipts[1], receipts[2])
	for i, note := range []string{"older than what is known: seq 3", "older than what is known: seq 3", "it was known"} {
		if r := replay[i]; r.Changed || r.Acknowledged != 3 || !strings.Contains(r.Note, note) {
			t.Errorf("replay of seq %d: got %+v, want %q", r.Seq, r, note)
		}
	}
	if s.states() != before || s.arrived()["east"] != "3 receipt" {
		t.Errorf("replays changed the ledger: %v, %d states after %d", s.arrived(), s.states(), before)
	}
}

// TestReceiptsOfSeveralAtOnce: one write takes note of all of them, and of two
// of one destination the newer counts, in whatever order they stand.
func TestReceiptsOfSeveralAtOnce(t *testing.T) {
	s := newNear(t, 1)
	east, west := s.beside("east"), s.beside("west")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: answering()}
	first, _ := s.export(opt)
	one := east.brings("east", first.Dir)
	s.holds(1, 2)
	second, _ := s.export(opt)
	two, other := east.brings("east", second.Dir), west.brings("west", second.Dir)
	before := s.states()
	reports, err := s.ApplyReceipts(t.Context(), []*mirror.Returned{two, one, other}, mirror.ApplyOptions{DryRun: true})
	if err != nil || len(reports) != 3 || !reports[0].Changed || reports[1].Changed || !reports[2].DryRun || s.states() != before {
		t.Errorf("a dry run: got %+v, %v, %d states after %d", reports, err, s.states(), before)
	}
	s.apply(two, one, other)
	if s.states() != before+1 {
		t.Errorf("%d states after %d, want one more", s.states(), before)
	}
	if diff := cmp.Diff(map[string]string{"east": "2 receipt", "west": "2 receipt"}, s.arrived()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}

// TestAReceiptOfWhatTheLedgerForgot: it lowers nothing where later bundles are
// known to have arrived, and counts for nothing where none are.
func TestAReceiptOfWhatTheLedgerForgot(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Overlap: time.Second}}
	first, _ := s.export(opt)
	old := f.brings("plant", first.Dir)
	var last *mirror.ExportReport
	for range 4 {
		s.now = s.now.Add(time.Hour)
		last, _ = s.export(opt)
	}
	if strings.Contains(s.ledger(), "1 full") {
		t.Fatalf("seq 1 is still in the ledger: %s", s.ledger())
	}
	_, err := s.ApplyReceipts(t.Context(), []*mirror.Returned{old}, mirror.ApplyOptions{})
	refusal, ok := errors.AsType[*mirror.ReceiptError](err)
	if !ok || refusal.Code != mirror.CodePosition || !strings.Contains(refusal.Next, "--full") || !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("nothing newer is known: got %v", err)
	}
	s.apply(f.brings("plant", last.Dir))
	if r := s.apply(old)[0]; r.Changed || r.Acknowledged != 5 || r.Note != "it is older than the ledger" {
		t.Errorf("seq 5 is known to have arrived: got %+v", r)
	}
}

// TestAReceiptOfWhatIsNotNotedAsExported: it is told how to finish.
func TestAReceiptOfWhatIsNotNotedAsExported(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	dir := t.TempDir()
	s.beginExport(dir)
	begun := s.outbound().Exports[0]
	doc, err := json.Marshal(bundle.Receipt{
		Format: bundle.FormatReceipt, Version: 1, Destination: "plant", Origin: originOf(s), Stream: s.outbound().ID, Epoch: 1, Seq: 1, Header: begun.Header.Document.SHA256,
		Status: bundle.Imported, Mark: &bundle.Before{Epoch: 1, Seq: 1, Header: begun.Header.Document.SHA256}, Day: "2026-11-22",
	})
	if err != nil {
		t.Fatal(err)
	}
	sig, err := f.key.Sign(doc, s.now)
	if err != nil {
		t.Fatal(err)
	}
	receipt := &mirror.Returned{Name: "r.json", Doc: doc, Sig: sig}
	_, err = s.ApplyReceipts(t.Context(), []*mirror.Returned{receipt}, mirror.ApplyOptions{})
	if refusal, ok := errors.AsType[*mirror.ReceiptError](err); !ok || !strings.Contains(refusal.Next, "patchferry export --to DIR completes it") {
		t.Errorf("got %v", err)
	}
	s.export(mirror.ExportOptions{To: dir})
	if r := s.apply(receipt)[0]; r.Acknowledged != 1 {
		t.Errorf("when it is finished: got %+v", r)
	}
}

func originOf(s *site) string {
	s.t.Helper()
	state, err := s.Trusted.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return state.Origin
}

// TestReceiptsOfWhatWasNotImported: they acknowledge what was there before, and
// say what to do next.
func TestReceiptsOfWhatWasNotImported(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: answering()}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir) // this receipt is lost
	s.holds(1, 2)
	second, _ := s.export(opt)
	to := t.TempDir()
	flip(t, filepath.Join(second.Dir, "vol-001-of-001", filepath.FromSlash(bundle.ObjectPath(s.file(name(2)).SHA256))), 7)
	f.refuse(mirror.ImportOptions{Destination: "plant", Receipt: to}, second.Dir)
	r := s.apply(returned(t, filepath.Join(to, "RECEIPT-plant-000002.json")))[0]
	if r.Status != bundle.Refused || r.Reason != "digest" || r.Acknowledged != 1 || !r.Changed || !strings.Contains(r.Next, "patchferry export --full") {
		t.Errorf("refused: got %+v", r)
	}
	if diff := cmp.Diff(map[string]string{"plant": "1 receipt"}, s.arrived()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
	empty := s.beside("empty")
	opt.Stream.Return, opt.Since = mirror.Diode, 2
	third, _ := s.export(opt)
	receipt, _ := empty.lacks("empty", third.Dir)
	r = s.apply(receipt)[0]
	if r.Status != bundle.Partial || r.Acknowledged != 0 || r.Changed || r.Missing != 2 || !strings.Contains(r.Next, "patchferry export --want WANT-empty-000003.json --to DIR") {
		t.Errorf("partial: got %+v", r)
	}
}

// TestAReceiptOfAWaitingImport: volumes that are not there yet acknowledge
// nothing.
func TestAReceiptOfAWaitingImport(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched("a.exe", 1_400_000), s.vouched("b.exe", 1_400_000))
	s.sync(mirror.SyncOptions{})
	f := s.beside("plant")
	r, _ := s.export(mirror.ExportOptions{To: t.TempDir(), VolumeSize: 2_000_000})
	volumes, err := filepath.Glob(filepath.Join(r.Dir, "vol-*"))
	if err != nil || len(volumes) < 2 {
		t.Fatalf("volumes %v, %v", volumes, err)
	}
	to := t.TempDir()
	f.refuse(mirror.ImportOptions{Destination: "plant", Receipt: to}, part(t, r.Dir, filepath.Base(volumes[0])))
	name := filepath.Join(to, "RECEIPT-plant-000001.json")
	if got := s.apply(returned(t, name))[0]; got.Status != bundle.Partial || got.Reason != "waiting" || got.Changed || !strings.Contains(got.Next, "bring the volumes") {
		t.Errorf("got %+v", got)
	}
	if _, err := f.Import(t.Context(), []string{r.Dir}, mirror.ImportOptions{Destination: "plant", Receipt: to}); err != nil {
		t.Fatal(err)
	}
	if got := s.apply(returned(t, name))[0]; got.Status != bundle.Imported || !got.Changed {
		t.Errorf("the receipt of the whole bundle did not take its place: %+v", got)
	}
}

// TestReceiptsTellNothingOfTheSite: what goes back holds the name of the far
// side and what the near side sent, and nothing else.
func TestReceiptsTellNothingOfTheSite(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	r, _ := s.export(mirror.ExportOptions{To: t.TempDir()})
	receipt := f.brings("plant", r.Dir)
	var members map[string]any
	if err := json.Unmarshal(receipt.Doc, &members); err != nil {
		t.Fatal(err)
	}
	allowed := []string{"format", "version", "destination", "origin", "stream", "epoch", "seq", "header_sha256", "status", "high_water", "day"}
	for name := range members {
		if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+name+" ") {
			t.Errorf("the receipt has the member %s", name)
		}
	}
	host, err := os.Hostname()
	if err == nil && len(host) > 3 && strings.Contains(string(receipt.Doc), host) {
		t.Errorf("the receipt names the host %s", host)
	}
}

// TestIncrementsOfDestinationsThatAreSilent: with receipts a destination of
// which nothing is known gets everything, and one that lags behind keeps in the
// ledger what it needs.
func TestIncrementsOfDestinationsThatAreSilent(t *testing.T) {
	for _, mode := range []mirror.ReturnPath{mirror.Receipts, mirror.Wants} {
		t.Run(string(mode), func(t *testing.T) {
			s := newNear(t, 1)
			east := s.beside("east")
			opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mode, Audience: []string{"east", "silent"}, Overlap: time.Second}}
			first, _ := s.export(opt)
			s.applyTo(opt.Stream, east.brings("east", first.Dir))
			for range 5 {
				s.now = s.now.Add(time.Hour)
				if r, _ := s.export(opt); r.Since != 0 {
					t.Errorf("seq %d: nothing is known of one of the audience: got since %d, want everything", r.Seq, r.Since)
				}
			}
			opt.Stream.Audience = []string{"east"}
			r, _ := s.export(opt)
			if r.Since != 1 {
				t.Errorf("east lags behind: got since %d, want 1; the ledger has %s", r.Since, s.ledger())
			}
			s.applyTo(opt.Stream, east.brings("east", r.Dir))
			if r, _ := s.export(opt); r.Since != 7 {
				t.Errorf("east has seq 7: got since %d", r.Since)
			}
			if r, _ := s.export(opt); r.Since != 7 || strings.Contains(s.ledger(), "1 ") {
				t.Errorf("what nobody needs is in the ledger: %s", s.ledger())
			}
		})
	}
}

// TestAReplayAfterASetBack: once the operator said that a far side has less
// than was known, what it wrote before says nothing any more.
func TestAReplayAfterASetBack(t *testing.T) {
	s := newNear(t, 1)
	f := s.beside("plant")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: answering()}
	first, _ := s.export(opt)
	f.brings("plant", first.Dir)
	s.holds(1, 2)
	second, _ := s.export(opt)
	old := f.brings("plant", second.Dir)
	s.apply(old)
	s.now = s.now.Add(24 * time.Hour)
	if _, err := s.Confirm(t.Context(), mirror.Confirmation{Seq: 1, Destination: "plant"}); err != nil {
		t.Fatal(err)
	}
	before := s.states()
	if r := s.apply(old)[0]; r.Changed || r.Acknowledged != 1 || !strings.Contains(r.Note, "before plant was set back") || s.states() != before {
		t.Errorf("a receipt of the day before: got %+v", r)
	}
	f.now = s.now
	again := s.beside("plant") // the same far side, set back
	again.now = s.now
	again.brings("plant", first.Dir)
	if r := s.apply(again.brings("plant", second.Dir))[0]; !r.Changed || r.Acknowledged != 2 {
		t.Errorf("a receipt of that day: got %+v", r)
	}
	if r := s.apply(old)[0]; r.Changed {
		t.Errorf("the old one once more: got %+v", r)
	}
}

// TestADestinationThatLagsBehind: increments start where the slowest stands; when
// even that is not enough its want file is answered, and the others import the
// answer as any bundle.
func TestADestinationThatLagsBehind(t *testing.T) {
	s := newNear(t, 1)
	east, west := s.beside("east"), s.beside("west")
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Receipts, Audience: []string{"east", "west"}}}
	first, _ := s.export(opt)
	s.apply(east.brings("east", first.Dir), west.brings("west", first.Dir))
	for n := 2; n <= 5; n++ {
		s.holds(numbersTo(n)...)
		r, _ := s.export(opt)
		if r.Since != 1 {
			t.Errorf("seq %d starts at %d, want 1, where west stands", r.Seq, r.Since)
		}
		s.apply(east.brings("east", r.Dir))
	}
	s.holds(numbersTo(6)...)
	narrow, _ := s.export(mirror.ExportOptions{To: opt.To, Stream: opt.Stream, Since: 5})
	east.brings("east", narrow.Dir)
	receipt, want := west.lacks("west", narrow.Dir)
	if r := s.apply(receipt)[0]; r.Changed || r.Acknowledged != 1 {
		t.Errorf("west has seq 1: got %+v", r)
	}
	opt.Want = want
	answer, _ := s.export(opt)
	for name, f := range map[string]*far{"east": east, "west": west} {
		s.apply(f.brings(name, answer.Dir))
		if diff := cmp.Diff(numbersTo(6), f.held(6)); diff != "" {
			t.Errorf("content of %s (-want +got):\n%s", name, diff)
		}
	}
	opt.Want = nil
	if r, _ := s.export(opt); r.Since != answer.Seq {
		t.Errorf("both have seq %d: got since %d", answer.Seq, r.Since)
	}
}
