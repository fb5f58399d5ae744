package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/mirror"
	"patchferry/verify"
)

// nextKey is the secret key that takes the place of the origin's, until the
// change is complete.
const nextKey = "origin-next"

// rotating is one run of key rotate.
type rotating struct {
	newKey, passphraseFile, name string
	dryRun                       bool

	c    *config.Config
	j    *job
	made bool // the new key is of this run
}

// rotateReport is what key rotate prints with --json (docs/json.md).
type rotateReport struct {
	*mirror.RotateReport
	Ended  bool   `json:"ended,omitempty"`   // a change that was interrupted
	Key    string `json:"key,omitempty"`     // the new public key, for new far sides
	OldKey string `json:"old_key,omitempty"` // the old secret key, which nothing needs any more
}

func (a *app) keyRotateCommand() *cobra.Command {
	var r rotating
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Put a new key in the place of the origin's",
		Long: `Put a new signing key in the place of the origin's, of a near side. A statement that
is signed by both keys is recorded in a state and goes with every transfer bundle from
then on; a far side follows it from the key that it pinned, and from then on takes
nothing that the old key alone has signed. Nobody types anything there.

The new key is made here, or read from FILE (as gpg --armor --export-secret-keys writes
it; its passphrase is asked for or read from --passphrase-file). It is kept under the
passphrase of the other signing key. The old secret key is kept beside it under
another name: nothing needs it any more.

An interrupted change goes on where it stopped. A key that somebody else may have is
not replaced so: whoever has it can sign such a statement, too (docs/keys.md).`,
		Example: "  patchferry key rotate --dry-run\n  patchferry key rotate\n  patchferry key rotate --new-key origin-2027.asc --passphrase-file new.txt",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if l.Role == config.Far {
				return withHint(usageError("this is a far side: it follows the keys of its origin by itself"), "on the near side: patchferry key rotate")
			}
			r.c = &l.Config
			report, err := a.rotate(cmd.Context(), &r)
			if err != nil {
				return explainExport(err)
			}
			return a.printRotated(report)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.newKey, "new-key", "", "`FILE` with the new secret key, armored; without it one is made")
	f.StringVar(&r.passphraseFile, "passphrase-file", "", "`FILE` whose first line opens the key of --new-key")
	f.StringVar(&r.name, "name", "patchferry origin", "`NAME` in the user id of a key that is made")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what would be changed, and change nothing")
	return cmd
}

// rotate ends the change that was interrupted, or makes one.
func (a *app) rotate(ctx context.Context, r *rotating) (*rotateReport, error) {
	var err error
	if r.j, err = a.openJob(ctx, r.c, true, nil); err != nil {
		return nil, err
	}
	defer r.j.Close() // everything that was written is durable already
	report, err := a.endRotation(ctx, r)
	if report != nil || err != nil {
		return report, err
	}
	fresh, err := a.freshKey(ctx, r)
	if err != nil {
		return nil, err
	}
	// What would be refused leaves no key behind.
	made, err := r.j.Rotate(ctx, r.j.keys.origin, fresh, true)
	if err == nil {
		err = r.unpinned(fresh)
	}
	if err == nil && r.made {
		made.New = "" // another one is made when it counts
	}
	if err != nil || r.dryRun {
		return &rotateReport{RotateReport: made}, err
	}
	if err := r.keep(fresh); err != nil {
		return nil, err
	}
	if made, err = r.j.Rotate(ctx, r.j.keys.origin, fresh, false); err != nil {
		return nil, err
	}
	return r.settle(ctx, fresh, &rotateReport{RotateReport: made})
}

// unpinned makes sure that a key is nobody else's, and for nothing else.
func (r *rotating) unpinned(fresh *verify.SecretKey) error {
	for _, p := range r.j.site.trust.Pins.All() {
		if p.Fingerprint == fresh.Fingerprint() {
			return withHint(usageError("%s is pinned for %s here, and a key has one purpose and one owner", p.Fingerprint, p.Purpose), "give another --new-key, or none")
		}
	}
	return nil
}

// endRotation ends a change that is in the log of states, and whose new key has
// not taken the place of the old one on this machine yet.
func (a *app) endRotation(ctx context.Context, r *rotating) (*rotateReport, error) {
	all, err := mirror.Rotations(ctx, r.j.Trusted)
	if err != nil || len(all) == 0 || r.j.keys.origin.Fingerprint().String() != all[len(all)-1].Old {
		return nil, err
	}
	last := all[len(all)-1]
	fresh, err := a.freshKey(ctx, r)
	if err != nil {
		return nil, err
	}
	if fresh.Fingerprint().String() != last.New {
		return nil, withHint(fmt.Errorf("rotation %d has put %s in force, and its secret key is not in %s", last.Number, last.New, r.c.KeyFile(nextKey+".key")),
			"patchferry key rotate --new-key FILE, FILE being that key")
	}
	report := &rotateReport{RotateReport: &mirror.RotateReport{RotationReport: last, DryRun: r.dryRun}, Ended: true}
	if r.dryRun {
		return report, nil
	}
	if err := r.keep(fresh); err != nil {
		return nil, err
	}
	return r.settle(ctx, fresh, report)
}

