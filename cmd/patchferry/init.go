package main

import (
	"bytes"
	"context"
	"errors"
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

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "init",
		Short:   "Set up a new mirror",
		Example: "  patchferry init near --dir mirror\n  patchferry init far --dir mirror --name plant --origin-key origin.asc --fingerprint 'C374 0FC5 69A6 …'",
		Long:    "Set up a new mirror: a near side, which has the Internet, or a far side, to which everything is carried.",
	}
	group(cmd)
	cmd.AddCommand(a.initNearCommand(), a.initFarCommand())
	return cmd
}

// setup is one run of init near, or what is common to it and init far.
type setup struct {
	dir            string
	store          string // a bucket's URL, empty for a directory
	name           string
	far            bool
	noPassphrase   bool
	passphraseFile string
	passphrase     []byte
}

// command returns the command of this run as it stands in hints, and which
// keys it makes.
func (s *setup) command() (command, keys string) {
	if s.far {
		return fmt.Sprintf("patchferry init far --dir %s --name %s …", s.dir, s.name), "site key"
	}
	return "patchferry init near --dir " + s.dir, "signing keys"
}

// setupReport is what init near prints with --json (docs/json.md).
type setupReport struct {
	Config          string             `json:"config"`
	Store           string             `json:"store"`
	Keys            string             `json:"keys"`
	Fingerprint     verify.Fingerprint `json:"fingerprint"` // of the origin's key: what a far side pins
	SiteFingerprint verify.Fingerprint `json:"site_fingerprint"`
	Protected       bool               `json:"protected"`         // the keys have a passphrase
	Missing         []lack             `json:"missing,omitempty"` // what the engine of a bucket does not honour
}

func (a *app) initNearCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "near",
		Short: "Set up a near side: configuration, store and signing keys",
		Long: `Make in DIR a commented patchferry.toml, an empty store, and the two signing keys
with the pins that trust them: origin signs generations of the catalog, site the
log of states. The fingerprint that is printed is the origin's; a far side pins it.

With --store the store is made in a bucket that exists, on S3-compatible storage,
and what its engine was found not to honour is printed.

The keys are protected by a passphrase, which is asked for on a terminal or read
from --passphrase-file; without a terminal nothing asks. An interrupted init goes
on where it stopped; one that is complete changes nothing and fails.`,
		Example: "  patchferry init near --dir mirror\n  patchferry init near --dir mirror --no-passphrase --json\n" +
			"  patchferry init near --dir mirror --store 's3://updates?endpoint=https://10.1.2.3:9000&credentials=keys/bucket'",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := a.initNear(cmd.Context(), s)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(report)
			}
			a.noteLacks(report.Missing)
			return a.printf("configuration  %s\nstore          %s\nkeys           %s\norigin         %s\nsite           %s\n\nnext: add a [[source]] to the configuration, then\n  patchferry --config %s sync\n",
				report.Config, report.Store, report.Keys, report.Fingerprint.Grouped(), report.SiteFingerprint.Grouped(), report.Config)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.dir, "dir", ".", "`DIR`ectory to set up; made where it is missing")
	f.StringVar(&s.name, "name", "patchferry", "`NAME` in the user ids of the keys")
	f.BoolVar(&s.noPassphrase, "no-passphrase", false, "leave the keys unprotected, for machines that start alone")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "`FILE` whose first line protects the keys")
	storeFlag(cmd, &s)
	return cmd
}

// initNear makes everything, the configuration last: it is the mark that all
// the rest is there.
func (a *app) initNear(ctx context.Context, s setup) (setupReport, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return setupReport{}, fmt.Errorf("find %s: %w", s.dir, err)
	}
	c, err := s.config(dir)
	if err != nil {
		return setupReport{}, err
	}
	r := setupReport{Config: filepath.Join(dir, "patchferry.toml"), Store: c.StoreName(), Keys: filepath.Join(dir, "keys")}
	if _, err := os.Lstat(r.Config); err == nil {
		return r, withHint(fmt.Errorf("set up %s: %s exists already; nothing was changed", dir, r.Config),
			"patchferry --config %s status", r.Config)
	}
	if s.passphrase, err = a.newPassphrase(ctx, s); err != nil {
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
	if r.Fingerprint, err = makeKey(r.Keys, originKey, s); err != nil {
		return r, err
	}
	if r.SiteFingerprint, err = makeKey(r.Keys, siteKey, s); err != nil {
		return r, err
	}
	if err := pinOwn(ctx, filepath.Join(r.Keys, pinsName), r); err != nil {
		return r, err
	}
	if r.Missing, err = makeOwnStore(ctx, c); err != nil {
		return r, err
	}
	return r, durable.WriteNew(r.Config, 0o644, []byte(nearConfig(s)))
}

