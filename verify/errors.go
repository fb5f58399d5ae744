package verify

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUntrusted is matched by every refusal: of a signature, a digest, a
// position or a format. Commands that end in it exit with 4.
var ErrUntrusted = errors.New("untrusted")

// Code names the kind of a refusal. The values are those of the transfer
// bundle format ("must be refused"), so that a script finds the same word
// everywhere.
type Code string

// The codes of refusals.
const (
	CodeSignature    Code = "signature"    // absent, malformed, of other bytes, or with text around it
	CodeKey          Code = "key"          // unknown, not pinned for this, expired or revoked
	CodeWeak         Code = "weak"         // right, but by an algorithm that proves nothing
	CodeFormat       Code = "format"       // signed, but not the document that was expected
	CodeVersion      Code = "version"      // signed, but of a version that this program does not read
	CodeDigest       Code = "digest"       // bytes that are not the ones named
	CodeSize         Code = "size"         // more or fewer bytes than stated
	CodeCount        Code = "count"        // counts that disagree with the content
	CodeLimit        Code = "limit"        // larger than anything that is ever read
	CodeRollback     Code = "rollback"     // older than what was already seen
	CodeEquivocation Code = "equivocation" // a second document in the place of one already seen
	CodeFork         Code = "fork"         // follows another document than the one before it
)

// TrustError is one refusal. It matches ErrUntrusted.
type TrustError struct {
	Code        Code
	Subject     string      // what was refused: "state 42", "signature 2 of 3"
	Reason      string      // why, in words
	Fingerprint Fingerprint // of the certificate that it is about, or ""
	Next        string      // what to do next, in words, or ""
	Err         error       // the cause, or nil
}

// Error returns subject, reason, cause and next step in one line.
func (e *TrustError) Error() string {
	var b strings.Builder
	if e.Subject != "" {
		b.WriteString(e.Subject)
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "untrusted (%s): %s", e.Code, e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Next != "" {
		b.WriteString("; ")
		b.WriteString(e.Next)
	}
	return b.String()
}

// Is reports whether target is ErrUntrusted.
func (e *TrustError) Is(target error) bool { return target == ErrUntrusted }

// Unwrap returns the cause.
func (e *TrustError) Unwrap() error { return e.Err }
