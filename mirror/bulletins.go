package mirror

import (
	"fmt"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// BulletinSource is a publisher of bulletins: documents that announce updates.
type BulletinSource struct {
	// Name prefixes the ids of the source's notices. No other source of
	// bulletins or updates has it.
	Name string
	Kind string // for messages
	// Announcer lists and gets the documents, within what the operator allowed
	// for this source.
	Announcer Announcer
	Place     string // URL or path, for messages
	// Judge judges them. Certificates that the source itself offers are added
	// to its keys; they count only where they are pinned, as all do.
	Judge *verify.Judge
	// Unsigned is the operator's word that this publisher signs nothing. Its
	// documents then announce, marked as unsigned with the time at which they
	// were captured, and vouch for nothing.
	Unsigned bool
	// Read turns what was signed into bulletins. Text that it cannot read is
	// an error, and the document is kept without.
	Read ReadFunc
}

// ReadFunc reads the bulletins in a text. It is pure.
type ReadFunc func(text verify.Text) ([]layout.Bulletin, error)

// bulletinReading is raised when this program judges or reads documents
// differently, so that all are judged and read again.
const bulletinReading = 1

func (s *BulletinSource) validate() error {
	switch {
	case s.Name == "" || strings.ContainsAny(s.Name, ":/\\ \t\r\n"):
		return fmt.Errorf("source %q: a name is needed, without blanks, colons or slashes", s.Name)
	case s.Announcer == nil || s.Judge == nil || s.Read == nil:
		return fmt.Errorf("source %s: kind %q cannot be read", s.Name, s.Kind)
	}
	return nil
}

// noticeID names a document by what it is called at its source and by its
// bytes, so that a document that was revised is another notice.
func (s *BulletinSource) noticeID(name string, original layout.Digest) string {
	return s.Name + ":" + name + "@" + original.String()[:12]
}

// NoticeReport is a document that a sync found new, or judged otherwise than
// before.
type NoticeReport struct {
	Source string `json:"source"`
	*layout.Notice
	Before layout.Verdict `json:"before,omitempty"` // as it was judged by the sync before
	// Quarantined: it did not enter the store. Report lies beside its bytes.
	Quarantined string   `json:"quarantined,omitempty"` // the folder
	Diagnosis   string   `json:"diagnosis,omitempty"`
	Problems    []string `json:"problems,omitempty"` // what of it could not be read
}

// admits reports whether a document with that verdict is kept in the store.
// What is bad or malformed is quarantined; where signatures are demanded, what
// has none is left where it is.
func (s *BulletinSource) admits(v layout.Verdict) bool {
	switch v {
	case layout.Bad, layout.Malformed:
		return false
	case layout.Unsigned:
		return s.Unsigned
	}
	return true
}

// announces reports whether a document with that verdict may announce
// anything.
func (s *BulletinSource) announces(v layout.Verdict) bool {
	return v == layout.Valid || v == layout.Unsigned && s.Unsigned
}
