package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// SignaturesError says that a bundle waits for signatures: it is whole and
// keeps the name NAME.partial until enough certificates have signed it. It
// matches ErrPartial.
type SignaturesError struct {
	Dir     string   // that holds the volumes
	Signers []string // fingerprints of those that count
	Want    int      // how many must sign
}

// Error implements error.
func (e *SignaturesError) Error() string {
	return fmt.Sprintf("%s is signed by %d of the %d certificates that must sign", filepath.Base(e.Dir), len(e.Signers), e.Want)
}

// Is reports whether target is ErrPartial.
func (e *SignaturesError) Is(target error) bool { return target == ErrPartial }

// sign adds the origin's own signature to an unfinished bundle, unless it is
// to be left out, and looks whether enough have signed. A bundle that was to be
// left unsigned and has not enough is no error: the report says so.
func (x *export) sign(ctx context.Context, dir string, r *ExportReport) error {
	if !x.opt.Unsigned {
		signer, err := x.m.proven(ctx)
		if err != nil {
			return err
		}
		if err := bundle.AddSignature(ctx, dir, signer, x.content.Header.Created.Time()); err != nil {
			return err
		}
	}
	var err error
	if r.Signers, err = x.signers(dir); err != nil {
		return err
	}
	r.Unfinished = len(r.Signers) < x.threshold()
	if r.Unfinished && !x.opt.Unsigned {
		return &SignaturesError{Dir: dir, Signers: r.Signers, Want: x.threshold()}
	}
	return nil
}

func (x *export) threshold() int { return max(x.opt.Threshold, 1) }

// verifier holds the signatures of one reading of the bundle to what a far side
// with the same pins would.
func (x *export) verifier(threshold int) *OriginVerifier {
	return &OriginVerifier{Trust: x.m.Trusted.Trust, Threshold: threshold, Known: x.rotations}
}

// signers returns whose signatures of both header and generation count.
func (x *export) signers(dir string) ([]string, error) {
	plan, err := x.writer().Plan(x.content)
	if err != nil {
		return nil, err
	}
	volume := filepath.Join(dir, bundle.VolumeName(1, len(plan.Volumes())))
	header, err := readAtMost(filepath.Join(volume, bundle.HeaderFile), bundle.MaxHeader)
	if err != nil {
		return nil, err
	}
	first, err := x.signersOf(header, filepath.Join(volume, bundle.HeaderSigFile))
	if err != nil {
		return nil, err
	}
	second, err := x.signersOf(x.content.Generation.Document, filepath.Join(volume, filepath.FromSlash(bundle.GenerationSigFile)))
	return slices.DeleteFunc(first, func(s string) bool { return !slices.Contains(second, s) }), err
}

// signersOf returns whose signatures of one document count. None is no error,
// nor are those by keys that nobody pinned.
func (x *export) signersOf(doc []byte, name string) ([]string, error) {
	sig, err := readAtMost(name, bundle.MaxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	signers, err := x.verifier(1).Verify(doc, sig)
	if bad, ok := errors.AsType[*bundle.Error](err); ok && bad.Code == CodeKey {
		return nil, nil
	}
	return signers, err
}

// readAtMost reads a whole small file.
func readAtMost(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	doc, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(doc)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return doc, err
}

// carry puts the rotations of the origin's key into the bundle: all that were
// in force when it was begun.
func (x *export) carry(ctx context.Context, out *layout.Outbound) (err error) {
	if x.rotations, err = x.m.Trusted.Rotations(ctx, x.state); err != nil {
		return err
	}
	count := len(x.rotations)
	if begun, ok := begunExport(out); ok && x.content.Recorded != nil {
		count = min(count, begun.Rotations)
	}
	x.content.Rotations = signedRotations(x.rotations[:count])
	return nil
}

// mayFinish makes sure, before a header is recorded, that the signing key of
// this side counts: what is begun with one that was replaced can only be given
// up.
func (x *export) mayFinish(ctx context.Context) error {
	if x.opt.DryRun || x.opt.Unsigned {
		return nil
	}
	signer, err := x.m.proven(ctx)
	if err != nil {
		return err
	}
	_, err = signer.Sign(x.content.Generation.Document, x.content.Header.Created.Time())
	return err
}

func signedRotations(all []verify.Rotation) []bundle.SignedDocument {
	var docs []bundle.SignedDocument
	for _, r := range all {
		docs = append(docs, bundle.SignedDocument{Document: r.Document, Signature: r.Signature})
	}
	return docs
}

// generationSigned makes sure that enough have signed the generation on the
// medium. Their signatures are kept with the lists of the bundle.
func (x *export) generationSigned(dir string, volumes int) error {
	name := filepath.Join(dir, bundle.VolumeName(1, volumes), filepath.FromSlash(bundle.GenerationSigFile))
	sig, err := readAtMost(name, bundle.MaxSignature)
	if err != nil {
		return err
	}
	_, err = x.verifier(x.threshold()).Verify(x.content.Generation.Document, sig)
	return err
}
