package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/configs"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/verify"
)

// farSetup is one run of init far.
type farSetup struct {
	setup
	originKey   string
	fingerprint string
}

// farReport is what init far prints with --json (docs/json.md).
type farReport struct {
	Config          string             `json:"config"`
	Store           string             `json:"store"`
	Keys            string             `json:"keys"`
	Name            string             `json:"name"`
	Origin          verify.Fingerprint `json:"origin"`            // whose bundles are believed
	SiteFingerprint verify.Fingerprint `json:"site_fingerprint"`  // what a near side pins for receipts
	SiteKey         string             `json:"site_key"`          // the file to carry there
	NearSide        []string           `json:"near_side"`         // the commands to type there
	Protected       bool               `json:"protected"`         // the key has a passphrase
	Missing         []lack             `json:"missing,omitempty"` // what the engine of a bucket does not honour
}

// introduction is what makes a near side believe the receipts and want files of
// this one: the key from the file, the fingerprint from another source.
func (r *farReport) introduction() []string {
	return []string{
		"patchferry key add " + filepath.Base(r.SiteKey),
		fmt.Sprintf("patchferry key pin %s --purpose %s --source %s", r.SiteFingerprint.Grouped(), verify.PurposeDestination, r.Name),
	}
}

func (a *app) initFarCommand() *cobra.Command {
	var s farSetup
	cmd := &cobra.Command{
		Use:   "far --name SITE --origin-key FILE --fingerprint FPR",
		Short: "Set up a far side: configuration, store, site key, and the origin that it believes",
		Long: `Make in DIR a commented patchferry.toml, an empty store, and the site key, which
signs the log of states and receipts; and pin the origin whose transfer bundles are
believed: its public key from FILE (keys/origin.asc of the near side), and its full
fingerprint, typed from another source than the file, as init near printed it.

With --store the store is made in a bucket that exists, on S3-compatible storage at a
loopback or private address, the one thing that this side ever reaches; what its
engine was found not to honour is printed.

What comes back over the gap, receipts and want files, the near side believes once it
has the site key and its fingerprint. Carry keys/site.asc there, read the fingerprint
out by another way, and type the two commands that are printed at the end.

The key is protected by a passphrase, which is asked for on a terminal or read from
--passphrase-file. An interrupted init goes on where it stopped; one that is complete
changes nothing and fails.`,
		Example: "  patchferry init far --dir mirror --name plant --origin-key origin.asc --fingerprint 'C374 0FC5 69A6 …'",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.initFar(cmd.Context(), s)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			a.noteLacks(r.Missing)
			return a.printFar(&r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.dir, "dir", ".", "`DIR`ectory to set up; made where it is missing")
	f.StringVar(&s.name, "name", "", "`SITE`, the name by which near sides address bundles to this one")
	f.StringVar(&s.originKey, "origin-key", "", "`FILE` with the public key of the near side")
	f.StringVar(&s.fingerprint, "fingerprint", "", "full fingerprint `FPR` of that key, from another source")
	f.BoolVar(&s.noPassphrase, "no-passphrase", false, "leave the key unprotected, for machines that start alone")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "`FILE` whose first line protects the key")
	storeFlag(cmd, &s.setup)
	return cmd
}

func (a *app) printFar(r *farReport) error {
	if err := a.printf("configuration  %s\nstore          %s\nkeys           %s\norigin         %s\nsite           %s\n\nnext: with a transfer bundle at hand\n  patchferry --config %s import DIR\n",
		r.Config, r.Store, r.Keys, r.Origin.Grouped(), r.SiteFingerprint.Grouped(), r.Config); err != nil {
		return err
	}
	return a.printf("\nwhere receipts or want files go back: carry %s to the near side and type there, with the fingerprint from another source than the file\n  %s\n",
		r.SiteKey, strings.Join(r.NearSide, "\n  "))
}

