package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// publish is "publish DIR [ID=KB=FILE…]": it puts files into the store of a
// mirror made by init near --no-passphrase and publishes a generation with an
// update for each, so that reading commands have something to read. A file whose
// content is "listed" is only listed.
func publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: publish DIR [ID=KB=FILE…]")
	}
	var updates []*layout.Update
	objects := make(map[layout.Digest][]byte)
	for _, arg := range args[1:] {
		parts := bytes.SplitN([]byte(arg), []byte("="), 3)
		if len(parts) != 3 {
			ts.Fatalf("%s is not ID=KB=FILE", arg)
		}
		name := string(parts[2])
		content, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		u := sampleUpdate(string(parts[0]), string(parts[1]), filepath.Base(name))
		if string(content) != "listed\n" {
			hold(&u.Files[0], content)
			objects[layout.DigestOf(content)] = content
		}
		updates = append(updates, u)
	}
	ts.Check(publishTo(context.Background(), ts.MkAbs(args[0]), updates, objects))
}

var sampleTime = layout.At(time.Date(2026, 3, 10, 18, 0, 0, 0, time.UTC))

func sampleUpdate(id, kb, file string) *layout.Update {
	u := &layout.Update{
		ID: id, Type: layout.Software, KB: kb, Title: "Security update KB" + kb,
		Classification: layout.SecurityUpdate, OS: []layout.OS{"windowsxp"}, Arch: []layout.Arch{"x86"},
		Language: "EN", Released: "2004-04-13",
		Files: []layout.File{{Name: file, URL: "https://dl.example.net/" + file}},
	}
	u.Folder = layout.ProposeFolder(u)
	return u
}

func hold(f *layout.File, content []byte) {
	f.Held, f.Size, f.SHA256, f.Modified = true, int64(len(content)), layout.DigestOf(content), sampleTime
	f.Evidence = []layout.Evidence{{Grade: layout.GradeChannel, Algorithm: "sha256", By: "https://dl.example.net/list", At: sampleTime}}
}

func publishTo(ctx context.Context, dir string, updates []*layout.Update, objects map[layout.Digest][]byte) error {
	c, err := config.Load(config.Request{File: filepath.Join(dir, "patchferry.toml"), Dir: dir})
	if err != nil {
		return err
	}
	s, err := openSite(ctx, &c.Config)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := new(app).openSigners(ctx, &c.Config)
	if err != nil {
		return err
	}
	w := &trusted.Writer{Reader: s.reader, Signer: keys.site, Actor: "Anna"}
	for _, d := range slices.SortedFunc(maps.Keys(objects), func(a, b layout.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		if _, err := w.PutDocument(ctx, objects[d]); err != nil {
			return err
		}
	}
	base, err := s.reader.Newest(ctx)
	if err != nil {
		return err
	}
	number := uint64(1)
	if base != nil {
		number = base.Number + 1
	}
	position, err := putGeneration(ctx, w, keys.origin, number, updates, objects)
	if err != nil {
		return err
	}
	_, err = w.Publish(ctx, base, func(s *layout.State) error {
		s.Why, s.Generation = "test", position
		return nil
	})
	return err
}

func putGeneration(ctx context.Context, w *trusted.Writer, key *verify.SecretKey, number uint64, updates []*layout.Update, objects map[layout.Digest][]byte) (*layout.Position, error) {
	slices.SortFunc(updates, func(a, b *layout.Update) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	var catalog bytes.Buffer
	cw, err := layout.NewCatalogWriter(&catalog)
	if err != nil {
		return nil, err
	}
	g := &layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version, Number: number, Created: sampleTime,
		Counts: layout.Counts{Updates: len(updates), Files: len(updates), Held: len(objects), Objects: len(objects)},
	}
	for _, u := range updates {
		line, err := layout.AppendLine(nil, u)
		if err != nil {
			return nil, err
		}
		if err := cw.WriteLine(line); err != nil {
			return nil, err
		}
	}
	sum, err := cw.Close()
	if err != nil {
		return nil, err
	}
	for _, content := range objects {
		g.Counts.Bytes += int64(len(content))
	}
	g.Lines = sum.Lines
	if g.Catalog, err = w.PutDocument(ctx, catalog.Bytes()); err != nil {
		return nil, err
	}
	if g.StateRoot, err = rootOf(g.Catalog, objects); err != nil {
		return nil, err
	}
	doc, err := g.Encode()
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(doc, time.Now())
	if err != nil {
		return nil, err
	}
	p := &layout.Position{Number: number, Created: g.Created}
	if p.Generation.Document, err = w.PutDocument(ctx, doc); err != nil {
		return nil, err
	}
	p.Generation.Signature, err = w.PutDocument(ctx, sig)
	return p, err
}

// rootOf returns the state root of a catalog and the contents that it holds.
func rootOf(catalog layout.ObjectRef, objects map[layout.Digest][]byte) (layout.Digest, error) {
	refs := []layout.ObjectRef{catalog}
	for d, content := range objects {
		refs = append(refs, layout.ObjectRef{SHA256: d, Size: int64(len(content))})
	}
	slices.SortFunc(refs, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	return layout.StateRoot(slices.Values(refs))
}

// alter is "alter DIR": it changes one byte of every object of the store, as a
// failing disk or somebody with access would.
func alter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: alter DIR")
	}
	dir, err := store.OpenDir(filepath.Join(ts.MkAbs(args[0]), "store"))
	ts.Check(err)
	defer dir.Close()
	for info, err := range dir.List(context.Background(), layout.Digest{}) {
		ts.Check(err)
		name := filepath.Join(ts.MkAbs(args[0]), "store", filepath.FromSlash(store.ObjectKey(info.Digest)))
		content, err := os.ReadFile(name)
		ts.Check(err)
		content[0] ^= 1
		ts.Check(os.Chmod(name, 0o600))
		ts.Check(os.WriteFile(name, content, 0o600))
	}
	fmt.Fprintln(ts.Stdout(), "altered")
}
