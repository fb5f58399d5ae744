package layout

import "encoding/json"

// MaxUnsigned is the largest document of a publisher that signs nothing, in
// bytes: MSRC's month in CVRF reaches 8 MB. Signed documents have at most 4 MiB.
const MaxUnsigned = 16 << 20

// Announced is one document that a source of bulletins lists.
type Announced struct {
	Name string // unique within the source and stable: a path below its folder or URL, a digest of a mail
	File string // the name to hand it out under
	By   string // URL or path
	// Stamp changes when the document may have changed (a time in the source's
	// index, time and size of a local file). Empty: only asking tells.
	Stamp string
}

// AnnouncedList is what a source of bulletins lists at one time.
type AnnouncedList struct {
	NotModified bool        // nothing changed since Memory was returned; Items is then empty
	Items       []Announced // names are unique
	// Keys are the certificates that the source itself offers. They prove
	// nothing; they help the operator to find what to pin.
	Keys []OfferedKey
	// Memory is the source's own note of what it saw, to be given back to it
	// at the next call.
	Memory   json.RawMessage
	Problems []error // parts of the list that cannot be used
}

// OfferedKey is a certificate as a source offers it, before any check.
type OfferedKey struct {
	Claimed string // the fingerprint that the source states for it, as written there; empty for none
	URL     string // URL or path
	Data    []byte // armored or binary, as found
}

// Announcement is one document as its source has it, before any check.
type Announcement struct {
	NotModified bool // it is still the one that the given validators belong to; the rest is empty
	Original    []byte
	Signature   []byte // the detached signature found beside it, as found; nil where there is none
	SigFile     string // its name: "icsa-24-032-01.json.asc"
	Sums        []Sum  // files of digests found beside it
	Validators  Validators
	TLSKey      Digest // zero without TLS
	At          Time
}

// Sum is a file of digests found beside a document.
type Sum struct {
	Name string // "icsa-24-032-01.json.sha512"
	Text []byte // as found
}
