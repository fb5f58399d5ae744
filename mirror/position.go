package mirror

import (
	"fmt"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// maxLeap is how many seqs a bundle may be ahead of the high-water mark. Who
// signs one far ahead could lock out every bundle after it.
const maxLeap = 10_000

// arrival is how a bundle follows what was accepted of its stream.
type arrival struct {
	first  bool     // nothing was accepted of this stream yet
	epoch  bool     // it begins a new epoch, which the operator typed in
	missed []uint64 // seqs in between that never came here; skipped ones do not count
}

// follows holds a bundle against the high-water mark of its stream (the table
// of docs/bundle-format.md). mark is nil where nothing was accepted yet;
// accept is the epoch that the operator typed in, 0 for none. The error is
// ErrAlready, or an *ImportError.
func follows(mark *layout.Stream, h *bundle.Header, header layout.Digest, accept uint32) (arrival, error) {
	switch {
	case mark == nil:
		return arrival{first: true}, nil
	case h.Epoch > mark.Epoch:
		return newEpoch(mark, h, accept)
	case h.Epoch < mark.Epoch:
		return arrival{}, refused(CodeRollback, "look for the newest bundle of the stream",
			"it is of epoch %d, and epoch %d was accepted here", h.Epoch, mark.Epoch)
	case h.Seq == mark.Seq && header == mark.Header:
		return arrival{}, ErrAlready
	case h.Seq == mark.Seq:
		return arrival{}, refused(CodeEquivocation, "find out who signed two bundles with one number, for example after a restore of the near side from a backup",
			"another bundle with the number %d was accepted here: its header is %s, this one's %s", h.Seq, mark.Header, header)
	case h.Seq < mark.Seq:
		return arrival{}, refused(CodeRollback, "look for the newest bundle of the stream",
			"it is number %d, and number %d was accepted here", h.Seq, mark.Seq)
	case h.Seq-mark.Seq > maxLeap:
		return arrival{}, refused(CodePosition, "ask the near side which number its last bundle has (patchferry bundle list)",
			"it is number %d, a fast-forward of more than %d from number %d", h.Seq, maxLeap, mark.Seq)
	}
	return laterSeq(mark, h)
}

// newEpoch judges a bundle of a higher epoch: the stream begins afresh.
func newEpoch(mark *layout.Stream, h *bundle.Header, accept uint32) (arrival, error) {
	if h.Kind != bundle.Full {
		return arrival{}, refused(CodePosition, "on the near side: patchferry export --full --to DIR",
			"it begins epoch %d after epoch %d, and only a full bundle can; this one is %s", h.Epoch, mark.Epoch, h.Kind)
	}
	if accept != h.Epoch {
		return arrival{}, refused(CodePosition,
			fmt.Sprintf("ask the near side whether and why it began anew; if it did: patchferry import DIR --accept-epoch %d", h.Epoch),
			"it begins epoch %d after epoch %d, which the operator must accept", h.Epoch, mark.Epoch)
	}
	return arrival{epoch: true}, nil
}

// laterSeq judges a bundle of the same epoch with a higher seq.
func laterSeq(mark *layout.Stream, h *bundle.Header) (arrival, error) {
	var missed []uint64
	for seq := mark.Seq + 1; seq < h.Seq; seq++ {
		if !slices.Contains(h.Skipped, seq) {
			missed = append(missed, seq)
		}
	}
	before := bundle.Before{Epoch: mark.Epoch, Seq: mark.Seq, Header: mark.Header}
	follows := h.Prev != nil && *h.Prev == before
	beyond := h.Prev != nil && h.Prev.Epoch == mark.Epoch && h.Prev.Seq > mark.Seq && h.Prev.Seq < h.Seq
	if follows || beyond && len(missed) > 0 {
		return arrival{missed: missed}, nil
	}
	return arrival{}, refused(CodeFork, "find out which of two near sides, for example one restored from a backup, is the right one",
		"number %d does not follow number %d as it was accepted here, with the header %s", h.Seq, mark.Seq, mark.Header)
}

func refused(code bundle.Code, next, format string, args ...any) error {
	return &ImportError{Code: code, Reason: fmt.Sprintf(format, args...), Next: next}
}
