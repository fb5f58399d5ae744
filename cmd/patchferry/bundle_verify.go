package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

func (a *app) bundleVerifyCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "verify DIR…",
		Short: "Check a transfer bundle to the last byte, on any machine",
		Long: `Check the transfer bundle in DIR to the last byte: the signatures of its header and
generation, its volumes, every file and every line of its lists. The medium is only
read, and no store is needed. Whether a far side would take it depends on what that
has accepted before; import says so.

The keys are those that the configuration pins as origins, or to which the store knows
that they were changed, as many of them as origin.threshold demands; with --key no
configuration is needed, and the certificates in FILE count, whoever they belong to:
compare the fingerprints that are printed. Changes of the origin's key that the bundle
carries are followed either way.`,
		Example: "  patchferry bundle verify /media/disk --key origin.asc",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := a.bundleVerifier(cmd, key)
			if err != nil {
				return err
			}
			return explainBundle(a.verifyBundle(cmd.Context(), args, v))
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "`FILE` of the origin's public keys, in place of the configuration's")
	return cmd
}

// bundleVerifier believes the keys in a file, or those of the configuration.
func (a *app) bundleVerifier(cmd *cobra.Command, file string) (*mirror.OriginVerifier, error) {
	if file == "" {
		l, err := a.load(cmd, nil)
		if err != nil {
			return nil, withHint(err, "patchferry bundle verify DIR --key FILE")
		}
		trust, err := readTrust(&l.Config)
		if err != nil {
			return nil, err
		}
		known, err := acceptedRotations(cmd.Context(), &l.Config)
		return &mirror.OriginVerifier{Trust: trust, Threshold: l.Origin.Threshold, Known: known}, err
	}
	ring, err := a.readKeys(file)
	if err != nil {
		return nil, err
	}
	pins := &verify.Pins{}
	for _, f := range ring.Fingerprints() {
		if f.IsV3() {
			continue // none of ours
		}
		if err := pins.Add(verify.Pin{Fingerprint: f, Purpose: verify.PurposeOrigin}); err != nil {
			return nil, err
		}
	}
	return &mirror.OriginVerifier{Trust: &verify.Trust{Keys: ring, Pins: pins}}, nil
}

func (a *app) verifyBundle(ctx context.Context, dirs []string, v bundle.Verifier) error {
	b, err := bundle.Open(ctx, dirs, v, bundle.ReadOptions{})
	if err != nil {
		return err
	}
	defer b.Close() // it was only read
	r, err := b.Verify(ctx)
	if err != nil {
		return err
	}
	if err := a.printBundle(r); err != nil {
		return err
	}
	return b.Waiting()
}

// explainBundle gives what is wrong with a bundle its exit status.
func explainBundle(err error) error {
	if bad, ok := errors.AsType[*bundle.Error](err); ok {
		switch bad.Code {
		case bundle.CodeMedium:
			return err
		case bundle.CodeIncomplete:
			return withHint(withCode(exitPart, err), "copy the bundle again")
		}
		return withHint(withCode(exitUntrusted, err), "%s", mirror.NextAfter(bad))
	}
	if waiting, ok := errors.AsType[*bundle.WaitingError](err); ok {
		return withCode(exitPart, fmt.Errorf("what is here is right; %w", waiting))
	}
	return explainMedium(err)
}

// explainMedium says what to name where no bundle was opened, since there are
// several, or none.
func explainMedium(err error) error {
	if many, ok := errors.AsType[*bundle.AmbiguousError](err); ok {
		return withHint(withCode(exitUsage, err), "name the folder of the next one, as in %s", filepath.Join(many.Dir, many.Bundles[len(many.Bundles)-1]))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(withCode(exitUsage, err), "name the folder of a bundle, one of its volumes, or the medium that holds it")
	}
	return err
}
