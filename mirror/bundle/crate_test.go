package bundle_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// seal signs and verifies with a secret, strictly: one byte of a signature
// that differs is a bad signature. It follows no rotations.
type seal string

func (s seal) sign(doc []byte) []byte {
	mac := hmac.New(sha256.New, []byte(s))
	mac.Write(doc)
	return []byte(hex.EncodeToString(mac.Sum(nil)) + "\n")
}

func (s seal) Verify(doc, sig []byte) ([]string, error) {
	if !bytes.Equal(sig, s.sign(doc)) {
		return nil, errors.New("another seal")
	}
	return []string{string(s)}, nil
}

const origin = seal("origin")

// crate is a bundle to be written by a test, right in everything that its
// hooks leave alone. Each hook changes one step before the next one binds it.
type crate struct {
	seq       uint64
	volumes   int               // 0 is 3
	rotations int               // how many
	cutName   layout.Digest     // of the object in segments; zero is the right one
	extra     map[string]string // path in volume 1 -> content

	catalog    func(plain []byte) []byte // compressed as it is returned
	generation func(*layout.Generation)
	entries    func(lines []string) []string
	requires   func(lines []string) []string
	packed     func(name string, compressed []byte) []byte // of entries and requires
	lines      func(volume int, lines []string) []string
	header     func(*bundle.Header)
	document   func([]byte) []byte // the header before it is signed
}

// object returns the content of object n, which compresses badly.
func object(n int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return bytes.Repeat(sum[:], 3+n)
}

// big is the object that is cut into two segments.
var big = bytes.Repeat([]byte("segment "), 40)

func refOf(b []byte) layout.ObjectRef {
	return layout.ObjectRef{SHA256: layout.DigestOf(b), Size: int64(len(b))}
}

// packing is a crate while it is written.
type packing struct {
	crate
	t       testing.TB
	files   []map[string][]byte // of each volume
	loose   map[string][]byte   // in no list
	entries []bundle.Entry
	refs    []layout.ObjectRef
}

// write writes the bundle and returns its folder.
func (c crate) write(t testing.TB) string {
	t.Helper()
	if c.volumes == 0 {
		c.volumes = 3
	}
	if c.seq == 0 {
		c.seq = 1
	}
	p := &packing{crate: c, t: t, loose: map[string][]byte{}}
	for range c.volumes {
		p.files = append(p.files, map[string][]byte{bundle.ReadmeFile: []byte("for people\n")})
	}
	maps.Copy(p.files[0], func() map[string][]byte {
		m := map[string][]byte{}
		for name, content := range c.extra {
			m[name] = []byte(content)
		}
		return m
	}())
	p.rotate()
	p.fill()
	h := p.head()
	dir := filepath.Join(t.TempDir(), h.Name())
	p.store(dir, h)
	return dir
}

func (p *packing) rotate() {
	for n := 1; n <= p.rotations; n++ {
		doc := marshal(p.t, bundle.Rotation{
			Format: bundle.FormatRotation, Version: 1, Number: n, Origin: uuid(1),
			Old: fmt.Sprintf("%040X", n), New: fmt.Sprintf("%040X", n+1), Created: noon(),
		})
		for _, files := range p.files {
			files[bundle.RotationPath(n)] = doc
			files[bundle.RotationPath(n)+".asc"] = origin.sign(doc)
		}
	}
}

// fill places six objects, one in segments, one bulletin and the catalog.
func (p *packing) fill() {
	for n := range 6 {
		v := n%p.volumes + 1
		p.ship(object(n), v, bundle.ObjectPath(layout.DigestOf(object(n))))
	}
	p.ship([]byte("MS08-067 is out"), 1, bundle.BulletinPath(layout.DigestOf([]byte("MS08-067 is out"))))
	e := bundle.Entry{SHA256: p.cutName, Size: int64(len(big))}
	if e.SHA256.IsZero() {
		e.SHA256 = layout.DigestOf(big)
	}
	for i, part := range [][]byte{big[:150], big[150:]} {
		v := []int{1, p.volumes}[i]
		path := bundle.SegmentPath(e.SHA256, i+1)
		p.files[v-1][path] = part
		e.Segments = append(e.Segments, bundle.Segment{
			Volume: v, Path: path, Offset: int64(i * 150), Size: int64(len(part)), SHA256: layout.DigestOf(part),
		})
	}
	p.crateEntry(e)
}

func (p *packing) ship(b []byte, volume int, path string) {
	p.files[volume-1][path] = b
	p.crateEntry(bundle.Entry{SHA256: layout.DigestOf(b), Size: int64(len(b)), Volume: volume, Path: path})
}

func (p *packing) crateEntry(e bundle.Entry) {
	p.entries = append(p.entries, e)
	p.refs = append(p.refs, layout.ObjectRef{SHA256: e.SHA256, Size: e.Size})
}

