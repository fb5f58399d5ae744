package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// announced is one line of a file for announce: a notice, and its texts.
type announced struct {
	Text      string
	Signature string
	Notice    layout.Notice
}

// announce is "announce DIR FILE": it publishes the newest generation of a
// mirror again, with the notices of a file. @SIGNER@ there is the origin's key,
// which it pins for bulletins, too.
func announce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: announce DIR FILE")
	}
	dir := ts.MkAbs(args[0])
	lines, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	c, err := config.Load(config.Request{File: filepath.Join(dir, "patchferry.toml"), Dir: dir})
	ts.Check(err)
	keys, err := new(app).openSigners(context.Background(), &c.Config)
	ts.Check(err)
	ts.Check(pinForBulletins(&c.Config, keys.origin.Fingerprint()))
	signer := string(keys.origin.Fingerprint())
	var all []announced
	for line := range strings.Lines(strings.ReplaceAll(string(lines), "@SIGNER@", signer)) {
		var one announced
		ts.Check(json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	ts.Check(announceTo(context.Background(), &c.Config, keys, all))
}

func pinForBulletins(c *config.Config, signer verify.Fingerprint) error {
	return verify.PinFile{Path: c.KeyFile(pinsName)}.Update(context.Background(), func(pins *verify.Pins) error {
		p := verify.Pin{
			Fingerprint: signer, Purpose: verify.PurposeBulletin, Source: "ma*", Legacy: true,
			Note: "typed from the handbook", AddedBy: "Anna", AddedAt: sampleTime,
		}
		if isPinned(pins, p) {
			return nil
		}
		return pins.Add(p)
	})
}

func announceTo(ctx context.Context, c *config.Config, keys signers, all []announced) error {
	s, err := openSite(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	e, err := s.mustNewest(ctx)
	if err != nil {
		return err
	}
	w := &trusted.Writer{Reader: s.reader, Signer: keys.site, Actor: "Anna"}
	g := *e.generation
	g.Number++
	if g.Notices, err = putNotices(ctx, w, all); err != nil {
		return err
	}
	doc, err := g.Encode()
	if err != nil {
		return err
	}
	sig, err := keys.origin.Sign(doc, time.Now())
	if err != nil {
		return err
	}
	p := &layout.Position{Number: g.Number, Created: g.Created}
	if p.Generation.Document, err = w.PutDocument(ctx, doc); err != nil {
		return err
	}
	if p.Generation.Signature, err = w.PutDocument(ctx, sig); err != nil {
		return err
	}
	_, err = w.Publish(ctx, e.state, func(s *layout.State) error {
		s.Why, s.Generation = "test", p
		return nil
	})
	return err
}

func putNotices(ctx context.Context, w *trusted.Writer, all []announced) (layout.Notices, error) {
	var list bytes.Buffer
	var refs layout.Notices
	cw, err := layout.NewCatalogWriter(&list)
	if err != nil {
		return refs, err
	}
	slices.SortFunc(all, func(a, b announced) int { return strings.Compare(a.Notice.ID, b.Notice.ID) })
	for i := range all {
		n := &all[i].Notice
		if n.Original, err = w.PutDocument(ctx, []byte(all[i].Text)); err != nil {
			return refs, err
		}
		if all[i].Signature != "" {
			if n.Signature, err = w.PutDocument(ctx, []byte(all[i].Signature)); err != nil {
				return refs, err
			}
		}
		line, err := layout.AppendNotice(nil, n)
		if err != nil {
			return refs, err
		}
		if err := cw.WriteLine(line); err != nil {
			return refs, err
		}
	}
	sum, err := cw.Close()
	if err != nil {
		return refs, err
	}
	refs.Lines, refs.Count = sum.Lines, sum.Count
	refs.List, err = w.PutDocument(ctx, list.Bytes())
	return refs, err
}
