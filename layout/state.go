package layout

// Format names, the value of the member "format" of every signed JSON
// document of ours. A reader demands the one that it
// expects.
const (
	FormatGeneration = "patchferry-generation"
	FormatState      = "patchferry-state"
)

// Version is the version of the generation and state formats written here.
const Version = 1

// ObjectRef names an object with its length in bytes.
type ObjectRef struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"`
}

// IsZero reports whether the reference names nothing.
func (r ObjectRef) IsZero() bool { return r.SHA256.IsZero() }

// Generation is one complete edition of a catalog: an object, signed by the
// origin's key in an object of its own (a detached signature).
type Generation struct {
	Format      string    `json:"format"`
	Version     int       `json:"version"`
	Number      uint64    `json:"number"` // 1, 2, 3 …
	Created     Time      `json:"created"`
	Catalog     ObjectRef `json:"catalog"`      // JSON lines sorted by id, zstd
	Lines       Digest    `json:"lines_sha256"` // of the plain lines: equality of catalogs goes by this
	StateRoot   Digest    `json:"state_root"`   // over all that it refers to, see StateRoot
	Counts      Counts    `json:"counts"`
	Notices     Notices   `json:"notices,omitzero"`
	Previous    Digest    `json:"previous,omitzero"` // the generation object before
	Revocations []Revoked `json:"revocations,omitempty"`
	// HeldBack are the updates that the origin kept from all rings when the
	// generation was made: on the far side they are held back with it. The
	// origin itself goes by its newest state.
	HeldBack []HeldBack `json:"held_back,omitempty"`
}

// Notices is the list of what publishers announced.
type Notices struct {
	List  ObjectRef `json:"list"`         // JSON lines sorted by id, zstd, as a catalog
	Lines Digest    `json:"lines_sha256"` // of the plain lines
	Count int       `json:"count"`
}

// IsZero reports whether there is no list.
func (n Notices) IsZero() bool { return n.List.IsZero() }

// Counts sums up a catalog.
type Counts struct {
	Updates int   `json:"updates"`
	Files   int   `json:"files"`   // named by the catalog
	Held    int   `json:"held"`    // of these
	Objects int   `json:"objects"` // different held contents
	Bytes   int64 `json:"bytes"`   // of the objects
}

// Revoked takes a file back: every view answers 410 for it.
type Revoked struct {
	SHA256 Digest `json:"sha256"`
	Reason string `json:"reason"`
	At     Time   `json:"at"`
}

// SignedRef names a document and the object that holds its detached signature.
type SignedRef struct {
	Document  ObjectRef `json:"document"`
	Signature ObjectRef `json:"signature"`
}

// State is one entry of the log of what a store believes: a clear-signed JSON
// document, signed by the site's key. The newest one is the truth; states are
// never changed or deleted, so the log is the audit trail.
//
// Invariants: Number is one more than the state before and Previous is the
// SHA-256 of that state's bytes as stored (zero for number 1); Writer is drawn
// anew for every attempt, so that a writer who reads the number back knows
// whether it won.
type State struct {
	Format     string              `json:"format"`
	Version    int                 `json:"version"`
	Number     uint64              `json:"number"`
	Previous   Digest              `json:"previous,omitzero"`
	Writer     string              `json:"writer"` // 32 hex digits
	Actor      string              `json:"actor"`  // what the operator calls whoever ran the command
	At         Time                `json:"at"`
	Why        string              `json:"why"`
	Generation *Position           `json:"generation,omitempty"` // a near side's own
	Origin     string              `json:"origin,omitempty"`     // a near side's UUID, drawn when it first exports
	Outbound   map[string]Outbound `json:"outbound,omitempty"`   // a near side's: what it sent, by the name of the stream
	Streams    map[string]Stream   `json:"streams,omitempty"`    // a far side's, by the UUID of the stream
	Rings      map[string]Ring     `json:"rings,omitempty"`
	HeldBack   []HeldBack          `json:"held_back,omitempty"`
	Revoked    []Revoked           `json:"revoked,omitempty"` // here, by a site that makes no generations
	Rotations  []SignedRef         `json:"rotations,omitempty"`
	Kept       []Position          `json:"kept,omitempty"`   // generations before the newest that are still kept, newest first
	Leases     []Lease             `json:"leases,omitempty"` // what long readers need
	Prune      *PrunePlan          `json:"prune,omitempty"`  // the removal under way
	// Pruned is the number of the newest state that announced a removal. A job that
	// began with another one may have found objects that are gone since.
	Pruned uint64 `json:"pruned,omitempty"`
}

