package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// MaxSignature is the most bytes that the signatures of one document take,
// armored.
const MaxSignature = 64 << 10

// signatureEnding ends the name of what holds the signatures of a document.
const signatureEnding = ".asc"

// ReadOptions bounds what a bundle may cost to read. To exceed one is a
// refusal with CodeLimit. Every object costs up to 500 bytes of memory.
type ReadOptions struct {
	MaxFiles     int   // files in all volumes, shipped objects, and required ones, each; 0 is 2 million
	MaxLines     int   // updates in the catalog, and notices; 0 is 10 million
	MaxPlain     int64 // bytes of one list after decompression; 0 is 16 GiB
	MaxListBytes int64 // bytes of one list on the medium; 0 is 4 GiB
}

func (o ReadOptions) orDefault() ReadOptions {
	if o.MaxFiles <= 0 {
		o.MaxFiles = 2_000_000
	}
	if o.MaxLines <= 0 {
		o.MaxLines = 10_000_000
	}
	if o.MaxPlain <= 0 {
		o.MaxPlain = 16 << 30
	}
	if o.MaxListBytes <= 0 {
		o.MaxListBytes = 4 << 30
	}
	return o
}

// Bundle is a bundle that is being read. Open verifies its header, and nothing
// more: Census holds the volumes to the header, Load the lists to both, and
// only then can objects be copied.
//
// Census and Load are for one goroutine; after them all other methods may be
// called concurrently. Close ends it.
type Bundle struct {
	header    *Header
	doc, sig  []byte
	signers   []string
	rotations []rotation
	volumes   []*volume // by index-1; nil where it is absent
	opt       ReadOptions
	verifier  Verifier // nil: nobody verified anything
	counted   bool     // the census is done
	lists     *lists   // nil until Load
}

// Open finds the volumes of one bundle in the directories, which may be given
// in any order, and be the root of a medium, the folder of the bundle, or a
// volume. It reads rotations and header and lets v judge their signatures
// before it opens any other file, and parses the header after that. A bundle
// may lack volumes (Waiting); a volume with another header refuses it.
//
// Rotations are followed if v is a RotationVerifier, else ignored. Without a
// verifier nothing is verified, which is for Inspect and people alone:
// Verified says so.
//
// A refusal is an *Error, a directory with several bundles an
// *AmbiguousError, and one with none matches fs.ErrNotExist.
func Open(ctx context.Context, dirs []string, v Verifier, opt ReadOptions) (*Bundle, error) {
	found, err := locate(ctx, dirs)
	if err != nil {
		return nil, err
	}
	b := &Bundle{opt: opt.orDefault(), verifier: v}
	if err := b.open(ctx, found); err != nil {
		closeAll(found)
		return nil, err
	}
	return b, nil
}

func (b *Bundle) open(ctx context.Context, found []*volume) error {
	first := found[0]
	var err error
	if b.doc, b.sig, err = first.readHeader(b.verifier != nil); err != nil {
		return err
	}
	if err := b.verify(first); err != nil {
		return err
	}
	if b.header, err = ParseHeader(b.doc); err != nil {
		return err
	}
	for _, r := range b.rotations {
		if r.parsed.Origin != b.header.Origin {
			return &Error{Code: CodeKey, Where: RotationPath(r.parsed.Number), Reason: fmt.Sprintf("is of the origin %s, and the bundle of %s", r.parsed.Origin, b.header.Origin)}
		}
	}
	if err := b.checkSizes(); err != nil {
		return err
	}
	b.volumes = make([]*volume, len(b.header.Volumes))
	for _, v := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.add(v); err != nil {
			return err
		}
	}
	return nil
}

// readHeader reads the header of a volume and its signatures, which may be
// missing where nobody asks for them.
func (v *volume) readHeader(signed bool) (doc, sig []byte, err error) {
	if doc, err = v.read(HeaderFile, MaxHeader); err != nil {
		return nil, nil, err
	}
	sig, err = v.read(HeaderSigFile, MaxSignature)
	if missing(err) {
		if signed {
			return nil, nil, v.refuse(CodeSignature, HeaderFile, "is not signed: "+HeaderSigFile+" is missing", nil)
		}
		return doc, nil, nil
	}
	return doc, sig, err
}

// verify walks the rotations and has the header's signatures judged.
func (b *Bundle) verify(first *volume) (err error) {
	if b.rotations, err = first.readRotations(); err != nil || b.verifier == nil {
		return err
	}
	if v, ok := b.verifier.(RotationVerifier); ok {
		if err := b.walk(v); err != nil {
			return err
		}
	}
	b.signers, err = b.verifier.Verify(b.doc, b.sig)
	if err != nil {
		return unsigned(first.name+"/"+HeaderFile, "is not signed by the keys that are trusted", err)
	}
	return nil
}

