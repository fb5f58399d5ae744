package bundle

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"patchferry/layout"
)

// Receipt is what a far side tells a near side of one bundle: whether it was
// imported, and what is missing. It names no hosts, counts no machines, and
// lists nothing that the near side did not send. As a want file, with the
// format of one, it asks for objects and files alone.
//
// It is signed, detached, by the destination's site key. A reader believes it
// only if that key is pinned for the destination and the header digest is that
// of a bundle it wrote.
type Receipt struct {
	Format      string             `json:"format"` // FormatReceipt or FormatWant
	Version     int                `json:"version"`
	Destination string             `json:"destination"` // name of the far side
	Origin      string             `json:"origin"`      // UUID
	Stream      string             `json:"stream"`      // UUID
	Epoch       uint32             `json:"epoch"`
	Seq         uint64             `json:"seq"`
	Header      layout.Digest      `json:"header_sha256"`
	Status      Outcome            `json:"status,omitempty"`     // of a receipt
	Reason      string             `json:"reason,omitempty"`     // code of a refusal
	Missing     []layout.ObjectRef `json:"missing,omitempty"`    // that the generation refers to, in the order of digests
	Files       []WantedFile       `json:"files,omitempty"`      // of a want file: files of the catalog that are only listed
	Mark        *Before            `json:"high_water,omitempty"` // of the stream, afterwards; nil where nothing was accepted
	Day         layout.Date        `json:"day"`
}

// Outcome is what became of a bundle on the far side.
type Outcome string

// The outcomes that a receipt can have.
const (
	Imported Outcome = "imported"
	Partial  Outcome = "partial" // volumes, files or what it builds on are missing
	Refused  Outcome = "refused"
)

// WantedFile names a file of the catalog in the best way that the catalog
// knows: by SHA-256, with the size where it is stated, else by SHA-1, else by
// update and name.
type WantedFile struct {
	SHA256 layout.Digest `json:"sha256,omitzero"`
	Size   int64         `json:"size,omitempty"` // bytes; 0 is unknown
	SHA1   layout.SHA1   `json:"sha1,omitzero"`
	Update string        `json:"update,omitempty"` // its id
	File   string        `json:"file,omitempty"`   // the publisher's name of it
}

// Want returns how a want file names a file of an update.
func Want(u *layout.Update, f *layout.File) WantedFile {
	switch {
	case !f.SHA256.IsZero():
		return WantedFile{SHA256: f.SHA256, Size: f.Size}
	case !f.SHA1.IsZero():
		return WantedFile{SHA1: f.SHA1}
	}
	return WantedFile{Update: u.ID, File: f.Name}
}

// Is reports whether the file of an update is the one that is named.
func (w *WantedFile) Is(u *layout.Update, f *layout.File) bool {
	switch {
	case !w.SHA256.IsZero():
		return f.SHA256 == w.SHA256 && (w.Size == 0 || f.Size == 0 || f.Size == w.Size)
	case !w.SHA1.IsZero():
		return f.SHA1 == w.SHA1
	}
	return u.ID == w.Update && f.Name == w.File
}

// String names the file for people.
func (w *WantedFile) String() string {
	switch {
	case !w.SHA256.IsZero():
		return w.SHA256.String()
	case !w.SHA1.IsZero():
		return "SHA-1 " + w.SHA1.String()
	}
	return w.File + " of " + w.Update
}

// Limits of what comes back. More is refused before it is read.
const (
	MaxReceipt     = 64 << 20 // bytes of a receipt or a want file
	MaxReceiptSig  = 64 << 10 // bytes of its signatures
	maxMissing     = 400_000  // objects, and files, in one
	maxReceiptWord = 512      // bytes of a name in one
)

