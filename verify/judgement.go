package verify

import (
	"time"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

// Profile says how strictly a document is judged. Which one applies follows
// from the kind of its source or from what the operator typed, never from the
// document (docs/verification.md).
type Profile string

// The profiles, strictest first.
const (
	// ProfileBundle is for documents of ours: see Trust.
	ProfileBundle Profile = "bundle"
	// ProfileCSAF is for what publishers sign today: SHA-256 or better, RSA of
	// at least 2048 bits or elliptic curves; the key may have expired since.
	ProfileCSAF Profile = "csaf"
	// ProfileHistorical is for bulletins of 1996 to 2017: what ProfileCSAF
	// takes, and by keys whose pins are marked legacy also SHA-1, RIPEMD-160
	// and MD5 up to a day each, DSA and RSA of 1024 bits, version 3 keys.
	ProfileHistorical Profile = "historical"
)

// MaxDocument is the largest document that is judged, in bytes.
const MaxDocument = envelope.MaxDocument

// Judge judges the documents of publishers. Its fields must not change while
// it is used; it may then be used concurrently.
type Judge struct {
	Keys    *Keyring // nil is empty
	Pins    *Pins    // nil is empty: nothing is valid
	Profile Profile  // empty is ProfileCSAF
	// Source is the name of the source that the document is from; pins that
	// name a source count for sources that they match. Where it is empty, for
	// a file in the operator's hand, the pins of all sources count.
	Source string
	// MD5Until and SHA1Until are the days from which a signature over MD5, or
	// over SHA-1 or RIPEMD-160, is refused whatever its pin says; empty are
	// 2009-01-01 and 2017-03-01. The day is the signer's word: it bounds what
	// honest old signatures are taken for, and a pin's NotAfter bounds the rest.
	MD5Until, SHA1Until layout.Date
	Clock               func() time.Time // nil is time.Now
}

// Document is what a Judge is given.
type Document struct {
	Name     string // for words: a file name
	Original []byte
	// Signature is a detached signature, armored or binary; nil where the
	// document carries its own or none.
	Signature []byte
	// Sums are files of digests that stand beside the document. They decide
	// nothing and tell, where a signature is bad, who went wrong.
	Sums []layout.Sum
}

// Judgement is what a Judge makes of one document, or of one signed part of it.
// Texts is the only way to what was signed.
type Judgement struct {
	Verdict    layout.Verdict `json:"verdict"`
	Qualifiers []string       `json:"qualifiers"`        // sorted, each once; never nil
	Reasons    []string       `json:"reasons,omitempty"` // why the verdict is not valid, in words

	Primary      Fingerprint `json:"primary_fingerprint,omitempty"` // of the certificate
	Signing      Fingerprint `json:"signing_fingerprint,omitempty"` // of the key that signed; may be a subkey
	Issuer       string      `json:"issuer,omitempty"`              // what the signature names: a key id or a fingerprint
	SignedAt     layout.Time `json:"signed_at,omitzero"`            // as the signer says
	Digest       string      `json:"digest,omitempty"`              // "SHA512"
	KeyAlgorithm string      `json:"key_algorithm,omitempty"`       // "RSA", "DSA", "EdDSA", "ECDSA"
	KeyBits      int         `json:"key_bits,omitempty"`
	Pin          *Pin        `json:"-"` // that covers the signature; set when Verdict is Valid

	FileSHA256   layout.Digest `json:"file_sha256,omitzero"`
	SignedSHA256 layout.Digest `json:"signed_sha256,omitzero"` // of the signed text as Texts returns it
	Diagnosis    *Diagnosis    `json:"diagnosis,omitempty"`    // of a bad signature, and where the frame of one is spoilt

	// Parts has one judgement for each signature, where the document has
	// several; the members above are then those of the worst, and Qualifiers
	// those of all.
	Parts []Judgement `json:"parts,omitempty"`
	Where string      `json:"where,omitempty"` // of a part: "block 2", "signature 1 of 2"

	text  *signedText // set where the arithmetic is right
	trial trial
}

// Text is text that was signed.
type Text struct {
	Where   string
	Body    []byte // exactly what was signed, for reading: escapes and transfer encodings undone
	Charset string // in the words of its mail; empty is unknown
}

// Diagnosis says what may have happened to a document whose signature is bad, or
// in which none can be read and one seems to have been. It is advice: nothing in it makes the document any better.
type Diagnosis struct {
	// Transform is the change that makes the signature right: "lf-to-crlf",
	// "crlf-to-lf", "final-newline-removed", … or empty where none of those
	// tried does.
	Transform string `json:"transform,omitempty"`
	// Sums is "match" or "differ" as the files of digests beside the document
	// say, empty where there are none.
	Sums string `json:"sums,omitempty"`
	Text string `json:"text"` // what that means, and what to do next

	// Original is the document as it was signed, where Transform says so; nil
	// for one part of a document.
	Original []byte `json:"-"`
}
