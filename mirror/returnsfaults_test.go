package mirror_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout/store/faulty"
	"patchferry/mirror"
)

// TestEveryWriteOfAnAnswerMayFail kills the export that answers a want file at
// each write to the store, kept or lost: the same command finishes it, or where
// it was begun any other export does, and what was asked for arrives.
func TestEveryWriteOfAnAnswerMayFail(t *testing.T) {
	for at := 1; at <= 5; at++ { // header, want file, state, signature, state
		for _, mode := range []faulty.Mode{faulty.Lost, faulty.Kept, faulty.Torn} {
			t.Run(fmt.Sprintf("write %d %v", at, mode), func(t *testing.T) {
				t.Parallel()
				s := newNear(t, 1, 2)
				f := s.beside("plant")
				opt := mirror.ExportOptions{To: t.TempDir(), Stream: mirror.OutboundStream{Return: mirror.Wants}}
				first, _ := s.export(opt)
				f.brings("plant", first.Dir)
				opt.Want = f.asks("plant", mirror.WantOptions{Updates: []string{"pub:" + name(2)}})
				mark := filepath.Join(t.TempDir(), "mark")
				s.use(faulty.New(s.dir, faulty.Fault{At: at, Mode: mode, Dies: true}), mark)
				if _, err := s.Export(t.Context(), opt); err == nil && !(at == 5 && mode == faulty.Kept) {
					t.Error("the export did not notice")
				}
				s.use(s.dir, mark)
				if strings.HasPrefix(s.ledger(), "2 catalog-only begun") {
					opt.Want = nil
				}
				r, _ := s.export(opt)
				if got := strings.Count(s.ledger(), "exported"); got != int(r.Seq) {
					t.Errorf("the ledger has %q after seq %d", s.ledger(), r.Seq)
				}
				f.brings("plant", r.Dir)
				if got := f.held(2); !slices.Equal(got, []int{2}) {
					t.Errorf("the far side has the content of %v, want 2", got)
				}
				s.clean()
			})
		}
	}
}

// TestEveryWriteOfAReceiptMayFail: it is noted with one state, or not at all,
// and the same command says which.
func TestEveryWriteOfAReceiptMayFail(t *testing.T) {
	for _, mode := range []faulty.Mode{faulty.Lost, faulty.Kept, faulty.Torn} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			s := newNear(t, 1)
			f := s.beside("plant")
			r, _ := s.export(mirror.ExportOptions{To: t.TempDir(), Stream: answering()})
			receipt, before := f.brings("plant", r.Dir), s.states()
			mark := filepath.Join(t.TempDir(), "mark")
			s.use(faulty.New(s.dir, faulty.Fault{At: 1, Mode: mode, Dies: true}), mark)
			_, err := s.ApplyReceipts(t.Context(), []*mirror.Returned{receipt}, mirror.ApplyOptions{})
			s.use(s.dir, mark)
			noted := s.arrived()["plant"] == "1 receipt"
			if err == nil && !noted {
				t.Error("it said that it was noted")
			}
			if again := s.apply(receipt)[0]; again.Changed == noted || again.Acknowledged != 1 {
				t.Errorf("noted before: %t; the same command: %+v", noted, again)
			}
			if s.states() != before+1 {
				t.Errorf("%d states after %d, want one more", s.states(), before)
			}
		})
	}
}