// ParseReceipt reads a receipt or a want file, whichever format says: bytes
// whose signature was verified. A member that this version does not know is
// ignored. Every error is an *Error.
func ParseReceipt(doc []byte, format string) (*Receipt, error) {
	if len(doc) > MaxReceipt {
		return nil, refuseReceipt(CodeLimit, "has %d bytes, more than %d", len(doc), MaxReceipt)
	}
	r := new(Receipt)
	if err := decodeStrict(doc, r); err != nil {
		return nil, &Error{Code: CodeFormat, Reason: "is neither a receipt nor a want file", Err: err}
	}
	if r.Format != format {
		return nil, refuseReceipt(CodeFormat, "has the format %q, want %q", clip(r.Format), format)
	}
	if r.Version != Version {
		return nil, refuseReceipt(CodeVersion, "has version %d, and this program reads %d", r.Version, Version)
	}
	for _, check := range [...]func() error{r.checkPlace, r.checkOutcome, r.checkMissing, r.checkFiles} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func refuseReceipt(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// checkPlace holds what the receipt says of whom it is from, and of which
// bundle.
func (r *Receipt) checkPlace() error {
	if !isPlainName(r.Destination) {
		return refuseReceipt(CodeFormat, "%q is not the name of a destination", clip(r.Destination))
	}
	if !isUUID(r.Origin) || !isUUID(r.Stream) {
		return refuseReceipt(CodeFormat, "origin %q or stream %q is not a UUID", clip(r.Origin), clip(r.Stream))
	}
	if r.Epoch == 0 || r.Seq == 0 || r.Header.IsZero() {
		return refuseReceipt(CodeFormat, "names epoch %d seq %d, which begin at 1, with the header %s", r.Epoch, r.Seq, r.Header)
	}
	if m := r.Mark; m != nil && (m.Epoch == 0 || m.Seq == 0 || m.Header.IsZero()) {
		return refuseReceipt(CodeFormat, "has a high-water mark of epoch %d seq %d with the header %s", m.Epoch, m.Seq, m.Header)
	}
	if _, err := layout.ParseDate(string(r.Day)); err != nil {
		return refuseReceipt(CodeFormat, "%q is not a day", clip(string(r.Day)))
	}
	return nil
}

// checkOutcome makes sure that status, reason and mark say one thing.
func (r *Receipt) checkOutcome() error {
	if strings.ContainsFunc(r.Reason, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') }) || len(r.Reason) > MaxName {
		return refuseReceipt(CodeFormat, "%q is not the code of a refusal", clip(r.Reason))
	}
	if r.Format == FormatWant {
		if r.Status != "" || r.Reason != "" || len(r.Missing)+len(r.Files) == 0 {
			return refuseReceipt(CodeFormat, "is a want file with the status %q that asks for %d objects", clip(string(r.Status)), len(r.Missing)+len(r.Files))
		}
		return nil
	}
	switch r.Status {
	case Imported:
		if r.Reason != "" || len(r.Missing) > 0 || r.Mark == nil || *r.Mark != (Before{r.Epoch, r.Seq, r.Header}) {
			return refuseReceipt(CodeFormat, "says imported, and something else as well")
		}
	case Partial, Refused:
		if r.Reason == "" {
			return refuseReceipt(CodeFormat, "says %s, and not why", r.Status)
		}
	default:
		return refuseReceipt(CodeFormat, "%q is no outcome of an import", clip(string(r.Status)))
	}
	if len(r.Files) > 0 {
		return refuseReceipt(CodeFormat, "asks for files, which a want file does")
	}
	return nil
}

func (r *Receipt) checkMissing() error {
	if n := len(r.Missing) + len(r.Files); n > maxMissing {
		return refuseReceipt(CodeLimit, "names %d objects, more than %d", n, maxMissing)
	}
	for i, ref := range r.Missing {
		if ref.IsZero() || ref.Size < 0 || ref.Size > maxBytes {
			return refuseReceipt(CodeFormat, "misses object %s of %d bytes", ref.SHA256, ref.Size)
		}
		if i > 0 && bytes.Compare(r.Missing[i-1].SHA256[:], ref.SHA256[:]) >= 0 {
			return refuseReceipt(CodeFormat, "does not name what is missing once, in the order of digests")
		}
	}
	return nil
}

// checkFiles makes sure that every file is named in one way.
func (r *Receipt) checkFiles() error {
	for i := range r.Files {
		w := &r.Files[i]
		ways := 0
		for _, named := range [...]bool{!w.SHA256.IsZero(), !w.SHA1.IsZero(), w.Update != "" && w.File != ""} {
			if named {
				ways++
			}
		}
		sized := w.Size == 0 || w.Size > 0 && w.Size <= maxBytes && !w.SHA256.IsZero()
		if ways != 1 || !sized || (w.Update == "") != (w.File == "") || !isWord(w.Update) || !isWord(w.File) {
			return refuseReceipt(CodeFormat, "does not name file %d in one way: by sha256 and size, by sha1, or by update and file", i+1)
		}
	}
	return nil
}

// isWord reports whether s can be the id of an update or the name of a file,
// empty included.
func isWord(s string) bool {
	return len(s) <= maxReceiptWord && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}
