package mirror_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"patchferry/mirror"
)

// TestIncrementsStartAtTheOldestThatIsNeeded: with receipts an increment starts
// at what the destination that lags behind is known to have.
func TestIncrementsStartAtTheOldestThatIsNeeded(t *testing.T) {
	s := newNear(t, 1)
	stream := mirror.OutboundStream{Audience: []string{"east", "west"}, Return: mirror.Receipts}
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: stream}
	for n := 2; n <= 5; n++ {
		s.export(opt)
		s.holds(numbersTo(n)...)
	}
	opt.DryRun = true
	since := func() uint64 {
		t.Helper()
		r, err := s.Export(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		return r.Since
	}
	if got := since(); got != 0 {
		t.Errorf("nothing is known to have arrived: got since %d, want a full bundle", got)
	}
	for _, step := range []struct {
		destination string
		seq, want   uint64
	}{
		{"east", 4, 0}, // nothing is known of west
		{"west", 2, 2},
		{"west", 4, 4},
		{"east", 1, 1}, // it was set back
	} {
		r, err := s.Confirm(t.Context(), mirror.Confirmation{Stream: stream, Seq: step.seq, Destination: step.destination})
		if err != nil || !r.Changed {
			t.Fatalf("confirm %d of %s: %+v, %v", step.seq, step.destination, r, err)
		}
		if got := since(); got != step.want {
			t.Errorf("%s has %d: got since %d, want %d", step.destination, step.seq, got, step.want)
		}
	}
	// What lags behind stays in the ledger, however long it takes.
	opt.DryRun = false
	for range 4 {
		s.now = s.now.Add(100 * 24 * time.Hour)
		if r, _ := s.export(opt); r.Since != 1 {
			t.Errorf("seq %d: got since %d, want 1", r.Seq, r.Since)
		}
	}
	before := s.states()
	r, err := s.Confirm(t.Context(), mirror.Confirmation{Stream: stream, Seq: 1, Destination: "east"})
	if err != nil || r.Changed || s.states() != before {
		t.Errorf("confirmed again: %+v, %v, %d states after %d", r, err, s.states(), before)
	}
}

// TestAnArrivalThatTheLedgerForgotCountsForNothing: what a bundle brought is
// known only while it is in the ledger.
func TestAnArrivalThatTheLedgerForgotCountsForNothing(t *testing.T) {
	s := newNear(t, 1)
	opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Overlap: time.Second}}
	s.export(opt)
	if _, err := s.Confirm(t.Context(), mirror.Confirmation{Seq: 1, Destination: "east"}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		s.now = s.now.Add(time.Hour)
		s.export(opt)
	}
	if strings.Contains(s.ledger(), "1 full") {
		t.Fatalf("seq 1 is still in the ledger: %s", s.ledger())
	}
	opt.Stream.Return, opt.DryRun = mirror.Receipts, true
	if r, err := s.Export(t.Context(), opt); err != nil || r.Since != 0 {
		t.Errorf("got since %d, %v; want a full bundle", r.Since, err)
	}
}

func TestConfirmRefuses(t *testing.T) {
	s := newNear(t, 1)
	dir := t.TempDir()
	s.export(mirror.ExportOptions{To: dir})
	s.beginExport(dir)
	before := s.states()
	for _, test := range []struct {
		name, destination, want string
		seq                     uint64
		audience                []string
	}{
		{"a seq that is not finished", "east", "not in the ledger", 2, nil},
		{"a seq that never was", "east", "not in the ledger", 7, nil},
		{"a name that is none", "../east", "not the name", 1, nil},
		{"no name", "", "not the name", 1, nil},
		{"who is not in the audience", "east", "not for east", 1, []string{"west"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Confirm(t.Context(), mirror.Confirmation{
				Stream: mirror.OutboundStream{Audience: test.audience}, Seq: test.seq, Destination: test.destination,
			})
			if exportErr := (*mirror.ExportError)(nil); !errors.As(err, &exportErr) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	if s.states() != before {
		t.Error("a refusal published a state")
	}
}
