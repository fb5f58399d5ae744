package bundle

import (
	"errors"
	"fmt"
	"strings"

	"patchferry/layout"
)

// Names of the files at the root of a volume, and of those in its catalog
// folder (docs/bundle-format.md).
const (
	HeaderFile     = "HEADER.json"
	HeaderSigFile  = "HEADER.json.asc"
	VolumeFile     = "VOLUME.jsonl"
	SumsFile       = "SHA256SUMS"
	ReadmeFile     = "README.txt"
	GenerationFile = "catalog/generation.json"
	// GenerationSigFile is in no VOLUME.jsonl: a second signer adds to it
	// when the header is written.
	GenerationSigFile = "catalog/generation.json.asc"
	CatalogFile       = "catalog/catalog.jsonl.zst"
	NoticesFile       = "catalog/notices.jsonl.zst"
	EntriesFile       = "catalog/entries.jsonl.zst"
	RequiresFile      = "catalog/requires.txt.zst"
)

// Limits of names: characters of a component, and components of a path in a
// volume.
const (
	MaxName  = 64
	MaxDepth = 4
)

// partial ends the name of a bundle that is not finished.
const partial = ".partial"

// Name returns the folder of the bundle on a medium, "main-e001-s000042".
func (h *Header) Name() string {
	return fmt.Sprintf("%s-e%03d-s%06d", h.StreamName, h.Epoch, h.Seq)
}

// VolumeName returns the folder of a volume, "vol-001-of-003"; index counts
// from 1.
func VolumeName(index, of int) string { return fmt.Sprintf("vol-%03d-of-%03d", index, of) }

// objectsFolder begins the paths of whole objects.
const objectsFolder = "objects/"

// ObjectPath returns the path of a whole object in its volume.
func ObjectPath(d layout.Digest) string { return sharded("objects", d) }

// BulletinPath returns the path, in volume 1, of an original that a publisher
// signed, or of its signature.
func BulletinPath(d layout.Digest) string { return sharded("bulletins", d) }

// SegmentPath returns the path of a piece of an object in its volume; n counts
// from 1.
func SegmentPath(d layout.Digest, n int) string {
	return fmt.Sprintf("%s/%04d", sharded("segments", d), n)
}

// RotationPath returns the path of a rotation, the same in every volume; n
// counts from 1. Its signatures stand beside it, with ".asc" at the end.
func RotationPath(n int) string { return fmt.Sprintf("keys/rotate-%04d.json", n) }

func sharded(folder string, d layout.Digest) string {
	digits := d.String()
	return folder + "/" + digits[:2] + "/" + digits
}

// CheckPayloadName reports why a path may not stand in a volume, beside the
// capital names at its root: components of [a-z0-9._-], at most 64 characters
// each and 4 of them, none that Windows takes for a device or cannot keep.
func CheckPayloadName(p string) error {
	parts := strings.Split(p, "/")
	if len(parts) > MaxDepth {
		return fmt.Errorf("path %q is %d deep, more than %d", clip(p), len(parts), MaxDepth)
	}
	for _, part := range parts {
		if len(part) > MaxName {
			return fmt.Errorf("path %q has a component of more than %d characters", clip(p), MaxName)
		}
	}
	if strings.ContainsFunc(p, func(r rune) bool { return r != '/' && !plain(r) }) {
		return fmt.Errorf("path %q has other characters than a-z, 0-9, dot, underscore and hyphen", clip(p))
	}
	return layout.CheckPath(p)
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
}

// clip cuts text from outside for an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// checkBundleName holds the folder of a bundle to what every medium can keep,
// with room for the ending that it has until it is finished.
func (h *Header) checkBundleName() error {
	if h.StreamName == "" {
		return errors.New("the bundle's stream has no name")
	}
	name := h.Name() + partial
	if strings.Contains(name, "/") {
		return fmt.Errorf("the stream's name %q cannot be a folder", clip(h.StreamName))
	}
	if err := CheckPayloadName(name); err != nil {
		return fmt.Errorf("name of the bundle: %w", err)
	}
	return nil
}