// unsigned makes the refusal of a document whose signatures do not count. A
// verifier that names a code keeps it, and need not know which document it was.
func unsigned(where, reason string, err error) error {
	if ours := (*Error)(nil); errors.As(err, &ours) {
		if ours.Where != "" {
			return ours
		}
		return &Error{Code: ours.Code, Where: where, Reason: ours.Reason, Err: ours.Err}
	}
	return &Error{Code: CodeSignature, Where: where, Reason: reason, Err: err}
}

// checkSizes holds what the header announces to the limits of this reader.
func (b *Bundle) checkSizes() error {
	files := 0
	for _, v := range b.header.Volumes {
		if v.Files > b.opt.MaxFiles-files {
			return refuseHeader(CodeLimit, fmt.Sprintf("announces more than %d files", b.opt.MaxFiles))
		}
		files += v.Files
	}
	for _, ref := range [...]CountedRef{b.header.Entries, b.header.Requires} {
		if ref.Count > b.opt.MaxFiles || ref.Size > b.opt.MaxListBytes {
			return refuseHeader(CodeLimit, fmt.Sprintf("announces a list of %d objects in %d bytes", ref.Count, ref.Size))
		}
	}
	return nil
}

// add takes a volume in if it belongs to this bundle.
func (b *Bundle) add(v *volume) error {
	doc, sig, err := v.readHeader(b.verifier != nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(doc, b.doc) {
		return v.refuse(CodeDigest, HeaderFile, "is of another bundle, or another edition of this one", nil)
	}
	if b.verifier != nil && !bytes.Equal(sig, b.sig) {
		if _, err := b.verifier.Verify(doc, sig); err != nil {
			return unsigned(v.name+"/"+HeaderFile, "is not signed by the keys that are trusted", err)
		}
	}
	if v.of != len(b.volumes) {
		return v.refuse(CodePath, "", fmt.Sprintf("is named as one of %d volumes; the bundle has %d", v.of, len(b.volumes)), nil)
	}
	if b.volumes[v.index-1] != nil {
		return v.refuse(CodeFormat, "", "is here twice; name the directory of one", nil)
	}
	b.volumes[v.index-1] = v
	return nil
}

// Close lets the directories go.
func (b *Bundle) Close() error {
	closeAll(b.volumes)
	return nil
}

// Header returns what the header says. It must not be changed.
func (b *Bundle) Header() *Header { return b.header }

// HeaderBytes returns the exact bytes of the header and its signatures. They
// must not be changed.
func (b *Bundle) HeaderBytes() (doc, sig []byte) { return b.doc, b.sig }

// Verified reports whether a verifier accepted the header.
func (b *Bundle) Verified() bool { return b.verifier != nil }

// Signers returns the fingerprints of the certificates whose signatures of the
// header count.
func (b *Bundle) Signers() []string { return slices.Clone(b.signers) }

// Rotations returns the rotations that the bundle carries, in their order.
func (b *Bundle) Rotations() []Rotation {
	all := make([]Rotation, 0, len(b.rotations))
	for _, r := range b.rotations {
		all = append(all, *r.parsed)
	}
	return all
}

// WaitingError says that whole volumes are not here yet: no refusal, the same
// command goes on when they are.
type WaitingError struct {
	Of      int   // volumes of the bundle
	Missing []int // their indexes, ascending
}

// Error implements error.
func (e *WaitingError) Error() string {
	return fmt.Sprintf("waiting for %d of %d volumes: %s", len(e.Missing), e.Of, listed(e.Missing))
}

// listed returns numbers as people write them, "2, 3".
func listed(numbers []int) string {
	text := ""
	for i, n := range numbers {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(n)
	}
	return text
}

// Waiting returns a *WaitingError where volumes of the bundle are absent, and
// nil where all are here.
func (b *Bundle) Waiting() error {
	var absent []int
	for i, v := range b.volumes {
		if v == nil {
			absent = append(absent, i+1)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	return &WaitingError{Of: len(b.volumes), Missing: absent}
}

// Present returns the indexes of the volumes that are here, ascending.
func (b *Bundle) Present() []int {
	var here []int
	for i, v := range b.volumes {
		if v != nil {
			here = append(here, i+1)
		}
	}
	return here
}

// at returns the volume with that index, or what is being waited for.
func (b *Bundle) at(index int) (*volume, error) {
	if index < 1 || index > len(b.volumes) {
		return nil, &Error{Code: CodeCount, Reason: fmt.Sprintf("volume %d of %d does not exist", index, len(b.volumes))}
	}
	if b.volumes[index-1] == nil {
		return nil, &WaitingError{Of: len(b.volumes), Missing: []int{index}}
	}
	return b.volumes[index-1], nil
}