// Position is a generation with its number.
type Position struct {
	Number     uint64    `json:"number"`
	Created    Time      `json:"created"`
	Generation SignedRef `json:"generation"`
	// Absent names, where it is set, the contents that the generation refers to
	// and that were not here when it was imported, from a bundle of the catalog
	// alone: an object of one digest a line, sorted. Later bundles may have
	// brought them.
	Absent ObjectRef `json:"absent,omitzero"`
}

// Stream is how far a far side has followed one stream of an origin: its
// high-water mark, and what is in force. Origin and ID are binding from the
// first bundle on.
type Stream struct {
	ID       string     `json:"id"`     // UUID of the stream
	Origin   string     `json:"origin"` // UUID of the near side
	Name     string     `json:"name"`   // as the origin calls the stream
	Epoch    uint32     `json:"epoch"`
	Seq      uint64     `json:"seq"`
	Header   Digest     `json:"header"`                 // of the bundle's HEADER.json
	Created  Time       `json:"created"`                // when the bundle was made
	Next     Time       `json:"expected_next,omitzero"` // when the next one is due
	Accepted Time       `json:"accepted"`               // when it was imported here
	Position Position   `json:"position"`
	Kept     []Position `json:"kept,omitempty"` // accepted before and still kept, newest first
	// Bundles are the newest bundles that were accepted, newest first, with
	// what is needed to write them again for somebody behind a second gap.
	Bundles []Accepted `json:"bundles,omitempty"`
}

// Accepted is one transfer bundle that a far side has imported.
type Accepted struct {
	Epoch  uint32    `json:"epoch"`
	Seq    uint64    `json:"seq"`
	Header SignedRef `json:"header"` // HEADER.json and its signatures
	Lists  ObjectRef `json:"lists"`  // see Exported.Lists
}

// Outbound is what a near side sent in one stream, and what it knows to have
// arrived. An export acknowledges nothing: a receipt, a want file or the
// operator does.
type Outbound struct {
	ID      string             `json:"id"` // UUID of the stream
	Epoch   uint32             `json:"epoch"`
	Exports []Exported         `json:"exports,omitempty"` // newest first, back to the oldest that somebody may need
	Arrived map[string]Arrived `json:"arrived,omitempty"` // by destination
}

// Exported is one transfer bundle, recorded before its header is signed: from
// then on its seq is completed with these header bytes, or burned.
type Exported struct {
	Epoch      uint32    `json:"epoch"`
	Seq        uint64    `json:"seq"`
	Header     SignedRef `json:"header"` // HEADER.json and its signatures; the signature is zero until it is signed
	Generation Position  `json:"generation"`
	Kind       string    `json:"kind"`
	At         Time      `json:"at"`
	Status     string    `json:"status"`              // begun, exported, burned
	Rotations  int       `json:"rotations,omitempty"` // how many of the state's it carries
	Want       ObjectRef `json:"want,omitzero"`       // the want file that decided what is shipped; none where the seqs before it did
	// VolumeSize is the size of a volume that the operator asked for, in bytes;
	// 0 is no limit.
	VolumeSize int64 `json:"volume_size,omitempty"`
	// Lists names an object that names all that a bundle has besides the objects
	// of its generation, so that it can be written again with the same bytes. It
	// is zero until the bundle is finished.
	Lists ObjectRef `json:"lists,omitzero"`
}

// Arrived is how far a destination is known to have followed a stream.
type Arrived struct {
	Epoch uint32 `json:"epoch"`
	Seq   uint64 `json:"seq"`
	By    string `json:"by"` // receipt, want, operator
	At    Time   `json:"at"`
	// SetBack is when the operator last said that the destination has less than
	// was known: what it wrote before that day says nothing of it any more.
	SetBack Time `json:"set_back,omitzero"`
}

// Lease keeps generations from being pruned until it expires or its holder
// publishes a state without it.
type Lease struct {
	ID      string `json:"id"`
	Holder  string `json:"holder"`
	Why     string `json:"why"`
	From    uint64 `json:"from"` // the oldest generation number that is needed
	Expires Time   `json:"expires"`
}

// PrunePlan names the objects that are being removed. Nobody else publishes
// meanwhile, or deletes, until the plan is ended or its time is over.
type PrunePlan struct {
	ID      string    `json:"id"`
	Objects ObjectRef `json:"objects"` // an object: one digest a line, sorted
	Count   int       `json:"count"`
	Bytes   int64     `json:"bytes"`
	At      Time      `json:"at"`
	Holder  string    `json:"holder,omitempty"` // drawn by whoever deletes, 32 hex digits
	Until   Time      `json:"until,omitzero"`   // from then on anybody may take it over
}
