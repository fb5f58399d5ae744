package bundle

import "patchferry/layout"

// Format names of the signed documents of a bundle, and the version written
// here.
const (
	FormatBundle   = "patchferry-bundle"
	FormatRotation = layout.FormatRotation
	FormatReceipt  = "patchferry-receipt"
	FormatWant     = "patchferry-want"
	Version        = 1
)

// Limits of what a bundle may have. More is refused before it is read.
const (
	MaxHeader    = 64 << 10           // bytes of HEADER.json
	MaxRotation  = layout.MaxRotation // bytes of one rotation
	MaxRotations = 32
	MaxVolumes   = 256
)

// Header is the signed root of a bundle, HEADER.json: the same bytes in every
// volume. Exact bytes are signed, and a reader parses them after it has
// verified them.
type Header struct {
	Format       string        `json:"format"`
	Version      int           `json:"version"`
	MinReader    int           `json:"min_reader"`
	Bundle       string        `json:"bundle"` // UUID of this bundle
	Origin       string        `json:"origin"` // UUID of the near side
	Stream       string        `json:"stream"` // UUID
	StreamName   string        `json:"stream_name"`
	Audience     []string      `json:"audience,omitempty"` // destinations that may import it; empty is any
	Epoch        uint32        `json:"epoch"`
	Seq          uint64        `json:"seq"`
	Prev         *Before       `json:"prev,omitempty"` // the bundle before; nil for the first
	Kind         Kind          `json:"kind"`
	SinceSeq     uint64        `json:"since_seq,omitempty"` // shipped is what is not in every generation from this seq to the one before
	Generation   NumberedRef   `json:"generation"`
	StateRoot    layout.Digest `json:"state_root"`
	Objects      int           `json:"objects"` // that the generation refers to
	Bytes        int64         `json:"bytes"`   // of these
	Entries      CountedRef    `json:"entries"`
	Requires     CountedRef    `json:"requires"`
	Volumes      []Volume      `json:"volumes"`           // its length binds the number of volumes
	Skipped      []uint64      `json:"skipped,omitempty"` // seqs that were begun and never finished
	Created      layout.Time   `json:"created"`
	ExpectedNext layout.Time   `json:"expected_next,omitzero"`
	Tool         string        `json:"tool"`               // version; never the name of a host or a user
	Critical     []string      `json:"critical,omitempty"` // members that a reader must understand
}

// Kind says what a bundle carries.
type Kind string

// The kinds of bundle.
const (
	Full        Kind = "full"
	Incremental Kind = "incremental"
	CatalogOnly Kind = "catalog-only" // objects of held files may all be absent
)

// Before names the bundle before another in its stream.
type Before struct {
	Epoch  uint32        `json:"epoch"`
	Seq    uint64        `json:"seq"`
	Header layout.Digest `json:"header_sha256"`
}

// NumberedRef is a generation by its document.
type NumberedRef struct {
	Number uint64        `json:"number"`
	SHA256 layout.Digest `json:"sha256"`
	Size   int64         `json:"size"`
}

// CountedRef is a list in the bundle: its compressed bytes, and what it counts.
type CountedRef struct {
	SHA256 layout.Digest `json:"sha256"`
	Size   int64         `json:"size"`
	Count  int           `json:"count"`
	Bytes  int64         `json:"bytes,omitempty"` // of the objects in it
}

// Volume is one volume as the header binds it.
type Volume struct {
	Index  int           `json:"index"`         // from 1
	Files  int           `json:"files"`         // lines of VOLUME.jsonl
	Bytes  int64         `json:"bytes"`         // of these files
	SHA256 layout.Digest `json:"volume_sha256"` // of VOLUME.jsonl
}

// Entry is one shipped object: in one file, or in segments that are joined.
type Entry struct {
	SHA256   layout.Digest `json:"sha256"`
	Size     int64         `json:"size"`
	Volume   int           `json:"volume,omitempty"`
	Path     string        `json:"path,omitempty"`
	Segments []Segment     `json:"segments,omitempty"`
}

// Segment is a piece of an object that is larger than a volume or the largest
// file.
type Segment struct {
	Volume int           `json:"volume"`
	Path   string        `json:"path"`
	Offset int64         `json:"offset"`
	Size   int64         `json:"size"`
	SHA256 layout.Digest `json:"sha256"`
}

// Line is one file of a volume, a line of VOLUME.jsonl.
type Line struct {
	Path   string        `json:"path"`
	Size   int64         `json:"size"`
	SHA256 layout.Digest `json:"sha256"`
}