// initFar makes everything, the configuration last: it is the mark that all the
// rest is there.
func (a *app) initFar(ctx context.Context, s farSetup) (farReport, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return farReport{}, fmt.Errorf("find %s: %w", s.dir, err)
	}
	if s.far = true; a.closeOutlets != nil {
		a.closeOutlets()
	}
	c, err := s.config(dir)
	if err != nil {
		return farReport{}, err
	}
	r := farReport{Config: filepath.Join(dir, "patchferry.toml"), Store: c.StoreName(), Keys: filepath.Join(dir, "keys"), Name: s.name}
	if _, err := os.Lstat(r.Config); err == nil {
		return r, withHint(fmt.Errorf("set up %s: %s exists already; nothing was changed", dir, r.Config), "patchferry --config %s status", r.Config)
	}
	ring, err := s.origin(&r)
	if err != nil {
		return r, err
	}
	if s.passphrase, err = a.newPassphrase(ctx, s.setup); err != nil {
		return r, err
	}
	r.Protected = s.passphrase != nil
	for _, d := range []struct {
		name string
		mode fs.FileMode
	}{{dir, 0o755}, {r.Keys, 0o700}, {filepath.Join(dir, "work"), 0o755}} {
		if err := os.MkdirAll(d.name, d.mode); err != nil {
			return r, fmt.Errorf("set up %s: %w", dir, err)
		}
	}
	if r.SiteFingerprint, err = makeKey(r.Keys, siteKey, s.setup); err != nil {
		return r, err
	}
	r.SiteKey = filepath.Join(r.Keys, siteKey+".asc")
	r.NearSide = r.introduction()
	if _, err := (verify.KeyDir{Path: r.Keys}).Add(ctx, ring, r.Origin); err != nil {
		return r, err
	}
	if err := s.pin(ctx, r); err != nil {
		return r, fmt.Errorf("pin the keys: %w", err)
	}
	if r.Missing, err = makeOwnStore(ctx, c); err != nil {
		return r, err
	}
	return r, durable.WriteNew(r.Config, 0o644, []byte(farConfig(s)))
}

// origin reads the key of the near side and finds the typed fingerprint in it.
func (s *farSetup) origin(r *farReport) (*verify.Keyring, error) {
	if s.name == "" || s.originKey == "" || s.fingerprint == "" {
		return nil, withHint(usageError("init far needs --name, --origin-key and --fingerprint"), "patchferry init far --help")
	}
	if !siteName(s.name) {
		return nil, usageError("--name %q cannot be the name of a site; allowed: lower-case letters, digits and hyphens, a letter or digit first, at most 32", s.name)
	}
	var err error
	if r.Origin, err = verify.ParseFingerprint(s.fingerprint); err != nil {
		return nil, withHint(usageError("--fingerprint: %w", err), "type it as init near printed it, all 40 digits")
	}
	ring, err := verify.ReadKeyFile(s.originKey)
	if err != nil {
		return nil, withHint(err, "it is keys/origin.asc of the near side")
	}
	for _, f := range ring.Fingerprints() {
		if f == r.Origin {
			return ring, nil
		}
	}
	return nil, withHint(withCode(exitUntrusted, fmt.Errorf("%s does not hold the key %s; nothing was changed", s.originKey, r.Origin.Grouped())),
		"compare both with what init near printed; a file with another key is not the near side's")
}

// siteName reports whether a configuration takes the name.
func siteName(name string) bool {
	rest := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-")
	return rest == "" && len(name) <= 32 && name[0] != '-'
}

// pin pins the site's own key, and the origin that somebody typed.
func (s *farSetup) pin(ctx context.Context, r farReport) error {
	wanted := []verify.Pin{
		{Fingerprint: r.SiteFingerprint, Purpose: verify.PurposeSite, Note: "our own"},
		{Fingerprint: r.Origin, Purpose: verify.PurposeOrigin, Note: "typed at init far"},
	}
	return verify.PinFile{Path: filepath.Join(r.Keys, pinsName)}.Update(ctx, func(pins *verify.Pins) error {
		for _, p := range wanted {
			if isPinned(pins, p) {
				continue
			}
			p.AddedBy, p.AddedAt = "init far", layout.At(time.Now())
			if err := pins.Add(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// farConfig returns the example configuration with what the setup knows.
func farConfig(s farSetup) string {
	text := strings.Replace(s.withStore(configs.Far), `name  = "plant" `, "name  = "+strconv.Quote(s.name)+" ", 1)
	if s.passphraseFile == "" {
		return text
	}
	file, err := filepath.Abs(s.passphraseFile)
	if err != nil {
		file = s.passphraseFile
	}
	return strings.Replace(text, `#passphrase_file = "/etc/patchferry/passphrase"`, "passphrase_file = "+strconv.Quote(file), 1)
}