// head makes lists, generation and header.
func (p *packing) head() *bundle.Header {
	plain := []byte(catalogLine(p.t))
	if p.catalog != nil {
		p.ship(p.catalog(plain), 1, bundle.CatalogFile)
	} else {
		p.ship(squeeze(p.t, plain), 1, bundle.CatalogFile)
	}
	required := []layout.ObjectRef{refOf([]byte("at home already")), refOf([]byte("this one, too"))}
	slices.SortFunc(required, byDigest)
	shipped := p.refs
	all := slices.Concat(shipped, required)
	slices.SortFunc(all, byDigest)
	root, err := layout.StateRoot(slices.Values(all))
	if err != nil {
		p.t.Fatal(err)
	}
	g := &layout.Generation{
		Format: layout.FormatGeneration, Version: 1, Number: 7, Created: noon(),
		Catalog: refOf(p.files[0][bundle.CatalogFile]), Lines: layout.DigestOf(plain), StateRoot: root, Counts: layout.Counts{Updates: 1},
	}
	if p.generation != nil {
		p.generation(g)
	}
	doc := marshal(p.t, g)
	p.files[0][bundle.GenerationFile] = doc
	p.loose[bundle.GenerationSigFile] = origin.sign(doc)

	h := &bundle.Header{
		Format: bundle.FormatBundle, Version: 1, MinReader: 1, Bundle: uuid(9), Origin: uuid(1), Stream: uuid(2), StreamName: "main",
		Epoch: 1, Seq: p.seq, Kind: bundle.Full, StateRoot: root, Objects: len(all), Bytes: sizeOf(all), Created: noon(), Tool: "test",
		Generation: bundle.NumberedRef{Number: 7, SHA256: layout.DigestOf(doc), Size: int64(len(doc))},
	}
	slices.SortFunc(p.entries, func(a, b bundle.Entry) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	var entries, requires []string
	for _, e := range p.entries {
		entries = append(entries, string(marshal(p.t, e)))
	}
	for _, r := range required {
		requires = append(requires, fmt.Sprintf("%s %d", r.SHA256, r.Size))
	}
	h.Entries = p.list(bundle.EntriesFile, entries, p.crate.entries, sizeOf(shipped))
	h.Requires = p.list(bundle.RequiresFile, requires, p.requires, sizeOf(required))
	return h
}

// list writes one compressed list after its hook.
func (p *packing) list(name string, lines []string, hook func([]string) []string, size int64) bundle.CountedRef {
	if hook != nil {
		lines = hook(lines)
	}
	packed := squeeze(p.t, []byte(joined(lines)))
	if p.packed != nil {
		packed = p.packed(name, packed)
	}
	p.files[0][name] = packed
	ref := refOf(packed)
	return bundle.CountedRef{SHA256: ref.SHA256, Size: ref.Size, Count: len(lines), Bytes: size}
}

// store writes the volumes.
func (p *packing) store(dir string, h *bundle.Header) {
	for i, files := range p.files {
		var lines, sums []string
		size := int64(0)
		line := func(path string) {
			b := files[path]
			size += int64(len(b))
			lines = append(lines, string(marshal(p.t, bundle.Line{Path: path, Size: int64(len(b)), SHA256: layout.DigestOf(b)})))
			sums = append(sums, fmt.Sprintf("%s  %s", layout.DigestOf(b), path))
		}
		for _, path := range slices.Sorted(maps.Keys(files)) {
			line(path)
		}
		files[bundle.SumsFile] = []byte(joined(sums))
		line(bundle.SumsFile)
		count := len(lines)
		if p.lines != nil {
			lines = p.lines(i+1, lines)
			count = len(lines)
		}
		list := []byte(joined(lines))
		h.Volumes = append(h.Volumes, bundle.Volume{Index: i + 1, Files: count, Bytes: size, SHA256: layout.DigestOf(list)})
		files[bundle.VolumeFile] = list
	}
	if p.header != nil {
		p.header(h)
	}
	doc := marshal(p.t, h)
	if p.document != nil {
		doc = p.document(doc)
	}
	maps.Copy(p.files[0], p.loose)
	for i, files := range p.files {
		files[bundle.HeaderFile] = doc
		files[bundle.HeaderSigFile] = origin.sign(doc)
		for path, b := range files {
			put(p.t, filepath.Join(dir, bundle.VolumeName(i+1, len(p.files)), path), b)
		}
	}
}

func byDigest(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) }

func sizeOf(refs []layout.ObjectRef) (sum int64) {
	for _, r := range refs {
		sum += r.Size
	}
	return sum
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func noon() layout.Time { return layout.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)) }

func uuid(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }

func catalogLine(t testing.TB) string {
	t.Helper()
	line, err := layout.AppendLine(nil, &layout.Update{ID: "test:1", Title: "An update"})
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func squeeze(t testing.TB, plain []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(plain, nil)
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// open opens a bundle that is verified by the origin's seal.
func open(t testing.TB, dirs ...string) (*bundle.Bundle, error) {
	t.Helper()
	b, err := bundle.Open(t.Context(), dirs, origin, bundle.ReadOptions{})
	if err == nil {
		t.Cleanup(func() { _ = b.Close() })
	}
	return b, err
}

// verifyAll opens a bundle and reads everything that is there.
func verifyAll(ctx context.Context, dirs ...string) (*bundle.Report, error) {
	b, err := bundle.Open(ctx, dirs, origin, bundle.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }()
	return b.Verify(ctx)
}

// volumeDir returns the folder of a volume of a bundle of three.
func volumeDir(dir string, index int) string {
	return filepath.Join(dir, bundle.VolumeName(index, 3))
}

// pathOf returns where object n of a bundle of three stands.
func pathOf(dir string, n int) string {
	return filepath.Join(volumeDir(dir, n%3+1), bundle.ObjectPath(layout.DigestOf(object(n))))
}

// wantRefusal checks that err is a refusal with that code whose message has
// the words.
func wantRefusal(t *testing.T, err error, code bundle.Code, words string) {
	t.Helper()
	var refused *bundle.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got error %v, want a refusal with code %s", err, code)
	}
	if refused.Code != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got code %s, %q\nwant code %s, with %q", refused.Code, err, code, words)
	}
}
