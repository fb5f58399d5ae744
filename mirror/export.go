package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// DefaultOverlap is how far back increments reach at least where nothing ever
// comes back from the far side.
const DefaultOverlap = 45 * 24 * time.Hour

// ReturnPath is what comes back over the gap from the far sides of a stream.
type ReturnPath string

// The return paths.
const (
	Diode    ReturnPath = "diode"   // nothing: an increment allows for two lost bundles in a row
	Receipts ReturnPath = "receipt" // receipts: an increment starts at what is known to have arrived
	Wants    ReturnPath = "want"    // want files: a bundle carries the catalog, and of its files those that were asked for
)

// OutboundStream is what the operator decided about one stream. The zero value
// is the stream "main", for every destination, over a diode.
type OutboundStream struct {
	Name     string        // in the names of bundles; empty is "main"
	Audience []string      // destinations that may import; none is any
	Return   ReturnPath    // empty is Diode
	Overlap  time.Duration // how far back increments over a diode reach at least; 0 is DefaultOverlap
	Every    time.Duration // when the next bundle is due after one; 0 promises nothing
	// Select says which updates are carried; the zero value is all of them.
	Select layout.Selection
}

// ExportOptions says what is exported, and to where.
type ExportOptions struct {
	To         string // directory in which the bundle's folder is made
	Stream     OutboundStream
	Full       bool      // ships everything
	Since      uint64    // ships what is not in every generation from this seq on; 0 is what the ledger says
	Want       *Returned // ships what this want file asks for; nil where nothing was asked for
	VolumeSize int64     // bytes of a volume with all in it; 0 is no limit
	NoReadback bool      // leaves out reading everything again from the medium
	Abandon    bool      // burns the seq that was begun and not finished, and takes the next
	DryRun     bool      // says what would be written, and writes nothing
	Tool       string    // name and version of the program; never of a host or a user
	// CatalogOnly ships the catalog and the bulletins, and no content of updates.
	CatalogOnly bool
	// NewEpoch starts the stream afresh: a full bundle with the next epoch and seq
	// 1, which far sides import only when their operators type the epoch in.
	NewEpoch bool
	// After is a directory with an earlier bundle of the stream, for a near side
	// that was rebuilt: the new epoch continues the origin and the stream that
	// its header names, which an origin pinned here must have signed.
	After     string
	Threshold int  // how many of the certificates that are pinned as origins must sign; 0 is 1
	Unsigned  bool // leaves out the origin's own signature: others sign first (bundle.AddSignature)
	Tools     []bundle.Tool
}

// ExportReport says what an export wrote, or would write.
type ExportReport struct {
	DryRun        bool           `json:"dry_run"`
	Stream        string         `json:"stream"`
	Epoch         uint32         `json:"epoch"`
	Seq           uint64         `json:"seq"`
	Kind          bundle.Kind    `json:"kind"`
	Since         uint64         `json:"since,omitempty"` // seq from which on far sides are taken to have what is not shipped
	Generation    uint64         `json:"generation"`
	StateRoot     layout.Digest  `json:"state_root"` // to be compared with that of the far side
	Name          string         `json:"name"`       // folder of the bundle
	Dir           string         `json:"dir,omitempty"`
	Header        layout.Digest  `json:"header,omitzero"` // of HEADER.json
	Signers       []string       `json:"signers,omitempty"`
	Unfinished    bool           `json:"unfinished,omitempty"` // it waits for signatures, and is called NAME.partial
	Rotations     int            `json:"rotations,omitempty"`  // changes of the origin's key that it carries
	Objects       int            `json:"objects"`              // that are shipped
	Bytes         int64          `json:"bytes"`                // of these
	Required      int            `json:"required"`             // objects that far sides must have already
	RequiredBytes int64          `json:"required_bytes"`       // of these
	Volumes       []ExportVolume `json:"volumes"`
	Skipped       []uint64       `json:"skipped,omitempty"`      // seqs that were burned
	Wanted        int            `json:"wanted,omitempty"`       // objects that are shipped because a want file asks for them
	LeftOut       []LeftOut      `json:"left_out,omitempty"`     // what it asks for besides, and is not shipped
	Resumed       bool           `json:"resumed,omitempty"`      // an earlier export is completed
	Copied        int            `json:"copied"`                 // files that were written
	Kept          int            `json:"kept,omitempty"`         // files that an earlier attempt had left whole
	Swept         []string       `json:"swept,omitempty"`        // folders NAME.partial that were removed: finished elsewhere, or given up
	FullAdvised   bool           `json:"full_advised,omitempty"` // the increment passes half of a full bundle
	// Selected says what the selection of the stream made; nil: it carries
	// everything.
	Selected *ExportSelection `json:"selected,omitempty"`
	NewEpoch bool             `json:"new_epoch,omitempty"` // far sides must accept the epoch
	After    string           `json:"after,omitempty"`     // the bundle that a rebuilt near side continues
}

