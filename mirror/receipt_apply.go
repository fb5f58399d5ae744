package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
)

// ApplyOptions says what ApplyReceipts may do.
type ApplyOptions struct {
	// Streams are those of the configuration: whose receipts count for which.
	Streams []OutboundStream
	// DryRun checks everything and changes nothing.
	DryRun bool
}

// ReceiptReport says what one receipt changed.
type ReceiptReport struct {
	File         string         `json:"file"`
	Destination  string         `json:"destination"`
	Stream       string         `json:"stream"` // its name
	Epoch        uint32         `json:"epoch"`
	Seq          uint64         `json:"seq"` // of the bundle
	Status       bundle.Outcome `json:"status"`
	Reason       string         `json:"reason,omitempty"`     // code of a refusal
	Missing      int            `json:"missing,omitempty"`    // objects
	HighWater    uint64         `json:"high_water,omitempty"` // seq that the far side says it has; 0 is none
	Was          uint64         `json:"was"`                  // seq that was known to have arrived before; 0 is none
	Acknowledged uint64         `json:"acknowledged"`         // seq that is known to have arrived now
	Changed      bool           `json:"changed"`
	DryRun       bool           `json:"dry_run"`
	Note         string         `json:"note,omitempty"` // why it changes nothing
	Next         string         `json:"next,omitempty"` // what to type
}

// arrivals are what receipts acknowledge, by stream and destination.
type arrivals map[[2]string]layout.Arrived

// ApplyReceipts notes what far sides acknowledge with signed receipts: an
// imported bundle by itself, any other outcome the high-water mark that the
// receipt states. It never lowers what is known. One receipt that counts for
// nothing (a *ReceiptError) refuses them all, and the ledger stays as it is;
// where nothing changes nothing is written.
func (m *Mirror) ApplyReceipts(ctx context.Context, files []*Returned, opt ApplyOptions) ([]ReceiptReport, error) {
	receipts := make([]*bundle.Receipt, len(files))
	for i, f := range files {
		var err error
		if receipts[i], err = m.believe(f, bundle.FormatReceipt); err != nil {
			return nil, err
		}
	}
	if !opt.DryRun {
		unlock, err := m.lock("receipt apply")
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return nil, err
	}
	raised := make(arrivals)
	reports := make([]ReceiptReport, 0, len(files))
	for i, f := range files {
		r, err := f.judge(state, receipts[i], opt.Streams, raised)
		if err != nil {
			return nil, err
		}
		r.DryRun = opt.DryRun
		reports = append(reports, *r)
	}
	if len(raised) == 0 || opt.DryRun {
		return reports, nil
	}
	return reports, m.publishArrivals(ctx, raised)
}

// judge says what a receipt acknowledges, and adds to raised what was not known
// before.
func (f *Returned) judge(state *trusted.State, r *bundle.Receipt, streams []OutboundStream, raised arrivals) (*ReceiptReport, error) {
	stream, err := f.streamOf(state, r, streams)
	if err != nil {
		return nil, err
	}
	out := state.Outbound[stream]
	report := &ReceiptReport{
		File: f.Name, Destination: r.Destination, Stream: stream, Epoch: r.Epoch, Seq: r.Seq, Status: r.Status,
		Reason: r.Reason, Missing: len(r.Missing), Next: nextAfterReceipt(r),
	}
	at := arrivedAt(&out, r.Destination)
	if now, ok := raised[[2]string{stream, r.Destination}]; ok {
		at = now.Seq
	}
	report.Was, report.Acknowledged = at, at
	b, err := f.lookUp(&out, bundle.Before{Epoch: r.Epoch, Seq: r.Seq, Header: r.Header})
	switch {
	case err != nil:
		return nil, err
	case b.forgotten && (r.Epoch < out.Epoch || r.Seq <= at):
		report.Note = "it is older than the ledger"
		return report, nil
	case b.forgotten:
		return nil, f.refuse(CodePosition, "patchferry bundle list shows how far back it goes; a newer receipt counts, or patchferry export --full starts from nothing",
			"the ledger of stream %s goes back to later bundles than seq %d", stream, r.Seq)
	}
	said := &acknowledgement{receipt: r, out: &out, report: report, stream: OutboundStream{Name: stream}}
	if i := slices.IndexFunc(streams, func(s OutboundStream) bool { return s.Name == stream }); i >= 0 {
		said.stream = streams[i]
	}
	return report, f.acknowledge(said, raised)
}

