package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// FormatVersion is the version of the keys that stores write and read, the same
// in a directory and in a bucket.
const FormatVersion = 1

// FormatKey is the key of the document that makes a folder or a bucket a store.
// It is written last when one is made.
const FormatKey = "format"

const formatName = "patchferry-store"

// ErrNoStore is matched by the error of opening a folder or a bucket that is
// there and holds no store, and of making one where other things are.
var ErrNoStore = errors.New("not a patchferry store")

type format struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// FormatDocument returns what a new store keeps under FormatKey:
//
//	{"format":"patchferry-store","version":1}
func FormatDocument() []byte {
	return fmt.Appendf(nil, "{\"format\":%q,\"version\":%d}\n", formatName, FormatVersion)
}

// CheckFormat checks what stands under FormatKey: ErrNoStore where it is not
// ours, another error where it is of a newer program.
func CheckFormat(doc []byte) error {
	var f format
	if err := json.Unmarshal(bytes.TrimSpace(doc), &f); err != nil || f.Format != formatName || f.Version < 1 {
		return fmt.Errorf("%w: its file %q is not ours", ErrNoStore, FormatKey)
	}
	if f.Version > FormatVersion {
		return fmt.Errorf("store format %d is newer than this program, which knows %d (use a newer patchferry)", f.Version, FormatVersion)
	}
	return nil
}

// ErrTooLarge is matched by the error of a document that is larger than MaxDocument.
var ErrTooLarge = fmt.Errorf("document is larger than %d bytes", MaxDocument)

// ReadDocument reads a state or binding whole, and refuses one that is larger
// than MaxDocument.
func ReadDocument(r io.Reader) ([]byte, error) {
	doc, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	return doc, CheckDocument(doc)
}

// CheckDocument refuses a state or binding that is larger than MaxDocument. It
// is asked before one is written.
func CheckDocument(doc []byte) error {
	if len(doc) > MaxDocument {
		return ErrTooLarge
	}
	return nil
}
