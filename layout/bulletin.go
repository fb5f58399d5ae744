package layout

import (
	"slices"
	"strings"
)

// Notice is one document in which a publisher announces something (a signed
// mail, a CSAF advisory), byte for byte as it was found, with what was made of
// it. The notices of a generation are one line each in its list of notices.
//
// Invariants: ID is "<source>:<name>@<12 digits of the original's SHA-256>" and
// unique; Original never changes (a document that its publisher revised is
// another notice); Bulletins is empty unless Verdict is Valid, or Unsigned
// where the operator said that the source signs nothing. Nothing in a notice is
// worded by its document but Bulletins, Name and File.
//
// The order of the fields is the member order of a line.
type Notice struct {
	ID         string     `json:"id"`
	File       string     `json:"file"` // the name to hand it out under: "icsa-24-032-01.json"
	By         string     `json:"by"`   // the URL or path where it was found
	Original   ObjectRef  `json:"original"`
	Signature  ObjectRef  `json:"signature,omitzero"` // detached; none where it is in the document
	SigFile    string     `json:"sig_file,omitempty"` // its name: "icsa-24-032-01.json.asc"
	Captured   Time       `json:"captured,omitzero"`  // when it was first found so
	TLSKey     Digest     `json:"tls_key,omitzero"`   // SHA-256 of the server's SubjectPublicKeyInfo
	Profile    string     `json:"profile,omitempty"`  // how strictly it was judged (docs/verification.md)
	Verdict    Verdict    `json:"verdict"`
	Qualifiers []string   `json:"qualifiers,omitempty"` // "weak-digest-sha1", "key-expired-since"
	Reason     string     `json:"reason,omitempty"`     // why the verdict is not Valid, in words
	Signer     string     `json:"signer,omitempty"`     // full fingerprint of the certificate
	SigningKey string     `json:"signing_key,omitempty"`
	SignedAt   Time       `json:"signed_at,omitzero"` // as the signer says
	Bulletins  []Bulletin `json:"bulletins,omitempty"`
}

// historical begins the qualifiers of signatures that prove little by today's
// measure.
var historical = [...]string{"weak-", "key-v3", "signed-after-key-expiry"}

// Historical reports whether the notice is signed by an algorithm, or in a way,
// that is accepted for old documents only. It is evidence of what was once
// announced and decides nothing about what gets installed.
func (n *Notice) Historical() bool {
	return slices.ContainsFunc(n.Qualifiers, func(q string) bool {
		return slices.ContainsFunc(historical[:], func(prefix string) bool { return strings.HasPrefix(q, prefix) })
	})
}

// Document returns the id without the revision: "<source>:<name>".
func (n *Notice) Document() string {
	if i := strings.LastIndexByte(n.ID, '@'); i >= 0 {
		return n.ID[:i]
	}
	return n.ID
}

// Vouches reports whether the digests that the notice's bulletins state vouch
// for bytes: signed by a pinned key, and by no algorithm of historical
// strength.
func (n *Notice) Vouches() bool {
	return n.Verdict == Valid && !n.Historical()
}

// Bulletin is what a security bulletin says. It announces updates; it vouches
// for bytes only where it states their digest.
type Bulletin struct {
	Name       string   `json:"name"` // "MS08-067", "ICSA-24-032-01", "CVE-2026-21333"
	Title      string   `json:"title,omitempty"`
	Status     Status   `json:"status,omitempty"`
	Revision   string   `json:"revision,omitempty"`   // "1.2"
	Severity   Severity `json:"severity,omitempty"`   // of several parts the worst
	Released   Date     `json:"released,omitempty"`   // of its first revision
	Revised    Date     `json:"revised,omitempty"`    // of this revision, where it is not the first
	KBs        []string `json:"kbs,omitempty"`        // digits only, sorted
	CVEs       []string `json:"cves,omitempty"`       // sorted
	Products   []string `json:"products,omitempty"`   // the publisher's own words
	Supersedes []string `json:"supersedes,omitempty"` // names of bulletins that it replaces
	URL        string   `json:"url,omitempty"`        // where the publisher keeps it
	Files      []Stated `json:"files,omitempty"`
}

// Stated is the digest that a bulletin states of a file.
type Stated struct {
	Name   string `json:"name"`
	SHA256 Digest `json:"sha256"`
}

// Status says where a bulletin is in its life.
type Status string

// The states of a bulletin.
const (
	StatusReleased  Status = ""          // it is out
	StatusAnnounced Status = "announced" // an advance notice; replaced on release
	StatusWithdrawn Status = "withdrawn" // taken back by its publisher
)

// Verdict says what became of a signed document (docs/verification.md).
type Verdict string

// The verdicts. Only Valid is a yes.
const (
	Valid       Verdict = "valid"       // right, by a pinned key, within policy
	Refused     Verdict = "refused"     // right, but policy says no
	Bad         Verdict = "bad"         // a key that is here says that these are not the bytes it signed
	UnknownKey  Verdict = "unknown-key" // no key of its issuer is here
	Unpinned    Verdict = "unpinned"    // right, but the key is not pinned for this
	Unsigned    Verdict = "unsigned"    // there is no signature
	Malformed   Verdict = "malformed"   // the signature or its frame cannot be read
	Unsupported Verdict = "unsupported" // a signature of a kind that this program cannot check
)

var verdicts = [...]Verdict{Valid, Unpinned, UnknownKey, Unsigned, Unsupported, Malformed, Refused, Bad}

// Verdicts lists the verdicts in the order of their rank.
func Verdicts() []Verdict { return slices.Clone(verdicts[:]) }

// Rank orders verdicts: 1 for Valid, then what the operator can mend, last what
// is wrong; a verdict of no known name is worst of all.
func (v Verdict) Rank() int {
	for i, known := range verdicts {
		if v == known {
			return i + 1
		}
	}
	return len(verdicts) + 1
}
