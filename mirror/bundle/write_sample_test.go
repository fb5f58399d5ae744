package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// bundles is where golden bundles and the keys that sign them stand.
const bundles = "../../testdata/bundles"

var bundledAt = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// memory is a Source in memory.
type memory map[layout.Digest][]byte

func (m memory) Open(_ context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	b, ok := m[d]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if b = b[offset:]; n >= 0 {
		b = b[:min(n, int64(len(b)))]
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (m memory) put(b []byte) layout.ObjectRef {
	d := layout.DigestOf(b)
	m[d] = b
	return layout.ObjectRef{SHA256: d, Size: int64(len(b))}
}

// bytesOf makes n bytes that do not compress, other ones for each name.
func bytesOf(name string, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		d := layout.DigestOf(fmt.Append(nil, name, i))
		b = append(b, d[:]...)
	}
	return b[:n]
}

// testKey reads a key that is committed for tests.
func testKey(t testing.TB, name string) *verify.SecretKey {
	t.Helper()
	file := filepath.Join(bundles, "keys", name+".secret.asc")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := verify.ReadSecret(bytes.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sample is a near side in memory with one generation.
type sample struct {
	source   memory
	content  *bundle.Content
	shipped  []layout.ObjectRef
	required []layout.ObjectRef
}

// sampleOptions says what a sample holds.
type sampleOptions struct {
	sizes    []int // of held files that are shipped
	required []int // of held files that are not
	notices  bool

	// What is wrong in some bundles, and signed all the same.
	catalog  []byte                                  // in the place of the right one
	unnamed  int                                     // size of one more file, which the catalog does not name
	twoSizes bool                                    // the catalog names the first file twice, with two sizes
	altered  func(text, sig []byte) ([]byte, []byte) // the bulletin as it is shipped
}

// newSample makes a near side whose generation is signed by the key.
func newSample(t testing.TB, origin bundle.Signer, opt sampleOptions) *sample {
	t.Helper()
	s := &sample{source: make(memory)}
	var held []layout.ObjectRef
	for i, n := range slices.Concat(opt.sizes, opt.required) {
		b := bytesOf(fmt.Sprint("file ", i), n)
		if i < len(opt.sizes) {
			held = append(held, s.source.put(b))
			continue
		}
		held = append(held, layout.ObjectRef{SHA256: layout.DigestOf(b), Size: int64(n)})
	}
	s.shipped, s.required = held[:len(opt.sizes):len(opt.sizes)], slices.Clone(held[len(opt.sizes):])
	slices.SortFunc(s.required, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	named := held
	if opt.twoSizes {
		named = append(slices.Clone(held), layout.ObjectRef{SHA256: held[0].SHA256, Size: held[0].Size + 1})
	}
	if opt.unnamed > 0 {
		more := s.source.put(bytesOf("unnamed", opt.unnamed))
		s.shipped, held = append(s.shipped, more), append(held, more)
	}
	c := &bundle.Content{
		Header: bundle.Header{
			Bundle: "11111111-2222-4333-8444-555555555555", Origin: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
			Stream: "99999999-8888-4777-8666-555555555555", StreamName: "main", Epoch: 1, Seq: 1, Kind: bundle.Full,
			Created: layout.At(bundledAt), ExpectedNext: layout.At(bundledAt.AddDate(0, 0, 7)), Tool: "patchferry test",
		},
		Objects:  slices.Values(s.shipped),
		Requires: slices.Values(s.required),
	}
	catalog, sum := catalogOf(t, named)
	if opt.catalog != nil {
		catalog = opt.catalog
	}
	c.Catalog = s.source.put(catalog)
	g := layout.Generation{Format: layout.FormatGeneration, Version: layout.Version, Number: 7, Created: layout.At(bundledAt), Catalog: c.Catalog, Lines: sum.Lines}
	g.Counts = layout.Counts{Updates: len(named), Files: len(named), Held: len(named), Objects: len(held)}
	if opt.notices {
		s.notices(t, c, &g, opt.altered)
	}
	s.generation(t, c, &g, held, origin)
	s.content = c
	return s
}

// catalogOf makes a catalog of one update for each file.
func catalogOf(t testing.TB, held []layout.ObjectRef) ([]byte, layout.Summary) {
	t.Helper()
	var b bytes.Buffer
	w, err := layout.NewCatalogWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range held {
		u := &layout.Update{ID: fmt.Sprintf("sample:%04d", i), Files: []layout.File{{Name: fmt.Sprintf("f%d.exe", i), Size: ref.Size, SHA256: ref.SHA256, Held: true}}}
		line, err := layout.AppendLine(nil, u)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteLine(line); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), sum
}

// notices adds a bulletin in two files to a sample, signed by the key second.
func (s *sample) notices(t testing.TB, c *bundle.Content, g *layout.Generation, altered func(text, sig []byte) ([]byte, []byte)) {
	t.Helper()
	original := []byte("MS08-067: a bulletin\n")
	signature, err := testKey(t, "second").Sign(original, bundledAt)
	if err != nil {
		t.Fatal(err)
	}
	if altered != nil {
		original, signature = altered(original, signature)
	}
	text, sig := s.source.put(original), s.source.put(signature)
	line, err := layout.AppendNotice(nil, &layout.Notice{ID: "bulletins:ms08-067", File: "ms08-067.txt", Original: text, Signature: sig, Verdict: layout.Valid})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := layout.NewCatalogWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteLine(line); err != nil {
		t.Fatal(err)
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	c.Bulletins = []layout.ObjectRef{text, sig}
	c.Notices = s.source.put(b.Bytes())
	g.Notices = layout.Notices{List: c.Notices, Lines: sum.Lines, Count: sum.Count}
}

// generation makes the document of a sample and has it signed.
func (s *sample) generation(t testing.TB, c *bundle.Content, g *layout.Generation, held []layout.ObjectRef, origin bundle.Signer) {
	t.Helper()
	all := map[layout.Digest]layout.ObjectRef{c.Catalog.SHA256: c.Catalog}
	for _, ref := range slices.Concat(held, c.Bulletins, []layout.ObjectRef{c.Notices}) {
		if !ref.IsZero() {
			all[ref.SHA256] = ref
		}
	}
	refs := slices.SortedFunc(maps.Values(all), func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	root, err := layout.StateRoot(slices.Values(refs))
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range held {
		g.Counts.Bytes += ref.Size
	}
	g.StateRoot, c.Header.StateRoot = root, root
	for _, ref := range refs {
		c.Header.Objects++
		c.Header.Bytes += ref.Size
	}
	c.Header.Generation.Number = g.Number
	if c.Generation.Document, err = g.Encode(); err != nil {
		t.Fatal(err)
	}
	if c.Generation.Signature, err = origin.Sign(c.Generation.Document, bundledAt); err != nil {
		t.Fatal(err)
	}
}

// signedBy verifies signatures against keys that are trusted: all must have
// signed.
type signedBy []*verify.SecretKey

func (keys signedBy) Verify(doc, sig []byte) ([]string, error) {
	v := &verify.Trust{Pins: &verify.Pins{}, Clock: func() time.Time { return bundledAt.AddDate(0, 0, 1) }}
	var rings []*verify.Keyring
	for _, k := range keys {
		rings = append(rings, k.Public())
		if err := v.Pins.Add(verify.Pin{Fingerprint: k.Fingerprint(), Purpose: verify.PurposeOrigin}); err != nil {
			return nil, err
		}
	}
	v.Keys = verify.MergeKeyrings(rings...)
	signed, err := v.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range signed.Signers {
		names = append(names, string(s.Fingerprint))
	}
	if len(names) < len(keys) {
		return names, fmt.Errorf("%d of %d keys signed", len(names), len(keys))
	}
	return names, nil
}

// filesBelow returns every file below a folder with its bytes.
func filesBelow(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		all[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// toolOpener opens a tool that a source holds.
func toolOpener(m memory, b []byte) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) { return m.Open(ctx, layout.DigestOf(b), 0, -1) }
}
