package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"patchferry/layout"
)

// ErrUnsigned says that a bundle cannot be finished before somebody has signed
// it.
var ErrUnsigned = errors.New("the bundle is not signed")

// AddSignature signs the header, and the generation where volume 1 is there, of
// the bundle in dir, which may be unfinished, and adds the signatures to those
// that are there, in every volume below dir. Signing again with the same key
// replaces its signature. It needs nothing but the folder, so that a second
// person can do it on another machine.
//
// It is the caller's to have checked what is signed, see Open; here it is only
// made sure that all volumes have one header and that the generation is the one
// that it names.
func AddSignature(ctx context.Context, dir string, s Signer, at time.Time) error {
	parent, name, err := place(dir)
	if err != nil {
		return fmt.Errorf("sign %s: %w", dir, err)
	}
	t, err := openTarget(parent)
	if err != nil {
		return fmt.Errorf("sign %s: %w", dir, err)
	}
	err = addSignature(ctx, t, name, s, at)
	if err = errors.Join(err, t.close()); err != nil {
		return fmt.Errorf("sign %s: %w", dir, err)
	}
	return nil
}

func addSignature(ctx context.Context, t target, folder string, s Signer, at time.Time) error {
	volumes, err := volumesIn(t, folder)
	if err != nil {
		return err
	}
	header, err := commonHeader(t, volumes)
	if err != nil {
		return err
	}
	if err := signGeneration(t, volumes, header, s, at); err != nil {
		return err
	}
	sigs := make([][]byte, 0, len(volumes)+1)
	for _, v := range volumes {
		sig, err := readSignatureFile(t, v+"/"+HeaderSigFile)
		if err != nil {
			return err
		}
		sigs = append(sigs, sig)
	}
	own, err := s.Sign(header, at)
	if err != nil {
		return fmt.Errorf("sign the header: %w", err)
	}
	all, err := joinSignatures(append(sigs, own)...)
	if err != nil {
		return fmt.Errorf("%s: %w", HeaderSigFile, err)
	}
	for _, v := range volumes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := replaceSmall(t, v+"/"+HeaderSigFile, all); err != nil {
			return err
		}
	}
	return nil
}

// commonHeader returns the header that all the volumes have.
func commonHeader(t target, volumes []string) ([]byte, error) {
	var header []byte
	for _, v := range volumes {
		doc, err := readSmall(t, v+"/"+HeaderFile, MaxHeader)
		if err != nil {
			return nil, err
		}
		if header != nil && !bytes.Equal(doc, header) {
			return nil, fmt.Errorf("%s: %s is that of another bundle", v, HeaderFile)
		}
		header = doc
	}
	if header == nil {
		return nil, errors.New("there is no volume")
	}
	return header, nil
}

// signGeneration adds a signature to the generation, where volume 1 is there.
func signGeneration(t target, volumes []string, header []byte, s Signer, at time.Time) error {
	h, err := ParseHeader(header)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		doc, err := readSmall(t, v+"/"+GenerationFile, maxGeneration)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if layout.DigestOf(doc) != h.Generation.SHA256 {
			return fmt.Errorf("%s/%s is not the generation that the header names", v, GenerationFile)
		}
		there, err := readSignatureFile(t, v+"/"+GenerationSigFile)
		if err != nil {
			return err
		}
		own, err := s.Sign(doc, at)
		if err != nil {
			return fmt.Errorf("sign the generation: %w", err)
		}
		all, err := joinSignatures(there, own)
		if err != nil {
			return fmt.Errorf("%s: %w", GenerationSigFile, err)
		}
		if err := replaceSmall(t, v+"/"+GenerationSigFile, all); err != nil {
			return err
		}
	}
	return nil
}

// readSignatureFile returns a file of signatures, empty where there is none.
func readSignatureFile(t target, name string) ([]byte, error) {
	sig, err := readSmall(t, name, MaxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return sig, err
}
