package mirror

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// Receipt is what a far side tells a near side of one bundle: whether it was
// imported, and what is missing. It names no hosts, counts no machines, and
// lists nothing that the near side did not send. As a want file, with the
// format of one, it asks for the missing objects alone.
//
// It is signed, detached, by the destination's site key. A reader believes it
// only if that key is pinned for the destination and the header digest is that
// of a bundle it wrote.
type Receipt struct {
	Format      string             `json:"format"` // bundle.FormatReceipt or bundle.FormatWant
	Version     int                `json:"version"`
	Destination string             `json:"destination"` // name of the far side
	Origin      string             `json:"origin"`      // UUID
	Stream      string             `json:"stream"`      // UUID
	Epoch       uint32             `json:"epoch"`
	Seq         uint64             `json:"seq"`
	Header      layout.Digest      `json:"header_sha256"`
	Status      string             `json:"status,omitempty"`     // imported, partial, refused
	Reason      string             `json:"reason,omitempty"`     // code of a refusal
	Missing     []layout.ObjectRef `json:"missing,omitempty"`    // in the order of digests
	Mark        *bundle.Before     `json:"high_water,omitempty"` // of the stream, afterwards; nil where nothing was accepted
	Day         layout.Date        `json:"day"`
}

// ReceiptName returns the name of a receipt, or of a want file, of one bundle.
// Its signature stands beside it, with ".asc" at the end.
func ReceiptName(format, destination string, seq uint64) string {
	word := "RECEIPT"
	if format == bundle.FormatWant {
		word = "WANT"
	}
	return fmt.Sprintf("%s-%s-%06d.json", word, layout.SafeName(destination), seq)
}

// writeReceipt signs and writes the receipt of the import, and for a missing
// base the want file, and returns the path of the one to carry back.
func (i *importing) writeReceipt(refusal *ImportError) (string, error) {
	r := Receipt{
		Format: bundle.FormatReceipt, Version: bundle.Version, Destination: i.opt.Destination,
		Origin: i.h.Origin, Stream: i.h.Stream, Epoch: i.h.Epoch, Seq: i.h.Seq, Header: i.header,
		Status: StatusImported, Day: layout.Date(i.m.now().UTC().Format(time.DateOnly)), Mark: i.mark(refusal == nil),
	}
	if refusal != nil {
		r.Status, r.Reason, r.Missing = StatusRefused, string(refusal.Code), refusal.Wanted
		if refusal.Is(ErrPartial) {
			r.Status = StatusPartial
		}
	}
	name, err := i.putReceipt(r)
	if err != nil || len(r.Missing) == 0 {
		return name, err
	}
	r.Format, r.Status, r.Reason = bundle.FormatWant, "", ""
	return i.putReceipt(r)
}

// mark is the high-water mark of the stream after the import.
func (i *importing) mark(imported bool) *bundle.Before {
	if imported {
		return &bundle.Before{Epoch: i.h.Epoch, Seq: i.h.Seq, Header: i.header}
	}
	if i.state == nil {
		return nil
	}
	s, known := i.state.Streams[i.h.Stream]
	if !known {
		return nil
	}
	return &bundle.Before{Epoch: s.Epoch, Seq: s.Seq, Header: s.Header}
}

func (i *importing) putReceipt(r Receipt) (string, error) {
	name := filepath.Join(i.opt.Receipt, ReceiptName(r.Format, r.Destination, r.Seq))
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	doc = append(doc, '\n')
	sig, err := i.m.Writer.Signer.Sign(doc, i.m.now())
	if err != nil {
		return "", fmt.Errorf("sign receipt: %w", err)
	}
	if err := os.MkdirAll(i.opt.Receipt, 0o755); err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	if err := verify.Replace(name, 0o644, doc); err != nil {
		return "", err
	}
	return name, verify.Replace(name+".asc", 0o644, sig)
}
