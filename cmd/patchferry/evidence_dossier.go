package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// The files of a folder of evidence that are not named after what they hold
// (docs/evidence.md).
const (
	checkName    = "CHECK.txt"
	sumsName     = "SHA256SUMS"
	reportName   = "evidence.json"
	pinsFile     = "pins.txt"
	digestsName  = "states/digests.txt"
	noticesName  = "notices.jsonl.zst"
	noticeLines  = "notice-lines.jsonl"
	firstEdition = "first/"
)

// The names of an edition's files, below firstEdition for the first.
const (
	generationName = "generation.json"
	signatureName  = "generation.json.asc"
	catalogName    = "catalog.jsonl.zst"
	lineName       = "catalog-line.json"
)

// evidenceCase is a proof with what is needed to write it down.
type evidenceCase struct {
	*mirror.Proof
	keys      *verify.Keyring
	noContent bool
}

// contentName is where the file stands in the folder.
func (c *evidenceCase) contentName() string { return "file/" + layout.SafeName(c.File.Entry()) }

// bulletinNames returns where bulletin i and its detached signature, if there is
// one, stand in the folder. The number keeps documents of one name apart.
func bulletinNames(i int, b *mirror.BulletinProof) (original, signature string) {
	original = fmt.Sprintf("bulletins/%03d-%s", i+1, layout.SafeName(b.Notice.File))
	switch {
	case b.Signature == nil:
		return original, ""
	case bytes.HasPrefix(b.Signature, []byte("-----BEGIN PGP")):
		return original, original + ".asc"
	}
	return original, original + ".sig"
}

// keyName is where a certificate stands in the folder.
func keyName(f verify.Fingerprint) string {
	return "keys/" + strings.ReplaceAll(f.String(), ":", "-") + ".asc"
}

// dossier is the folder that evidence writes. It begins empty; what was written
// is taken away again where it could not be finished.
type dossier struct {
	root    *os.Root
	path    string
	created bool // by openDossier
	sums    map[string]layout.Digest
}

// openDossier makes the folder, or takes one that is empty.
func openDossier(dir string) (*dossier, error) {
	err := os.Mkdir(dir, 0o755)
	created := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	if len(entries) > 0 {
		return nil, withHint(usageError("%s is not empty: evidence is written to a new or empty folder", dir), "name another with --to DIR")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	return &dossier{root: root, path: dir, created: created, sums: make(map[string]layout.Digest)}, nil
}

// close lets the folder go; where it was not finished, it takes away what was
// written.
func (d *dossier) close(finished bool) error {
	var err error
	if finished {
		err = durable.SyncDir(d.path)
	} else {
		for name := range d.sums {
			top, _, _ := strings.Cut(name, "/")
			err = errors.Join(err, d.root.RemoveAll(top))
		}
	}
	err = errors.Join(err, d.root.Close())
	if !finished && d.created {
		err = errors.Join(err, os.Remove(d.path))
	}
	return err
}

// copy writes a file of the folder from r, to its end.
func (d *dossier) copy(name string, r io.Reader) (err error) {
	if _, twice := d.sums[name]; twice {
		return fmt.Errorf("%s is there twice", name)
	}
	if err := d.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	d.sums[name] = layout.Digest{} // from here on there is something to take away
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), r); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	d.sums[name] = layout.Digest(hash.Sum(nil))
	return f.Sync()
}

func (d *dossier) add(name string, content []byte) error {
	return d.copy(name, bytes.NewReader(content))
}

// object writes an object of the store.
func (d *dossier) object(ctx context.Context, p *mirror.Prover, name string, ref layout.ObjectRef) error {
	in, err := p.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	return d.copy(name, in)
}

// write writes the whole folder, the sums last.
func (d *dossier) write(ctx context.Context, p *mirror.Prover, c *evidenceCase) (*evidenceReport, error) {
	for _, part := range []func(context.Context, *mirror.Prover, *evidenceCase) error{
		d.writeEditions, d.writeChain, d.writeRotations, d.writeBulletins, d.writeKeys, d.writeContent,
	} {
		if err := part(ctx, p, c); err != nil {
			return nil, err
		}
	}
	report := c.report()
	var text bytes.Buffer
	if err := writeIndented(&text, report); err != nil {
		return nil, err
	}
	if err := d.add(reportName, text.Bytes()); err != nil {
		return nil, err
	}
	if err := d.add(checkName, []byte(c.check(report))); err != nil {
		return nil, err
	}
	return report, d.add(sumsName, d.sumLines())
}