// ExportVolume is one volume of a bundle.
type ExportVolume struct {
	Index   int   `json:"index"`
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"` // that it takes on the medium at most
}

// ExportError is the error of an export that makes no sense. Nothing was
// written.
type ExportError struct {
	Problem string
	Next    string // what to type; may be empty
}

func (e *ExportError) Error() string { return e.Problem }

func noExport(next, format string, args ...any) error {
	return &ExportError{Problem: fmt.Sprintf(format, args...), Next: next}
}

// Export writes the newest generation, and the objects that the far sides of a
// stream may lack, as a transfer bundle below opt.To.
//
// The header is recorded in a state before anybody signs it. From then on its
// seq is completed with these bytes, or burned: an export that was interrupted,
// at whatever point, is completed by the same call, and with opt.Abandon its
// seq is given up and named as skipped by the next. A bundle has its name only
// when it is whole, signed by as many as opt.Threshold says, and read back: until
// then the error is a *SignaturesError, and the same call ends what others have
// signed meanwhile (bundle.AddSignature).
func (m *Mirror) Export(ctx context.Context, opt ExportOptions) (*ExportReport, error) {
	if opt.Stream.Name == "" {
		opt.Stream.Name = "main"
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if opt.DryRun {
		return m.planExport(ctx, opt)
	}
	unlock, err := m.lock("export")
	if err != nil {
		return nil, err
	}
	defer unlock()
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	if opt.Abandon {
		if err := m.abandon(ctx, base, opt); err != nil {
			return nil, err
		}
	}
	x, err := m.newExport(ctx, base.state, opt)
	if err != nil {
		return nil, err
	}
	return x.run(ctx)
}

// check refuses options that make no sense together.
func (o *ExportOptions) check() error {
	switch {
	case o.Full && o.Since > 0 || o.Want != nil && (o.Full || o.Since > 0):
		return noExport("", "an export is full or since a seq, not both, and neither where it answers a want file")
	case o.CatalogOnly && (o.Full || o.Since > 0 || o.NewEpoch):
		return noExport("", "a bundle of the catalog alone carries no content: it is neither full, nor since a seq, nor the first of an epoch")
	case o.NewEpoch && o.Since > 0:
		return noExport("", "an epoch begins with a full bundle, not since a seq")
	case o.After != "" && !o.NewEpoch:
		return noExport("patchferry export --new-epoch --after DIR --to DIR", "only a new epoch continues after a bundle that this store does not know")
	case o.To == "" && !o.DryRun:
		return noExport("patchferry export --to DIR", "there is no directory to export to")
	case strings.Contains(o.Stream.Name, "/"):
		return noExport("", "%q is not the name of a stream", clipped(o.Stream.Name))
	}
	for _, name := range append([]string{o.Stream.Name}, o.Stream.Audience...) {
		if err := bundle.CheckPayloadName(name); err != nil {
			return noExport("", "%q is not the name of a stream or destination: %v", clipped(name), err)
		}
	}
	return nil
}

// planExport says what Export would write.
func (m *Mirror) planExport(ctx context.Context, opt ExportOptions) (*ExportReport, error) {
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return nil, err
	}
	x, err := m.newExport(ctx, state, opt)
	if err != nil {
		return nil, err
	}
	r, err := x.plan()
	if err != nil {
		return nil, err
	}
	r.DryRun = true
	return r, nil
}

