package mirror

import (
	"errors"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// ImportReport says what an import found and did.
type ImportReport struct {
	DryRun     bool               `json:"dry_run"`
	Status     string             `json:"status"`           // imported, checked (a dry run), already, waiting, partial, refused, failed
	Code       bundle.Code        `json:"code,omitempty"`   // of a refusal, or of what is waited for
	Bundle     string             `json:"bundle,omitempty"` // "main-e001-s000042"
	ID         string             `json:"id,omitempty"`     // UUID of the bundle
	Origin     string             `json:"origin,omitempty"` // UUID
	Stream     string             `json:"stream,omitempty"` // UUID
	StreamName string             `json:"stream_name,omitempty"`
	Epoch      uint32             `json:"epoch,omitempty"`
	Seq        uint64             `json:"seq,omitempty"`
	Header     layout.Digest      `json:"header_sha256,omitzero"`
	Kind       bundle.Kind        `json:"kind,omitempty"`
	Created    layout.Time        `json:"created,omitzero"`
	StateRoot  layout.Digest      `json:"state_root,omitzero"` // what two sites can compare over the phone
	Signers    []string           `json:"signers,omitempty"`   // fingerprints that count
	First      bool               `json:"first,omitempty"`     // of its stream: origin and stream are binding from now on
	NewEpoch   bool               `json:"new_epoch,omitempty"`
	Missed     []uint64           `json:"missed,omitempty"`       // seqs that never came here
	Waiting    []int              `json:"waiting,omitempty"`      // volumes that are not here yet
	Volumes    int                `json:"volumes,omitempty"`      // of the bundle
	Copied     int                `json:"copied"`                 // files brought from the medium in this run
	Kept       int                `json:"kept"`                   // files that an earlier run brought, or that the store has
	Bytes      int64              `json:"bytes"`                  // read from the medium into the quarantine
	Objects    int                `json:"objects"`                // that the store did not have before
	Wanted     []layout.ObjectRef `json:"wanted,omitempty"`       // objects that are missing
	Absent     int                `json:"absent,omitempty"`       // held files that a catalog-only bundle left out
	Unpinned   []string           `json:"unpinned,omitempty"`     // notices whose key is not pinned here: they announce nothing
	Ignored    []string           `json:"ignored_keys,omitempty"` // keys in the bundle that nobody pinned
	Rotations  []RotationReport   `json:"rotations,omitempty"`    // changes of the origin's key that were accepted with it
	State      uint64             `json:"state,omitempty"`        // that publishes it
	Generation uint64             `json:"generation,omitempty"`   // of the origin
	Counts     *layout.Counts     `json:"counts,omitempty"`       // of the generation
	Ring       string             `json:"ring,omitempty"`         // in which it landed; empty: where nobody uses rings
	Receipt    string             `json:"receipt,omitempty"`      // the file
}

// The outcomes of an import.
const (
	StatusImported = "imported"
	StatusChecked  = "checked"
	StatusAlready  = "already"
	StatusWaiting  = "waiting"
	StatusPartial  = "partial"
	StatusRefused  = "refused"
	StatusFailed   = "failed"
)

// opened notes what a verified header says.
func (r *ImportReport) opened(h *bundle.Header, header layout.Digest, signers []string) {
	r.Bundle, r.ID, r.Origin, r.Stream, r.StreamName = h.Name(), h.Bundle, h.Origin, h.Stream, h.StreamName
	r.Epoch, r.Seq, r.Header, r.Kind, r.Created = h.Epoch, h.Seq, header, h.Kind, h.Created
	r.StateRoot, r.Signers, r.Volumes, r.Generation = h.StateRoot, signers, len(h.Volumes), h.Generation.Number
}

func (r *ImportReport) arrived(a arrival) {
	r.First, r.NewEpoch, r.Missed = a.first, a.epoch, a.missed
}

// ended words the outcome.
func (r *ImportReport) ended(err error) {
	if refusal, ok := errors.AsType[*ImportError](err); ok {
		r.Code, r.Wanted = refusal.Code, refusal.Wanted
	}
	if waiting, ok := errors.AsType[*bundle.WaitingError](err); ok {
		r.Waiting = waiting.Missing
	}
	switch {
	case err == nil && r.DryRun:
		r.Status = StatusChecked
	case err == nil:
		r.Status = StatusImported
	case errors.Is(err, ErrAlready):
		r.Status = StatusAlready
	case r.Code == CodeWaiting:
		r.Status = StatusWaiting
	case errors.Is(err, ErrPartial):
		r.Status = StatusPartial
	case r.Code != "" && r.Code != bundle.CodeMedium:
		r.Status = StatusRefused
	default:
		r.Status = StatusFailed
	}
}