// acknowledgement is a receipt beside what is known of its stream.
type acknowledgement struct {
	receipt *bundle.Receipt
	stream  OutboundStream
	out     *layout.Outbound // its ledger
	report  *ReceiptReport
}

// acknowledge takes the high-water mark of a far side as acknowledged. That a
// bundle of the catalog alone arrived says nothing of content: no increment
// starts there, and what was known before stays.
func (f *Returned) acknowledge(a *acknowledgement, raised arrivals) error {
	out, r, report := a.out, a.receipt, a.report
	mark := r.Mark
	if mark == nil {
		report.Note = "nothing of the stream was imported there yet"
		return nil
	}
	report.HighWater = mark.Seq
	b, err := f.lookUp(out, *mark)
	switch {
	case err != nil:
		return err
	case b.forgotten:
		report.Note = fmt.Sprintf("what it has, epoch %d seq %d, is older than the ledger", mark.Epoch, mark.Seq)
	case mark.Seq < report.Was:
		report.Note = fmt.Sprintf("it is older than what is known: seq %d; if %s was set back since: patchferry bundle confirm %d --stream %s --destination %s",
			report.Was, report.Destination, mark.Seq, report.Stream, report.Destination)
	case mark.Seq == report.Was:
		report.Note = "it was known"
	case !isStartable(out, &a.stream, mark.Seq):
		report.Note = fmt.Sprintf("seq %d carried the catalog alone: that it arrived says nothing of content", mark.Seq)
	case isSetBack(out, r):
		report.Note = fmt.Sprintf("it is of %s, before %s was set back; if it has seq %d again: patchferry bundle confirm %d --stream %s --destination %s",
			r.Day, report.Destination, mark.Seq, mark.Seq, report.Stream, report.Destination)
	default:
		report.Acknowledged, report.Changed = mark.Seq, true
		raised[[2]string{report.Stream, report.Destination}] = layout.Arrived{Epoch: mark.Epoch, Seq: mark.Seq, By: byReceipt}
	}
	return nil
}

// publishArrivals publishes the one state that knows of all of them.
func (m *Mirror) publishArrivals(ctx context.Context, raised arrivals) error {
	base, err := m.openBase(ctx)
	if err != nil {
		return err
	}
	_, err = m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		var words []string
		for at, a := range raised {
			out := s.Outbound[at[0]]
			if out.Epoch != a.Epoch || !isExported(&out, a.Seq) {
				return errors.New("the ledger was changed meanwhile; run the same command again")
			}
			a.At = layout.At(m.now())
			arrive(&out, at[1], a)
			setOutbound(s, at[0], out)
			words = append(words, fmt.Sprintf("seq %d of stream %s arrived at %s", a.Seq, at[0], at[1]))
		}
		slices.Sort(words)
		s.Why = strings.Join(words, ", ")
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what has arrived: %w", err)
	}
	return nil
}

// nextAfterReceipt says what an operator of the near side does about a bundle
// that was not imported.
func nextAfterReceipt(r *bundle.Receipt) string {
	code := bundle.Code(r.Reason)
	switch {
	case r.Status == bundle.Imported:
		return ""
	case code == CodeMissingBase:
		return fmt.Sprintf("patchferry export --want %s --to DIR, with the want file that came beside the receipt; or patchferry export --full --to DIR",
			ReceiptName(bundle.FormatWant, r.Destination, r.Seq))
	case code == CodeWaiting:
		return "bring the volumes that are missing there"
	case code == CodeRollback:
		return "the far side has a newer bundle already; nothing is to be done for this one"
	case code == bundle.CodeIncomplete || code == bundle.CodeDigest || code == bundle.CodeSize || code == bundle.CodeUndeclared:
		return "carry the bundle over again on another medium; or patchferry export --full --to DIR"
	}
	return "patchferry import on the far side says why; patchferry export --full --to DIR starts from nothing"
}
