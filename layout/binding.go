package layout

import (
	"encoding/json"
	"errors"
	"fmt"
)

// FormatBinding is the format of a binding.
const FormatBinding = "patchferry-binding"

// maxBinding is the largest binding in bytes. The longest members are a URL and
// two names.
const maxBinding = 64 << 10

// Binding says what a listed file turned out to be when it was brought because
// somebody asked for it. It is a document of the store, written once. No key of the
// site signs it: whoever reads it checks what it says before it counts.
type Binding struct {
	Format     string     `json:"format"`
	Version    int        `json:"version"`
	Source     string     `json:"source"`
	Update     string     `json:"update"` // id
	File       string     `json:"file"`   // the publisher's name
	URL        string     `json:"url"`
	Validators Validators `json:"validators,omitzero"` // of the origin's answer
	SHA256     Digest     `json:"sha256"`
	SHA1       SHA1       `json:"sha1"`
	Size       int64      `json:"size"`               // bytes
	Tag        string     `json:"tag,omitempty"`      // as File.Tag
	Modified   Time       `json:"modified,omitzero"`  // as hosts were told
	Restarted  Time       `json:"restarted,omitzero"` // as Filling.Restarted
	Evidence   Evidence   `json:"evidence"`
	At         Time       `json:"at"`
	// Proof is an HMAC-SHA256 over the binding without it, by a key of the machine that
	// brought the file; zero is none.
	Proof Digest `json:"proof,omitzero"`
}

// BindingKey returns the key of the binding of a listed file: over the update, the
// file's URL, and the digests that are stated of it, so that a file that its
// publisher states anew is bound anew. Where nobody vouches for what is stated the
// digests do not count: what came first stays. Of the evidence it takes the best
// grade alone.
func BindingKey(update string, f *File) Digest {
	var statedSHA256, statedSHA1 string
	if best := f.Best(); best != nil && best.Grade != GradeFirstUse && best.Grade != GradeCapture {
		if !f.SHA256.IsZero() {
			statedSHA256 = f.SHA256.String()
		}
		if !f.SHA1.IsZero() {
			statedSHA1 = f.SHA1.String()
		}
	}
	doc, _ := json.Marshal([...]string{FormatBinding, update, f.URL, statedSHA256, statedSHA1})
	return DigestOf(doc)
}

// ParseBinding reads a binding. It demands the format and a version that it knows,
// and refuses members that it does not know or that stand twice, bytes after the
// object, what no binding leaves out, and more than 64 KiB.
func ParseBinding(b []byte) (*Binding, error) {
	if len(b) > maxBinding {
		return nil, fmt.Errorf("parse binding: %d bytes, more than %d", len(b), maxBinding)
	}
	x := new(Binding)
	if err := decodeJSON(b, x, false); err != nil {
		return nil, fmt.Errorf("parse binding: %w", err)
	}
	if err := x.check(); err != nil {
		return nil, fmt.Errorf("parse binding: %w", err)
	}
	return x, nil
}

// Encode returns the binding as indented JSON with a newline at its end; equal
// bindings make equal bytes. What ParseBinding would refuse is an error.
func (x *Binding) Encode() ([]byte, error) {
	if err := x.check(); err != nil {
		return nil, fmt.Errorf("encode binding: %w", err)
	}
	b, err := appendJSON(nil, x, "  ")
	if err == nil && len(b) > maxBinding {
		err = fmt.Errorf("%d bytes, more than %d", len(b), maxBinding)
	}
	if err != nil {
		return nil, fmt.Errorf("encode binding: %w", err)
	}
	return b, nil
}

func (x *Binding) check() error {
	if err := checkHead("binding", x.Format, FormatBinding, x.Version); err != nil {
		return err
	}
	if err := checkID(x.Update); err != nil {
		return err
	}
	switch {
	case x.File == "" || x.URL == "":
		return errors.New("it names no file, or no URL")
	case x.SHA256.IsZero() || x.SHA1.IsZero() || x.Size < 0:
		return errors.New("it does not say what the file is: its SHA-256, SHA-1 and size")
	case x.Evidence.Grade == "":
		return errors.New("nothing vouches for it")
	}
	return nil
}
