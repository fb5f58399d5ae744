package bundle

import (
	"context"
	"io"
	"time"

	"patchferry/layout"
)

// Signer makes the armored detached signatures of a header and of a generation;
// *verify.SecretKey is one.
type Signer interface {
	Sign(doc []byte, at time.Time) ([]byte, error)
}

// Verifier decides whose signatures count. It returns the fingerprints of the
// distinct certificates, pinned for bundles of this origin, that signed exactly
// these bytes; fewer than its threshold are an error.
type Verifier interface {
	Verify(doc, sig []byte) (signers []string, err error)
}

// Source hands the writer the bytes of an object, checked by nobody yet: the
// writer hashes what it copies.
type Source interface {
	Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error)
}

// Code is the kind of a refusal, a word of the transfer-bundle format.
type Code string

// The codes of refusals that concern a bundle by itself. Position codes
// (rollback, fork, …) are those of package verify.
const (
	CodeDigest     Code = "digest"
	CodeSize       Code = "size"
	CodeIncomplete Code = "incomplete"
	CodeUndeclared Code = "undeclared"
	CodeSignature  Code = "signature"
	CodeVersion    Code = "version"
	CodePath       Code = "path"
	CodeLimit      Code = "limit"
	CodeFormat     Code = "format"
	CodeCount      Code = "count"
	CodeKey        Code = "key"    // of a rotation that is none of this bundle's
	CodeMedium     Code = "medium" // it cannot be read: no refusal, and no trust either
)

// Error is one refusal of a bundle, or of a part of it.
type Error struct {
	Code   Code
	Where  string // path on the medium, below the bundle: "vol-001-of-003/objects/ab/…"
	Reason string
	Err    error
}

// Error returns where, code, reason and cause in one line.
func (e *Error) Error() string {
	text := "bundle refused (" + string(e.Code) + "): "
	if e.Code == CodeMedium {
		text = "medium cannot be read: "
	}
	if e.Where != "" {
		text += e.Where + ": "
	}
	text += e.Reason
	if e.Err != nil && e.Code != CodeIncomplete { // "is missing" says it all
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
