package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/verify"
)

// keyAddReport is one line of key add with --json (docs/json.md).
type keyAddReport struct {
	From         string          `json:"from"`
	Certificates []addedReport   `json:"certificates"`
	Skipped      []skippedReport `json:"skipped"`
}

// addedReport is a certificate that was copied into the directory of keys.
type addedReport struct {
	certificateReport
	Result verify.Added     `json:"result"`
	File   string           `json:"file"`
	Pinned []verify.Purpose `json:"pinned"` // for what it is pinned already
}

// skippedReport is something in a key file that cannot be used.
type skippedReport struct {
	Block       int                `json:"block"`
	Fingerprint verify.Fingerprint `json:"fingerprint,omitempty"`
	Reason      string             `json:"reason"`
}

func (a *app) keyAddCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE…",
		Short: "Copy public keys into the directory of keys; this trusts nothing",
		Long: `Read key files, armored (every block in them, whatever stands between) or binary,
and copy each certificate to keys/FINGERPRINT.asc. Where a version of it is there,
the two are merged. FILE may be - for standard input. A secret key is refused, and
then nothing is copied.

Nothing is trusted by this: compare the fingerprint with a second source and type
it to patchferry key pin.`,
		Example: "  patchferry key add msrc.asc\n  curl -s https://publisher.example/key.asc | patchferry key add -",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			keys, err := openKeys(&l.Config)
			if err != nil {
				return err
			}
			return a.keyAdd(cmd.Context(), keys, args)
		},
	}
}

func (a *app) keyAdd(ctx context.Context, keys *keyStore, names []string) error {
	pins, err := keys.loadPins()
	if err != nil {
		return err
	}
	rings := make([]*verify.Keyring, len(names))
	for i, name := range names {
		if rings[i], err = a.readKeys(name); err != nil {
			return fmt.Errorf("%w; nothing was copied", err)
		}
	}
	for i, name := range names {
		r := keyAddReport{From: name, Certificates: []addedReport{}, Skipped: []skippedReport{}}
		for _, c := range rings[i].Certificates() {
			added, err := keys.dir.Add(ctx, rings[i], c.Fingerprint)
			if err != nil {
				return err
			}
			r.Certificates = append(r.Certificates, addedReport{
				certificateReport: reportCertificate(c), Result: added,
				File: keys.dir.File(c.Fingerprint), Pinned: purposesOf(pins, c.Fingerprint),
			})
		}
		for _, s := range rings[i].Skipped() {
			r.Skipped = append(r.Skipped, skippedReport{Block: s.Block, Fingerprint: s.Fingerprint, Reason: s.Reason})
		}
		if err := a.printAdded(r, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// readKeys reads a key file, "-" for standard input.
func (a *app) readKeys(name string) (*verify.Keyring, error) {
	if name == "-" {
		ring, err := verify.ReadKeyring(a.stdin)
		if err != nil {
			return nil, fmt.Errorf("read the key from standard input: %w", err)
		}
		return ring, nil
	}
	ring, err := verify.ReadKeyFile(name)
	return ring, withHint(err, "a public key is wanted, as gpg --armor --export FINGERPRINT writes it")
}

func purposesOf(pins *verify.Pins, f verify.Fingerprint) []verify.Purpose {
	all := []verify.Purpose{}
	for _, p := range pins.All() {
		if p.Fingerprint == f {
			all = append(all, p.Purpose)
		}
	}
	return all
}

func (a *app) printAdded(r keyAddReport, now time.Time) error {
	if a.json {
		return a.printJSON(r)
	}
	results := map[verify.Added]string{
		verify.AddedNew:     "copied to",
		verify.AddedMerged:  "joined the version in",
		verify.AddedPresent: "was there already, in",
	}
	var b strings.Builder
	unpinned := false
	for _, c := range r.Certificates {
		fmt.Fprintf(&b, "%s\n", c.Fingerprint.Grouped())
		for _, line := range c.lines(now) {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		if problem := c.problem(verify.PurposeBulletin, now); c.Revoked {
			fmt.Fprintf(&b, "    %s\n", problem)
		}
		fmt.Fprintf(&b, "    %s %s\n", results[c.Result], c.File)
		if len(c.Pinned) > 0 {
			fmt.Fprintf(&b, "    pinned for %s\n", joined(c.Pinned))
		}
		unpinned = unpinned || len(c.Pinned) == 0
	}
	for _, s := range r.Skipped {
		of := ""
		if s.Fingerprint != "" {
			of = " of " + s.Fingerprint.String()
		}
		fmt.Fprintf(&b, "left out: block %d%s: %s\n", s.Block, of, printable(s.Reason))
	}
	if unpinned {
		// The digits stay out of the command to type: whoever copies them from
		// here has compared nothing.
		b.WriteString("\nNothing is trusted by this. Compare the fingerprint with a second source, then type it:\n" +
			"  patchferry key pin … --purpose bulletin    a publisher's; origin: a near side's; destination: a far side's\n")
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