// sumLines are the lines that find and sha256sum make of the folder.
func (d *dossier) sumLines() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(d.sums)) {
		fmt.Fprintf(&b, "%s  ./%s\n", d.sums[name], name)
	}
	return b.Bytes()
}

func (d *dossier) writeEditions(ctx context.Context, p *mirror.Prover, c *evidenceCase) error {
	if err := d.edition(ctx, p, c, "", c.Newest); err != nil || c.First == c.Newest {
		return err
	}
	return d.edition(ctx, p, c, firstEdition, c.First)
}

func (d *dossier) edition(ctx context.Context, p *mirror.Prover, c *evidenceCase, below string, e *mirror.Edition) error {
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{store.StateKey(e.State.Number), e.Stored},
		{below + generationName, e.Document},
		{below + signatureName, e.Signature},
		{below + lineName, e.Line},
	} {
		if err := d.add(file.name, file.content); err != nil {
			return err
		}
	}
	if err := d.header(c, e); err != nil {
		return err
	}
	return d.object(ctx, p, below+catalogName, e.Generation.Catalog)
}

// header writes the header of the bundle that brought an edition; two editions
// may have come in one.
func (d *dossier) header(c *evidenceCase, e *mirror.Edition) error {
	name := c.headerName(e)
	if _, there := d.sums[name]; there || name == "" {
		return nil
	}
	return errors.Join(d.add(name, e.Header.Document), d.add(name+".asc", e.Header.Signature))
}

// headerName is where the header of the bundle that brought an edition stands in
// the folder; "" where it is not kept.
func (c *evidenceCase) headerName(e *mirror.Edition) string {
	if e.Header == nil {
		return ""
	}
	s := e.State.Streams[c.Stream]
	return "bundles/" + bundleName(&s) + "/" + bundle.HeaderFile
}

func (d *dossier) writeChain(_ context.Context, _ *mirror.Prover, c *evidenceCase) error {
	var digests bytes.Buffer
	for _, s := range c.Between {
		if s.Bytes == nil {
			fmt.Fprintf(&digests, "%s  %s\n", s.Digest, store.StateKey(s.Number))
			continue
		}
		if err := d.add(store.StateKey(s.Number), s.Bytes); err != nil {
			return err
		}
	}
	if digests.Len() == 0 {
		return nil
	}
	return d.add(digestsName, digests.Bytes())
}

func (d *dossier) writeBulletins(ctx context.Context, p *mirror.Prover, c *evidenceCase) error {
	if len(c.Bulletins) == 0 {
		return nil
	}
	var lines []byte
	for i := range c.Bulletins {
		b := &c.Bulletins[i]
		lines = append(lines, b.Line...)
		original, signature := bulletinNames(i, b)
		if err := d.add(original, b.Original); err != nil {
			return err
		}
		if signature == "" {
			continue
		}
		if err := d.add(signature, b.Signature); err != nil {
			return err
		}
	}
	if err := d.add(noticeLines, lines); err != nil {
		return err
	}
	return d.object(ctx, p, noticesName, c.Newest.Generation.Notices.List)
}

// writeKeys writes the certificates that the proof needs and the pins by which
// they count.
func (d *dossier) writeKeys(_ context.Context, _ *mirror.Prover, c *evidenceCase) error {
	for _, f := range c.Fingerprints() {
		if slices.Contains(c.Missing, f) {
			continue
		}
		var certificate bytes.Buffer
		if err := c.keys.WriteCertificate(&certificate, f); err != nil {
			return err
		}
		if err := d.add(keyName(f), certificate.Bytes()); err != nil {
			return err
		}
	}
	pins := &verify.Pins{}
	for _, pin := range c.Pins {
		if err := pins.Add(pin); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if _, err := pins.WriteTo(&text); err != nil {
		return err
	}
	return d.add(pinsFile, text.Bytes())
}

func (d *dossier) writeContent(ctx context.Context, p *mirror.Prover, c *evidenceCase) error {
	if c.noContent {
		return nil
	}
	return d.object(ctx, p, c.contentName(), layout.ObjectRef{SHA256: c.File.SHA256, Size: c.File.Size})
}