// run writes the bundle.
func (x *export) run(ctx context.Context) (*ExportReport, error) {
	r, err := x.plan()
	if err != nil {
		return nil, err
	}
	if r.Swept, err = x.sweepMedium(); err != nil {
		return nil, err
	}
	w := x.writer()
	w.Progress = x.m.exportProgress()
	made, err := w.Prepare(ctx, x.opt.To, x.content)
	if err != nil {
		return nil, x.explain(err)
	}
	r.Dir, r.Header, r.Copied, r.Kept = made.Dir, layout.DigestOf(made.Header), made.Copied, made.Kept
	if x.content.Recorded == nil {
		if err := x.record(ctx, made.Header); err != nil {
			return r, fmt.Errorf("record the header of %s: %w", made.Name, err)
		}
	}
	if strings.HasSuffix(made.Dir, ".partial") {
		if err := x.sign(ctx, made.Dir, r); err != nil || r.Unfinished {
			return r, err
		}
	}
	done, err := w.Finish(ctx, made.Dir)
	if err != nil {
		return r, err
	}
	r.Dir = done.Dir
	r.Signers, err = x.finish(ctx, done)
	switch {
	case err != nil && r.Signers == nil:
		return r, fmt.Errorf("%s is on the medium, but not noted as exported: %w", done.Name, err)
	case err != nil: // the next job raises the mark
		return r, fmt.Errorf("%s is exported and can be carried away; what comes after is not done: %w", done.Name, err)
	}
	x.m.log().Debug("exported", "stream", r.Stream, "seq", r.Seq, "generation", r.Generation, "size", r.Bytes)
	return r, nil
}

func (x *export) writer() *bundle.Writer {
	return &bundle.Writer{
		Source:     x.m.Store,
		Options:    bundle.PlanOptions{VolumeSize: x.volumeSize},
		NoReadback: x.opt.NoReadback,
	}
}

// plan places what is shipped, and sums it up.
func (x *export) plan() (*ExportReport, error) {
	plan, err := x.writer().Plan(x.content)
	if err != nil {
		return nil, err
	}
	h := &x.content.Header
	r := &ExportReport{
		Stream: h.StreamName, Epoch: h.Epoch, Seq: h.Seq, Kind: h.Kind, Since: h.SinceSeq,
		Generation: h.Generation.Number, StateRoot: h.StateRoot, Name: h.Name(),
		Required: len(x.required), Rotations: len(x.content.Rotations), Skipped: h.Skipped, Resumed: x.content.Recorded != nil,
		Selected: x.carried.selected, NewEpoch: x.beginsEpoch, After: x.after,
	}
	for _, ref := range x.required {
		r.RequiredBytes += ref.Size
	}
	r.Objects, r.Bytes = plan.Objects()
	r.Wanted, r.LeftOut = len(x.wanted), x.leftOut
	r.FullAdvised = h.Kind == bundle.Incremental && x.want == nil && r.Bytes > (r.Bytes+r.RequiredBytes)/2
	for _, v := range plan.Volumes() {
		r.Volumes = append(r.Volumes, ExportVolume{Index: v.Index, Objects: v.Objects, Bytes: v.Bytes})
	}
	return r, nil
}

// explain says what to do about a header that cannot be made again.
func (x *export) explain(err error) error {
	if !errors.Is(err, bundle.ErrOtherHeader) {
		return err
	}
	name := x.content.Header.Name()
	if x.content.Recorded == nil {
		return &ExportError{Problem: fmt.Sprintf("%s: %v", name, err), Next: "move the folder " + name + " away: this store did not write it, or was set back"}
	}
	return &ExportError{
		Problem: fmt.Sprintf("%s was begun and cannot be completed as it was: %v", name, err),
		Next:    "the same command, with the same --with-tools and an empty directory completes it; --abandon gives its seq up",
	}
}

// exportProgress turns the progress of a writer into events.
func (m *Mirror) exportProgress() func(bundle.Progress) {
	if m.Progress == nil {
		return nil
	}
	var last bundle.Progress
	return func(p bundle.Progress) {
		if p.Step != last.Step {
			last = bundle.Progress{Step: p.Step}
			m.report(Event{Kind: EventPlan, Bytes: p.Total, Text: p.Step})
		}
		m.report(Event{Kind: EventBytes, Bytes: p.Done - last.Done})
		last.Done = p.Done
	}
}
