package layout

import "time"

// Want is a file to fetch from a publisher, with all that was stated of it.
type Want struct {
	URL  string
	Path string // where the complete file goes; names that begin with Path and a dot are used as well
	Name string // the publisher's name of the file, for its extension; empty: the last part of the URL
	Size int64  // bytes; 0 is unknown

	SHA256 Digest // zero is unknown, also below; all that are stated must be right
	SHA1   SHA1
	MD5    MD5

	// If makes the fetch conditional, for what changes in place: Got is
	// NotModified, and there is no file, when the publisher's is still the one
	// that these belong to.
	If Validators
}

// Got is a file that was fetched.
type Got struct {
	Size        int64
	SHA256      Digest
	SHA1        SHA1
	MD5         MD5 // only where Want states one
	Validators  Validators
	Modified    time.Time // of Last-Modified; zero where there is none
	TLSKey      Digest    // SHA-256 of the SubjectPublicKeyInfo of the server that gave the last bytes; zero without TLS
	Fetched     int64     // bytes of bodies that came over the wire for it
	NotModified bool
}

// Document is a list as it was fetched.
type Document struct {
	NotModified bool // the list is still the one that was known; SHA256 and Size are then zero
	Validators  Validators
	SHA256      Digest
	Size        int64  // bytes
	URL         string // as asked for: where it was redirected to does not count
	TLSKey      Digest // SHA-256 of the SubjectPublicKeyInfo of the server that gave the bytes; zero without TLS
	At          Time
	Fetched     int64 // bytes of bodies that came over the wire
}

// Validators are what a publisher says of one state of a file, to ask later
// whether it is still the same (RFC 9110, section 8.8).
type Validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// IsZero reports whether the publisher said nothing.
func (v Validators) IsZero() bool { return v == Validators{} }