// freshKey returns the key that is to be the origin's: the one of a file, or
// that of an interrupted run, or a new one.
func (a *app) freshKey(ctx context.Context, r *rotating) (*verify.SecretKey, error) {
	if r.newKey != "" {
		return a.readSecret(ctx, r.newKey, r.passphraseFile)
	}
	key, err := r.held()
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, err = verify.GenerateKey(r.name, time.Now())
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	r.made = true
	return key, nil
}

// held reads the new key of a change that was begun.
func (r *rotating) held() (*verify.SecretKey, error) {
	file := r.c.KeyFile(nextKey + ".key")
	armored, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the new key: %w", err)
	}
	key, err := verify.ReadSecret(bytes.NewReader(armored), r.j.keys.passphrase)
	if err != nil {
		return nil, withHint(fmt.Errorf("read the new key %s of a change that was begun: %w", file, err), "it has the passphrase that the other signing keys had then")
	}
	return key, nil
}

// keep writes the new secret key beside the old one, before anything else is
// changed. One that is there already is never written over: a state may name it.
func (r *rotating) keep(fresh *verify.SecretKey) error {
	there, err := r.held()
	switch {
	case err == nil && there.Fingerprint() == fresh.Fingerprint():
		return nil
	case err == nil:
		return withHint(fmt.Errorf("a change to the key %s was begun; nothing was changed", there.Fingerprint()),
			"patchferry key rotate goes on with it; to give it up, remove %s", r.c.KeyFile(nextKey+".key"))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	var secret bytes.Buffer
	if err := fresh.WriteSecret(&secret, r.j.keys.passphrase); err != nil {
		return fmt.Errorf("write the new key: %w", err)
	}
	return durable.WriteNew(r.c.KeyFile(nextKey+".key"), 0o600, secret.Bytes())
}

// settle gives the new key the place of the old one on this machine. Each step
// may be done again; the last one ends the change.
func (r *rotating) settle(ctx context.Context, fresh *verify.SecretKey, report *rotateReport) (*rotateReport, error) {
	old := r.j.keys.origin
	if _, err := keyDir(r.c).Add(ctx, old.Public(), old.Fingerprint()); err != nil {
		return report, err
	}
	pin := verify.Pin{
		Fingerprint: fresh.Fingerprint(), Purpose: verify.PurposeOrigin, AddedBy: actor(r.c), AddedAt: layout.At(time.Now()),
		Note: fmt.Sprintf("our own, by rotation %d", report.Number),
	}
	err := verify.PinFile{Path: r.c.KeyFile(pinsName)}.Update(ctx, func(pins *verify.Pins) error {
		if isPinned(pins, pin) {
			return nil
		}
		return pins.Add(pin)
	})
	if err != nil {
		return report, fmt.Errorf("pin the new key: %w", err)
	}
	var public bytes.Buffer
	if err := fresh.WritePublic(&public); err != nil {
		return report, fmt.Errorf("write the new key: %w", err)
	}
	report.Key = r.c.KeyFile(originKey + ".asc")
	if err := durable.Replace(report.Key, 0o644, public.Bytes()); err != nil {
		return report, err
	}
	secret := r.c.KeyFile(originKey + ".key")
	report.OldKey = r.c.KeyFile(originKey + "-" + old.Fingerprint().String() + ".key")
	kept, err := os.ReadFile(secret)
	if err == nil {
		err = durable.WriteNew(report.OldKey, 0o600, kept)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return report, fmt.Errorf("keep the old key: %w", err)
	}
	if err := os.Rename(r.c.KeyFile(nextKey+".key"), secret); err != nil {
		return report, fmt.Errorf("put the new key in the place of the old one: %w", err)
	}
	return report, durable.SyncDir(r.c.Path(r.c.Keys))
}

func (a *app) printRotated(r *rotateReport) error {
	if a.json {
		return a.printJSON(r)
	}
	old, fresh := verify.Fingerprint(r.Old).Grouped(), verify.Fingerprint(r.New).Grouped()
	if r.DryRun {
		if fresh == "" {
			fresh = "a key that is made then"
		}
		return a.printf("rotation %d, dry run: nothing was changed\nold  %s\nnew  %s\n", r.Number, old, fresh)
	}
	return a.printf("rotation %d\nold  %s\n     its secret key is now %s: nothing needs it any more, remove it and its copies\nnew  %s\n     its public key is %s\n\nnext: patchferry export --to DIR for each stream: its bundles tell the far sides, which follow\nby themselves. A new far side pins the new key.\n",
		r.Number, old, r.OldKey, fresh, r.Key)
}
