package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// LedgerReport is what a near side sent in one stream, and what it knows to
// have arrived.
type LedgerReport struct {
	Stream  string          `json:"stream"`
	ID      string          `json:"id"` // UUID of the stream
	Epoch   uint32          `json:"epoch"`
	Bundles []LedgerBundle  `json:"bundles"` // newest first, back to the oldest that is still needed
	Arrived []LedgerArrived `json:"arrived"` // by destination
}

// LedgerBundle is one bundle of a ledger.
type LedgerBundle struct {
	Seq        uint64        `json:"seq"`
	Name       string        `json:"name"` // folder of the bundle
	Kind       string        `json:"kind"`
	Status     string        `json:"status"` // begun, exported, burned
	At         layout.Time   `json:"at"`
	Generation uint64        `json:"generation"`
	Header     layout.Digest `json:"header"` // of HEADER.json
}

// LedgerArrived is how far a destination is known to have followed a stream.
type LedgerArrived struct {
	Destination string      `json:"destination"`
	Seq         uint64      `json:"seq"`
	By          string      `json:"by"` // receipt, want, operator
	At          layout.Time `json:"at"`
}

// Ledger reports what a state says of the streams that were exported, in the
// order of their names.
func Ledger(s *layout.State) []LedgerReport {
	all := []LedgerReport{}
	for _, name := range slices.Sorted(maps.Keys(s.Outbound)) {
		out := s.Outbound[name]
		r := LedgerReport{Stream: name, ID: out.ID, Epoch: out.Epoch, Bundles: []LedgerBundle{}, Arrived: []LedgerArrived{}}
		for _, e := range out.Exports {
			h := bundle.Header{StreamName: name, Epoch: e.Epoch, Seq: e.Seq}
			r.Bundles = append(r.Bundles, LedgerBundle{
				Seq: e.Seq, Name: h.Name(), Kind: e.Kind, Status: e.Status, At: e.At,
				Generation: e.Generation.Number, Header: e.Header.Document.SHA256,
			})
		}
		for _, destination := range slices.Sorted(maps.Keys(out.Arrived)) {
			if a := out.Arrived[destination]; a.Epoch == out.Epoch {
				r.Arrived = append(r.Arrived, LedgerArrived{Destination: destination, Seq: a.Seq, By: a.By, At: a.At})
			}
		}
		all = append(all, r)
	}
	return all
}

// Confirmation is the operator's word that a destination has imported a
// bundle.
type Confirmation struct {
	Stream      OutboundStream
	Seq         uint64
	Destination string
}

// ConfirmReport says what a confirmation changed.
type ConfirmReport struct {
	Stream      string `json:"stream"`
	Destination string `json:"destination"`
	Seq         uint64 `json:"seq"`
	Was         uint64 `json:"was"`     // seq that was known before; 0 is none
	Changed     bool   `json:"changed"` // false: it was known already, and nothing is written
}

// Confirm notes that a destination has imported a bundle that was exported. It
// may go back: a far side that was set back to an earlier bundle needs what
// came after it once more.
func (m *Mirror) Confirm(ctx context.Context, c Confirmation) (*ConfirmReport, error) {
	if c.Stream.Name == "" {
		c.Stream.Name = "main"
	}
	if err := bundle.CheckPayloadName(c.Destination); err != nil {
		return nil, noExport("", "%q is not the name of a destination: %v", clipped(c.Destination), err)
	}
	if a := c.Stream.Audience; len(a) > 0 && !slices.Contains(a, c.Destination) {
		return nil, noExport("", "stream %s is for %v, not for %s", c.Stream.Name, a, c.Destination)
	}
	unlock, err := m.lock("bundle confirm")
	if err != nil {
		return nil, err
	}
	defer unlock()
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	var out layout.Outbound
	if base.state != nil {
		out = base.state.Outbound[c.Stream.Name]
	}
	if !isExported(&out, c.Seq) {
		return nil, noExport("patchferry bundle list shows what was; a far side that has less needs patchferry export --full",
			"seq %d of stream %s is not in the ledger as exported", c.Seq, c.Stream.Name)
	}
	if !hasBrought(&out, c.Seq) {
		return nil, noExport("confirm a bundle that brought content, as patchferry bundle list shows",
			"seq %d of stream %s carried the catalog alone: that it arrived says nothing of content", c.Seq, c.Stream.Name)
	}
	r := &ConfirmReport{Stream: c.Stream.Name, Destination: c.Destination, Seq: c.Seq}
	if was := out.Arrived[c.Destination]; was.Epoch == out.Epoch {
		r.Was = was.Seq
	}
	if r.Changed = r.Was != c.Seq; !r.Changed {
		return r, nil
	}
	return r, m.publishArrival(ctx, base, &c)
}

func isExported(out *layout.Outbound, seq uint64) bool {
	return slices.ContainsFunc(exportedOf(out), func(e layout.Exported) bool { return e.Seq == seq })
}

// publishArrival publishes the state that knows of an arrival. It drops nothing
// from the ledger: the next export does.
func (m *Mirror) publishArrival(ctx context.Context, base *base, c *Confirmation) error {
	_, err := m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		out := s.Outbound[c.Stream.Name]
		if !isExported(&out, c.Seq) {
			return errors.New("the ledger was changed meanwhile; run the same command again")
		}
		was := arrivedAt(&out, c.Destination)
		a := layout.Arrived{Epoch: out.Epoch, Seq: c.Seq, By: byOperator, At: layout.At(m.now()), SetBack: out.Arrived[c.Destination].SetBack}
		if c.Seq < was {
			a.SetBack = a.At
		}
		setArrived(&out, c.Destination, a)
		setOutbound(s, c.Stream.Name, out)
		s.Why = fmt.Sprintf("seq %d of stream %s arrived at %s", c.Seq, c.Stream.Name, c.Destination)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the arrival of seq %d: %w", c.Seq, err)
	}
	return nil
}
