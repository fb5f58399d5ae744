package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// signing is one run of bundle sign.
type signing struct {
	key, passphraseFile string
	dryRun              bool
}

// signReport is what bundle sign prints with --json (docs/json.md).
type signReport struct {
	*bundle.Report
	DryRun bool               `json:"dry_run"`
	Dir    string             `json:"dir"`    // that holds the volumes
	Signer verify.Fingerprint `json:"signer"` // whose signature was added
}

func (a *app) bundleSignCommand() *cobra.Command {
	var s signing
	cmd := &cobra.Command{
		Use:   "sign DIR --key FILE",
		Short: "Add the signature of a second person to a transfer bundle",
		Long: `Add a signature to the header and the generation of the transfer bundle in DIR, which
is its folder (NAME.partial until it is finished), or the medium that holds it. Any
machine will do: neither a store nor a configuration is needed. With --key the secret
key is read from FILE, armored; its passphrase is asked for or read from
--passphrase-file. Without it the key of the origin in the configuration signs.

Every byte of the bundle is checked before, as bundle verify does, and what is signed
is shown: compare state root and counts with the near side. A bundle that is damaged
is not signed.

It does not finish the bundle: that is done on the near side, with all signatures in
the folder, by patchferry export --to DIR.`,
		Example: "  patchferry bundle sign /media/disk --key second.key --dry-run\n  patchferry bundle sign /media/disk --key second.key",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := a.signingKey(cmd, &s)
			if err != nil {
				return err
			}
			return explainBundle(a.signBundle(cmd.Context(), args[0], key, s.dryRun))
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.key, "key", "", "`FILE` with the secret key that signs, in place of the configuration's")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "`FILE` whose first line opens that key")
	f.BoolVar(&s.dryRun, "dry-run", false, "check and show what would be signed, and sign nothing")
	return cmd
}

func (a *app) signingKey(cmd *cobra.Command, s *signing) (*verify.SecretKey, error) {
	if s.key != "" {
		return a.readSecret(cmd.Context(), s.key, s.passphraseFile)
	}
	l, err := a.load(cmd, nil)
	if err != nil {
		return nil, withHint(err, "patchferry bundle sign DIR --key FILE")
	}
	keys, err := a.openSigners(cmd.Context(), &l.Config)
	if err == nil && keys.origin == nil {
		err = withHint(usageError("a far side has no key that signs bundles"), "patchferry bundle sign DIR --key FILE")
	}
	return keys.origin, err
}

func (a *app) signBundle(ctx context.Context, dir string, key *verify.SecretKey, dryRun bool) error {
	folder, err := unfinishedBundle(dir)
	if err != nil {
		return err
	}
	b, err := bundle.Open(ctx, []string{folder}, nil, bundle.ReadOptions{})
	if err != nil {
		return err
	}
	defer b.Close() // it was only read
	r, err := b.Verify(ctx)
	if err != nil {
		return err
	}
	if !a.json {
		if err := a.printBundle(r); err != nil {
			return err
		}
	}
	if !dryRun {
		if err := bundle.AddSignature(ctx, folder, key, time.Now()); err != nil {
			return err
		}
	}
	if len(r.Missing) > 0 {
		a.note("not here: %d of the volumes; sign these as well", len(r.Missing))
	}
	return a.printSigned(&signReport{Report: r, DryRun: dryRun, Dir: folder, Signer: key.Fingerprint()})
}

func (a *app) printSigned(r *signReport) error {
	if a.json {
		return a.printJSON(r)
	}
	if r.DryRun {
		return a.printf("every file is right; dry run, nothing was signed\nkey  %s\n", r.Signer.Grouped())
	}
	return a.printf("every file is right; signed by %s\n\nnext: on the near side, with this folder: patchferry export --to DIR, DIR being what holds %s\n",
		r.Signer.Grouped(), filepath.Base(r.Dir))
}

// unfinishedBundle returns the folder that holds the volumes: dir itself, or the
// one bundle below it that waits for signatures.
func unfinishedBundle(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		switch {
		case e.IsDir() && strings.HasPrefix(e.Name(), "vol-"):
			return dir, nil
		case e.IsDir() && strings.HasSuffix(e.Name(), ".partial"):
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", withHint(usageError("%s holds no bundle that waits for signatures", dir),
			"name the folder of the bundle; patchferry export --to DIR --unsigned makes one")
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", &bundle.AmbiguousError{Dir: dir, Bundles: found}
}
