package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/verify"
)

// The sources of bulletins in the demo's configuration.
const (
	mailSource     = "mail"
	advisorySource = "advisories"
)

// mailFolder is the mailbox of the near side, beside the configuration.
const mailFolder = "mail"

// bulletinSources returns the sources of bulletins as they stand in a
// configuration.
func (d *demo) bulletinSources(advisories string) string {
	return fmt.Sprintf("\n[[source]]\nname = %q\nkind = \"bulletins\"\npath = %q\n\n[[source]]\nname = %q\nkind = \"csaf\"\nurl = %q\n",
		mailSource, mailFolder, advisorySource, advisories)
}

// writeMails puts what the publisher has mailed into the mailbox.
func (d *demo) writeMails() error {
	var err error
	if d.mails, err = d.publisher.Mails(); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(d.near.dir, mailFolder), 0o755); err != nil {
		return err
	}
	for _, m := range d.mails {
		if err := os.WriteFile(filepath.Join(d.near.dir, mailFolder, m.Name), m.Raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// believe shows what a signature is worth before somebody says whose word
// counts: nothing. Then the key is pinned by its fingerprint, and what is kept
// is judged again.
func (d *demo) believe(ctx context.Context) error {
	if err := d.expect(ctx, map[layout.Verdict]int{layout.Unpinned: 1, layout.UnknownKey: len(d.mails)}); err != nil {
		return err
	}
	d.step("Mails and advisories came, too, and are kept. They announce nothing: whose word counts, nobody has said yet.\n" +
		"   The publisher prints the fingerprint of its key on paper. Type it from there: once with a misprint, a letter for\n" +
		"   a digit, as a handbook of 2004 had O for 0; once right. Sync again: what is kept is judged anew.")
	if err := d.mistype(ctx); err != nil {
		return err
	}
	if err := d.pin(ctx, d.near); err != nil {
		return err
	}
	if err := d.do(ctx, d.near, "sync"); err != nil {
		return err
	}
	if err := d.do(ctx, d.near, "bulletin", "list"); err != nil {
		return err
	}
	d.report.Bulletins = len(d.mails) + 1
	return d.expect(ctx, map[layout.Verdict]int{layout.Valid: d.report.Bulletins})
}

// pin has a machine believe the publisher.
func (d *demo) pin(ctx context.Context, m machine) error {
	return d.do(ctx, m, "key", "pin", d.publisher.Fingerprint().Grouped(), "--purpose", "bulletin", "--note", "printed by the publisher")
}

// mistype types the fingerprint as a misprint has it, which must be refused.
func (d *demo) mistype(ctx context.Context) error {
	right := string(d.publisher.Fingerprint())
	misprint := right
	for _, pair := range []string{"0O", "1I", "5S"} { // hardly any fingerprint has none of these digits
		if misprint == right {
			misprint = strings.Replace(right, pair[:1], pair[1:], 1)
		}
	}
	return d.refuses(ctx, d.near, exitUsage, "key", "pin", verify.Fingerprint(misprint).Grouped(), "--purpose", "bulletin")
}

// forge drops a mail into the mailbox that somebody changed on its way, which
// must be refused and disturb nothing.
func (d *demo) forge(ctx context.Context) error {
	forged, err := d.publisher.ForgedMail()
	if err != nil {
		return err
	}
	name := filepath.Join(d.near.dir, mailFolder, forged.Name)
	if err := os.WriteFile(name, forged.Raw, 0o644); err != nil {
		return err
	}
	d.step("A mail arrives that somebody changed on its way: %s says Low where Critical was signed.", forged.Name)
	err = d.do(ctx, d.near, "sync")
	if !errors.Is(err, mirror.ErrPartial) {
		return errors.Join(fmt.Errorf("sync of the forged mail %s: want it refused", forged.Name), err)
	}
	d.say("   Refused: it is in quarantine with its report, and announces nothing. Any machine can check it by itself:")
	d.typed(d.near, "bulletin", "verify", name)
	err = d.command(ctx, d.out, d.near, "bulletin", "verify", name)
	if err == nil || exitCode(ctx, err) != exitUntrusted {
		return errors.Join(fmt.Errorf("verify the forged mail: want exit status %d", exitUntrusted), err)
	}
	d.report.Forged++
	if err := os.Remove(name); err != nil {
		return err
	}
	return d.expect(ctx, map[layout.Verdict]int{layout.Valid: len(d.mails) + 1})
}

// expect demands how many documents are kept with which verdict, and no others.
func (d *demo) expect(ctx context.Context, want map[layout.Verdict]int) error {
	notices, err := d.notices(ctx)
	if err != nil {
		return err
	}
	got := make(map[layout.Verdict]int)
	for _, n := range notices {
		got[n.Verdict]++
	}
	for _, v := range []layout.Verdict{layout.Valid, layout.Unpinned, layout.UnknownKey, layout.Refused, layout.Bad} {
		if got[v] != want[v] {
			return fmt.Errorf("%d documents are kept as %s, want %d", got[v], v, want[v])
		}
	}
	return nil
}

// notices returns what the near side keeps of what was announced.
func (d *demo) notices(ctx context.Context) ([]*layout.Notice, error) {
	s, err := d.openSite(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close() // it was only read
	e, err := s.mustNewest(ctx)
	if err != nil {
		return nil, err
	}
	return s.notices(ctx, e)
}
