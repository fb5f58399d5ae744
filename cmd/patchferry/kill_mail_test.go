package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// mailsPerRound are the signed mails of one round of a killSite.
const mailsPerRound = 8

// subscribe gives the site a mailbox, and a key that signs what comes into it.
func (s *killSite) subscribe() {
	s.t.Helper()
	var err error
	if s.signer, err = verify.GenerateKey("kill", time.Now().Add(-time.Hour)); err != nil {
		s.t.Fatal(err)
	}
	public, err := os.Create(filepath.Join(s.dir, "keys", "press.asc"))
	if err == nil {
		err = s.signer.WritePublic(public)
	}
	if err == nil {
		err = public.Close()
	}
	if err == nil {
		err = verify.PinFile{Path: filepath.Join(s.dir, "keys", pinsName)}.Update(s.t.Context(), func(pins *verify.Pins) error {
			return pins.Add(verify.Pin{Fingerprint: s.signer.Fingerprint(), Purpose: verify.PurposeBulletin})
		})
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(s.dir, "mail"), 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// mail puts the mails of a round into the mailbox.
func (s *killSite) mail() {
	s.t.Helper()
	for i := range mailsPerRound {
		text := fmt.Sprintf("Title: Round %d (8%05d)\nDate: 13 April 2004\nMaximum Severity Rating: Critical\nBulletin: MS04-%03d\n", s.round, s.round, i)
		doc, err := s.signer.ClearSign([]byte(text), time.Now())
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, "mail", fmt.Sprintf("r%d-%d.txt", s.round, i)), doc, 0o644)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// mailsWhole checks that the mails of every round that is published are there,
// all of them, judged right and with their bytes.
func mailsWhole(ctx context.Context, r *trusted.Reader, dir *store.Dir, gen *layout.Generation) error {
	rounds := map[string]int{}
	for n, err := range r.Notices(ctx, gen) {
		if err != nil {
			return err
		}
		if n.Verdict != layout.Valid || len(n.Bulletins) != 1 {
			return fmt.Errorf("%s is %s with %d bulletins: %s", n.ID, n.Verdict, len(n.Bulletins), n.Reason)
		}
		if size, err := dir.Stat(ctx, n.Original.SHA256); err != nil || size != n.Original.Size {
			return fmt.Errorf("%s is published with %d bytes and has %d (%w)", n.ID, n.Original.Size, size, err)
		}
		round, _, _ := strings.Cut(strings.TrimPrefix(n.ID, "mail:"), "-")
		rounds[round]++
	}
	for round, n := range rounds {
		if n != mailsPerRound {
			return fmt.Errorf("generation %d has %d mails of round %s, want %d", gen.Number, n, round, mailsPerRound)
		}
	}
	return nil
}
