package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/mirror/bundle"
)

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
	r := bundle.Receipt{
		Format: bundle.FormatReceipt, Version: bundle.Version, Destination: i.opt.Destination,
		Origin: i.h.Origin, Stream: i.h.Stream, Epoch: i.h.Epoch, Seq: i.h.Seq, Header: i.header,
		Status: bundle.Imported, Day: i.m.today(), Mark: i.mark(refusal == nil),
	}
	if refusal != nil {
		r.Status, r.Reason, r.Missing = bundle.Refused, string(refusal.Code), refusal.Wanted
		if refusal.Is(ErrPartial) {
			r.Status = bundle.Partial
		}
	}
	name, err := i.m.putReceipt(i.opt.Receipt, r)
	if err != nil || len(r.Missing) == 0 {
		return name, err
	}
	r.Format, r.Status, r.Reason = bundle.FormatWant, "", ""
	return i.m.putReceipt(i.opt.Receipt, r)
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

func (m *Mirror) today() layout.Date { return layout.Date(m.now().UTC().Format(time.DateOnly)) }

// putReceipt signs a receipt or a want file, writes it into a directory, and
// returns its path. The newer receipt of a bundle replaces the older one. What
// else has the name already stays, and the new one gets a number: want files
// of two days, or the receipts of two streams.
func (m *Mirror) putReceipt(dir string, r bundle.Receipt) (string, error) {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	doc = append(doc, '\n')
	if _, err := bundle.ParseReceipt(doc, r.Format); err != nil {
		return "", fmt.Errorf("write receipt: no near side would read it: %w", err)
	}
	sig, err := m.Writer.Signer.Sign(doc, m.now())
	if err != nil {
		return "", fmt.Errorf("sign receipt: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	name, err := receiptPlace(dir, &r)
	if err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	if err := durable.Replace(name, 0o644, doc); err != nil {
		return "", err
	}
	return name, durable.Replace(name+".asc", 0o644, sig)
}

// maxSameName is how many want files of one bundle may lie in a directory.
const maxSameName = 1000

// receiptPlace finds the name under which a receipt may be written.
func receiptPlace(dir string, r *bundle.Receipt) (string, error) {
	first := filepath.Join(dir, ReceiptName(r.Format, r.Destination, r.Seq))
	name := first
	for n := 2; n < maxSameName; n++ {
		doc, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		if there := new(bundle.Receipt); json.Unmarshal(doc, there) == nil && replaces(r, there) {
			return name, nil
		}
		name = fmt.Sprintf("%s-%d.json", strings.TrimSuffix(first, ".json"), n)
	}
	return "", fmt.Errorf("%s holds too many of them; carry them to the near side and remove them", dir)
}

// replaces reports whether a receipt makes one that was written before
// superfluous: of the same bundle, it is newer, and a want file must ask for
// the same.
func replaces(r, before *bundle.Receipt) bool {
	if before.Stream != r.Stream || before.Epoch != r.Epoch || before.Header != r.Header || before.Format != r.Format {
		return false
	}
	return r.Format == bundle.FormatReceipt || reflect.DeepEqual(before.Missing, r.Missing) && reflect.DeepEqual(before.Files, r.Files)
}
