package layout

// Update is one source's record of one software update, service pack or
// driver. Records of different sources are never merged; equal files share
// an object.
//
// Invariants, held by everything that enters a catalog: ID is
// "<source>:<native id>" and unique; identity is never a title, a file name
// or a URL; Folder is set when the update first enters a catalog and never
// changes; the names under which the files stand in Folder (File.Entry) are
// unique under case folding.
//
// The order of the fields is the member order of a catalog line.
type Update struct {
	ID             string         `json:"id"`
	Revision       int            `json:"revision,omitempty"`
	Type           Type           `json:"type"`
	KB             string         `json:"kb,omitempty"` // digits only: "311967"
	Title          string         `json:"title,omitempty"`
	Description    string         `json:"description,omitempty"`
	Classification Classification `json:"classification,omitempty"`
	Severity       Severity       `json:"severity,omitempty"`
	Products       []string       `json:"products,omitempty"` // the source's own words
	OS             []OS           `json:"os,omitempty"`
	Arch           []Arch         `json:"arch,omitempty"`
	Language       Language       `json:"language,omitempty"`    // empty: none or all of them
	IncludedIn     string         `json:"included_in,omitempty"` // the service pack that includes it: "SP3"
	Released       Date           `json:"released,omitempty"`
	Bulletins      []string       `json:"bulletins,omitempty"` // "MS04-011"
	CVEs           []string       `json:"cves,omitempty"`
	Supersedes     []string       `json:"supersedes,omitempty"`    // KB digits, bulletin ids or update ids
	Prerequisites  [][]string     `json:"prerequisites,omitempty"` // all of: any of
	Reboot         string         `json:"reboot,omitempty"`        // the source's word
	SupportURL     string         `json:"support_url,omitempty"`
	Driver         *Driver        `json:"driver,omitempty"`
	Install        *Install       `json:"install,omitempty"`  // what the source says of installing it
	Delisted       Date           `json:"delisted,omitempty"` // the day on which its source first left it out
	Files          []File         `json:"files,omitempty"`
	Folder         string         `json:"folder,omitempty"` // below the root of the tree, without a leading slash
}

// Driver is what a driver update says of its hardware.
type Driver struct {
	Maker       string   `json:"maker,omitempty"`
	Class       string   `json:"class,omitempty"`
	Version     string   `json:"version,omitempty"`
	Models      []string `json:"models,omitempty"`
	HardwareIDs []string `json:"hardware_ids,omitempty"` // PCI\VEN_8086&DEV_…
}

// File is one file of an update.
//
// A file is held when SHA256 and Size are known and its object was in the
// origin's store when the generation was made; else it is only listed, with
// the rest as far as the source knows it.
type File struct {
	Name     string     `json:"name"`               // the publisher's, from metadata, never from a redirect
	As       string     `json:"as,omitempty"`       // the name in Folder, where it cannot be Name
	Size     int64      `json:"size,omitempty"`     // bytes; 0 is unknown unless the file is held
	SHA256   Digest     `json:"sha256,omitzero"`    // measured by us when held, else stated by the source
	SHA1     SHA1       `json:"sha1,omitzero"`      // likewise
	MD5      MD5        `json:"md5,omitzero"`       // as stated by the source
	URL      string     `json:"url,omitempty"`      // where the publisher hands it out
	Kind     Kind       `json:"kind,omitempty"`     // how it is installed
	Package  *Package   `json:"package,omitempty"`  // what its bytes say of themselves
	In       string     `json:"in,omitempty"`       // folder within the update's, of a file that was taken out of another: "w2ksp4_en/i386/update"
	From     Digest     `json:"from,omitzero"`      // the file that it was taken out of; File.Evidence is then that file's
	Language Language   `json:"language,omitempty"` // where files of one update differ
	Held     bool       `json:"held,omitempty"`
	Modified Time       `json:"modified,omitzero"` // Last-Modified for hosts; fixed when the file is first held
	Tag      string     `json:"tag,omitempty"`     // entity tag for hosts, without its quotes, where it is not SHA256: of a file that was handed out before that was known
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Entry returns the name under which the file stands in its update's folder.
func (f *File) Entry() string {
	if f.As != "" {
		return f.As
	}
	return f.Name
}

// Evidence is one reason to believe that a file's bytes are the publisher's.
// It is written once, when it is found, so that a sync that finds nothing new
// changes nothing.
type Evidence struct {
	Grade     Grade  `json:"grade"`
	Algorithm string `json:"algorithm,omitempty"` // of the digest that was stated: sha256, sha1, md5
	Weak      bool   `json:"weak,omitempty"`      // that algorithm no longer resists collisions
	By        string `json:"by,omitempty"`        // URL or path of the document, or the file name, that says so
	Document  Digest `json:"document,omitzero"`   // SHA-256 of that document
	TLSKey    Digest `json:"tls_key,omitzero"`    // SHA-256 of the server's SubjectPublicKeyInfo
	Signer    string `json:"signer,omitempty"`    // full fingerprint
	At        Time   `json:"at,omitzero"`
}

// Grade says how strong evidence is (docs/trust.md).
type Grade string

// The grades, best first. The first four admit a file by default; GradeName
// counts as GradeChannel when the list that names the file does; the last two
// admit only where the operator asked for it.
const (
	GradePublisher Grade = "publisher" // the publisher's signature inside the file
	GradeSigned    Grade = "signed"    // digest in a document signed by a pinned key
	GradeBundle    Grade = "bundle"    // an origin's signed generation
	GradeChannel   Grade = "channel"   // digest in metadata that came over https, or in a local list
	GradeName      Grade = "name"      // SHA-1 in the publisher's file name
	GradeCapture   Grade = "capture"   // what was there at that time; changes by design
	GradeFirstUse  Grade = "first-use" // nobody vouched; pinned when first seen
)

// Rank orders grades: 1 for the best; unknown grades come after all others.
func (g Grade) Rank() int {
	for i, known := range grades {
		if g == known {
			return i + 1
		}
	}
	return len(grades) + 1
}

// GradeOf returns the grade of that rank; empty where there is none.
func GradeOf(rank int) Grade {
	if rank < 1 || rank > len(grades) {
		return ""
	}
	return grades[rank-1]
}

var grades = [...]Grade{GradePublisher, GradeSigned, GradeBundle, GradeChannel, GradeName, GradeCapture, GradeFirstUse}

// Best returns the strongest evidence of the file, or nil where there is none.
func (f *File) Best() *Evidence {
	var best *Evidence
	for i := range f.Evidence {
		if best == nil || f.Evidence[i].Grade.Rank() < best.Grade.Rank() {
			best = &f.Evidence[i]
		}
	}
	return best
}
