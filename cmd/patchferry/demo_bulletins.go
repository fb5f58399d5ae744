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
	if err := os.Mkdir(filepath.Join(d.dir, mailFolder), 0o755); err != nil {
		return err
	}
	for _, m := range d.mails {
		if err := os.WriteFile(filepath.Join(d.dir, mailFolder, m.Name), m.Raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// believe shows what a signature is worth before somebody says whose word
// counts: nothing. Then the key is pinned by its fingerprint, and what is kept
// is judged again.
func (d *demo) believe(ctx context.Context) error {
	d.step("Mails and advisories came, too, and are kept. They announce nothing: whose word counts, nobody has said yet.")
	d.typed("bulletin list")
	if err := d.command(ctx, d.out, "bulletin", "list"); err != nil {
		return err
	}
	if err := d.expect(ctx, map[layout.Verdict]int{layout.Unpinned: 1, layout.UnknownKey: len(d.mails)}); err != nil {
		return err
	}
	d.step("The publisher prints the fingerprint of its key on paper. Type it from there: once with a misprint, the letter O for a zero,\n   as a handbook of 2004 had it for another key; once right.")
	if err := d.mistype(ctx); err != nil {
		return err
	}
	right := d.publisher.Fingerprint().Grouped()
	d.typed("key pin", right, "--purpose bulletin --note", shellWord("printed by the publisher"))
	args := append([]string{"key", "pin"}, strings.Fields(right)...)
	if err := d.command(ctx, d.out, append(args, "--purpose", "bulletin", "--note", "printed by the publisher")...); err != nil {
		return err
	}
	d.step("Sync again: what is kept is judged anew, and announces.")
	if err := d.sync(ctx); err != nil {
		return err
	}
	d.typed("bulletin list")
	if err := d.command(ctx, d.out, "bulletin", "list"); err != nil {
		return err
	}
	return d.expect(ctx, map[layout.Verdict]int{layout.Valid: len(d.mails) + 1})
}

// mistype types the fingerprint as a misprint has it, which must be refused.
func (d *demo) mistype(ctx context.Context) error {
	misprint := verify.Fingerprint(strings.Replace(string(d.publisher.Fingerprint()), "0", "O", 1))
	if misprint == d.publisher.Fingerprint() {
		return nil // one in thirteen has no zero
	}
	d.typed("key pin", misprint.Grouped(), "--purpose bulletin")
	err := d.command(ctx, d.out, append(append([]string{"key", "pin"}, strings.Fields(misprint.Grouped())...), "--purpose", "bulletin")...)
	if err == nil || exitCode(ctx, err) != exitUsage {
		return errors.Join(errors.New("a misprinted fingerprint was taken"), err)
	}
	d.say("   patchferry: %s", err)
	return nil
}

// forge drops a mail into the mailbox that somebody changed on its way, which
// must be refused and disturb nothing.
func (d *demo) forge(ctx context.Context) error {
	forged, err := d.publisher.ForgedMail()
	if err != nil {
		return err
	}
	name := filepath.Join(d.dir, mailFolder, forged.Name)
	if err := os.WriteFile(name, forged.Raw, 0o644); err != nil {
		return err
	}
	d.step("A mail arrives that somebody changed on its way: %s says Low where Critical was signed.", forged.Name)
	err = d.sync(ctx)
	if !errors.Is(err, mirror.ErrPartial) {
		return errors.Join(fmt.Errorf("sync of the forged mail %s: want it refused", forged.Name), err)
	}
	d.say("   Refused: it is in quarantine with its report, and announces nothing. Any machine can check it by itself:")
	d.typed("bulletin verify", shellWord(name))
	err = d.command(ctx, d.out, "bulletin", "verify", name)
	if err == nil || exitCode(ctx, err) != exitUntrusted {
		return errors.Join(fmt.Errorf("verify the forged mail: want exit status %d", exitUntrusted), err)
	}
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
	s, err := d.openSite()
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

// due shows until when the updates that were announced are to be deployed.
func (d *demo) due(ctx context.Context) error {
	d.step("What was announced sets deadlines.")
	d.typed("status --due")
	return d.command(ctx, d.out, "status", "--due")
}
