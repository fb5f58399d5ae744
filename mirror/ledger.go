package mirror

import (
	"maps"
	"slices"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// What becomes of a seq (layout.Exported).
const (
	statusBegun    = "begun"
	statusExported = "exported"
	statusBurned   = "burned"
)

// maxExports bounds the ledger of a stream: its states hold it whole.
const maxExports = 1000

// lossesAllowed is how many bundles in a row may be lost over a diode.
const lossesAllowed = 2

// begunExport returns the export that is neither exported nor burned yet; only
// the newest can be.
func begunExport(out *layout.Outbound) (layout.Exported, bool) {
	if len(out.Exports) == 0 || out.Exports[0].Status != statusBegun {
		return layout.Exported{}, false
	}
	return out.Exports[0], true
}

// exportedOf returns the exports of the epoch that were finished, newest first.
func exportedOf(out *layout.Outbound) []layout.Exported {
	return slices.DeleteFunc(slices.Clone(out.Exports), func(e layout.Exported) bool {
		return e.Status != statusExported || e.Epoch != out.Epoch
	})
}

// broughtOf returns of these the ones that brought content. Who has imported a
// bundle of the catalog alone may lack everything that it refers to, so that no
// increment starts there.
func broughtOf(out *layout.Outbound) []layout.Exported {
	return slices.DeleteFunc(exportedOf(out), func(e layout.Exported) bool { return bundle.Kind(e.Kind) == bundle.CatalogOnly })
}

// startable returns the exports at which an increment of the stream may start.
// Far sides that ask for each file have what they asked for, whatever a bundle
// brought.
func startable(out *layout.Outbound, stream *OutboundStream) []layout.Exported {
	if stream.Return == Wants {
		return exportedOf(out)
	}
	return broughtOf(out)
}

func isStartable(out *layout.Outbound, stream *OutboundStream, seq uint64) bool {
	return slices.ContainsFunc(startable(out, stream), func(e layout.Exported) bool { return e.Seq == seq })
}

// hasBrought reports whether the bundle of that seq was finished and brought
// content.
func hasBrought(out *layout.Outbound, seq uint64) bool {
	return slices.ContainsFunc(broughtOf(out), func(e layout.Exported) bool { return e.Seq == seq })
}

// nextSeq returns the first seq that was never begun.
func nextSeq(out *layout.Outbound) uint64 {
	next := uint64(1)
	for _, e := range out.Exports {
		if e.Epoch == out.Epoch {
			next = max(next, e.Seq+1)
		}
	}
	return next
}

// burned returns the seqs that were given up, ascending.
func burned(out *layout.Outbound) []uint64 {
	var seqs []uint64
	for _, e := range out.Exports {
		if e.Status == statusBurned && e.Epoch == out.Epoch {
			seqs = append(seqs, e.Seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// sinceSeq decides where the next increment starts; 0 is a full bundle.
func sinceSeq(out *layout.Outbound, opt ExportOptions, now time.Time) (uint64, error) {
	if opt.Full {
		return 0, nil
	}
	if opt.Since > 0 {
		if isExported(out, opt.Since) && !isStartable(out, &opt.Stream, opt.Since) {
			return 0, noExport("patchferry bundle list shows which bundle before it brought content; --full starts from nothing",
				"seq %d of stream %s carried the catalog alone, so nothing can build on its content", opt.Since, opt.Stream.Name)
		}
		if !isExported(out, opt.Since) {
			return 0, noExport("patchferry bundle list shows what was exported; --full starts from nothing",
				"seq %d of stream %s is not in the ledger as exported", opt.Since, opt.Stream.Name)
		}
		return opt.Since, nil
	}
	start := startOf(out, startable(out, &opt.Stream), &opt.Stream, now)
	if !isStartable(out, &opt.Stream, start) {
		return 0, nil // what that bundle brought is no longer known
	}
	return start, nil
}

// startOf returns the oldest seq that any destination of the stream needs an
// increment to start at; 0 is one that has nothing, as far as is known.
func startOf(out *layout.Outbound, done []layout.Exported, stream *OutboundStream, now time.Time) uint64 {
	unknown := uint64(0) // of a destination of which nothing is known
	if !stream.answers() {
		unknown = diodeStart(done, stream.Overlap, now)
	}
	destinations := destinationsOf(out, stream)
	if len(destinations) == 0 {
		return unknown
	}
	start := ^uint64(0)
	for _, name := range destinations {
		own := unknown
		if a, ok := out.Arrived[name]; ok && a.Epoch == out.Epoch && isStartable(out, stream, a.Seq) {
			own = max(own, a.Seq)
		}
		start = min(start, own)
	}
	return start
}

// answers reports whether far sides of the stream say what has arrived.
func (s *OutboundStream) answers() bool { return s.Return == Receipts || s.Return == Wants }

// destinationsOf returns the destinations whose needs decide. Over a diode a
// stream without an audience may have others than those that are known.
func destinationsOf(out *layout.Outbound, stream *OutboundStream) []string {
	if len(stream.Audience) > 0 || !stream.answers() {
		return stream.Audience
	}
	var known []string
	for name := range out.Arrived {
		known = append(known, name)
	}
	return known
}

// diodeStart returns where an increment starts of which it will never be known
// whether it arrived, among the exports that brought content: so far back that
// two of them in a row may be lost, and at least the overlap. The first bundles
// are full.
func diodeStart(done []layout.Exported, overlap time.Duration, now time.Time) uint64 {
	if overlap == 0 {
		overlap = DefaultOverlap
	}
	i := lossesAllowed
	if len(done) <= i {
		return 0
	}
	for i < len(done)-1 && done[i].At.Time().After(now.Add(-overlap)) {
		i++
	}
	return done[i].Seq
}

// trimLedger drops the exports that no increment starts at any more. What it
// keeps, prune keeps.
func trimLedger(out *layout.Outbound, stream *OutboundStream, now time.Time) {
	from := diodeStart(startable(out, stream), stream.Overlap, now)
	if stream.answers() {
		for _, name := range destinationsOf(out, stream) {
			if a, ok := out.Arrived[name]; ok && a.Epoch == out.Epoch {
				from = min(from, a.Seq)
			}
		}
	}
	out.Exports = slices.DeleteFunc(out.Exports, func(e layout.Exported) bool {
		return e.Epoch != out.Epoch || e.Seq < from
	})
	if len(out.Exports) > maxExports {
		out.Exports = out.Exports[:maxExports]
	}
}

// How it became known what has arrived (layout.Arrived).
const (
	byReceipt  = "receipt"
	byWant     = "want"
	byOperator = "operator"
)

// arrivedAt returns the seq that is known to have arrived; 0 is none.
func arrivedAt(out *layout.Outbound, destination string) uint64 {
	if a, ok := out.Arrived[destination]; ok && a.Epoch == out.Epoch {
		return a.Seq
	}
	return 0
}

// arrive notes an arrival, unless a later one is known.
func arrive(out *layout.Outbound, destination string, a layout.Arrived) {
	if arrivedAt(out, destination) >= a.Seq {
		return
	}
	a.SetBack = out.Arrived[destination].SetBack
	setArrived(out, destination, a)
}

func setArrived(out *layout.Outbound, destination string, a layout.Arrived) {
	arrived := maps.Clone(out.Arrived)
	if arrived == nil {
		arrived = make(map[string]layout.Arrived)
	}
	arrived[destination] = a
	out.Arrived = arrived
}

// isSetBack reports whether a far side was set back after it wrote what came
// back: brought once more, by whomever, that would leave out what it needs.
func isSetBack(out *layout.Outbound, r *bundle.Receipt) bool {
	at := out.Arrived[r.Destination].SetBack
	return !at.IsZero() && string(r.Day) < at.Time().UTC().Format(time.DateOnly)
}