// nearConfig returns the example configuration with what the setup knows.
func nearConfig(s setup) string {
	text := s.withStore(configs.Near)
	if s.passphraseFile == "" {
		return text
	}
	file, err := filepath.Abs(s.passphraseFile)
	if err != nil {
		file = s.passphraseFile
	}
	const example = `#passphrase_file = "/etc/patchferry/passphrase"`
	return strings.Replace(text, example, "passphrase_file = "+strconv.Quote(file), 1)
}

// newPassphrase returns what protects the new keys, nil for nothing.
func (a *app) newPassphrase(ctx context.Context, s setup) ([]byte, error) {
	command, keys := s.command()
	switch {
	case s.noPassphrase && s.passphraseFile != "":
		return nil, usageError("--no-passphrase and --passphrase-file exclude each other")
	case s.noPassphrase:
		return nil, nil
	case s.passphraseFile != "":
		return readPassphrase(s.passphraseFile)
	case !isTerminal(a.stdin):
		return nil, withHint(usageError("a passphrase is needed for the %s, and there is no terminal to ask on", keys),
			"%s, with --passphrase-file FILE or --no-passphrase", command)
	}
	first, err := a.ask(ctx, "New passphrase for the "+keys+": ")
	if err != nil {
		return nil, err
	}
	second, err := a.ask(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || !bytes.Equal(first, second) {
		return nil, usageError("the passphrases are empty or differ; nothing was changed")
	}
	return first, nil
}

// makeKey makes a signing key with its public half, or takes up the one that
// an interrupted run made.
func makeKey(dir, name string, s setup) (verify.Fingerprint, error) {
	secretFile := filepath.Join(dir, name+".key")
	publicFile := filepath.Join(dir, name+".asc")
	key, err := takeUpKey(secretFile, s.passphrase)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newKey(secretFile, s.name+" "+name, s.passphrase)
	}
	if err != nil {
		return "", err
	}
	var public bytes.Buffer
	if err := key.WritePublic(&public); err != nil {
		return "", fmt.Errorf("write %s: %w", publicFile, err)
	}
	if err := durable.WriteNew(publicFile, 0o644, public.Bytes()); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return key.Fingerprint(), nil
}

func takeUpKey(file string, passphrase []byte) (*verify.SecretKey, error) {
	armored, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	key, err := verify.ReadSecret(bytes.NewReader(armored), passphrase)
	if err != nil {
		return nil, withHint(fmt.Errorf("take up the signing key %s of an interrupted init: %w", file, err),
			"give the same passphrase as then, or remove the directory and begin again")
	}
	return key, nil
}

func newKey(file, name string, passphrase []byte) (*verify.SecretKey, error) {
	key, err := verify.GenerateKey(name, time.Now())
	if err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	var secret bytes.Buffer
	if err := key.WriteSecret(&secret, passphrase); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	return key, durable.WriteNew(file, 0o600, secret.Bytes())
}

// pinOwn pins the two keys, each for its own purpose.
func pinOwn(ctx context.Context, file string, r setupReport) error {
	own := []verify.Pin{
		{Fingerprint: r.Fingerprint, Purpose: verify.PurposeOrigin},
		{Fingerprint: r.SiteFingerprint, Purpose: verify.PurposeSite},
	}
	err := verify.PinFile{Path: file}.Update(ctx, func(pins *verify.Pins) error {
		for _, p := range own {
			if isPinned(pins, p) {
				continue
			}
			p.Note, p.AddedBy, p.AddedAt = "our own", "init near", layout.At(time.Now())
			if err := pins.Add(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pin the keys: %w", err)
	}
	return nil
}

func isPinned(pins *verify.Pins, want verify.Pin) bool {
	for _, p := range pins.For(want.Purpose) {
		if p.Fingerprint == want.Fingerprint {
			return true
		}
	}
	return false
}
