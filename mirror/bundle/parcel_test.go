package bundle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// parcel is a bundle in memory that was written as every other and is then made
// wrong: before it is sealed, so that its origin signs what is wrong, or after.
type parcel struct {
	t       testing.TB
	header  *bundle.Header
	volumes []map[string][]byte // by path, of each volume
	signer  string              // name of the key that signs
	lines   func([]string) []string
	doc     func([]byte) []byte // changes the header's bytes before they are signed
}

// parcelOptions says what is in a parcel.
type parcelOptions struct {
	sampleOptions
	plan bundle.PlanOptions
	edit func(*bundle.Content)
}

// newParcel makes a parcel that is right: one file of 200 bytes in one volume,
// where the options say nothing else.
func newParcel(t testing.TB, opt parcelOptions) *parcel {
	t.Helper()
	if opt.sizes == nil {
		opt.sizes = []int{200}
	}
	origin := testKey(t, "origin")
	s := newSample(t, origin, opt.sampleOptions)
	if opt.edit != nil {
		opt.edit(s.content)
	}
	made, err := (&bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}, Options: opt.plan}).Write(t.Context(), t.TempDir(), s.content)
	if err != nil {
		t.Fatal(err)
	}
	p := &parcel{t: t, signer: "origin"}
	if p.header, err = bundle.ParseHeader(made.Header); err != nil {
		t.Fatal(err)
	}
	p.volumes = make([]map[string][]byte, len(p.header.Volumes))
	for i := range p.volumes {
		p.volumes[i] = map[string][]byte{}
		for name, content := range filesBelow(t, filepath.Join(made.Dir, bundle.VolumeName(i+1, len(p.volumes)))) {
			p.volumes[i][name] = []byte(content)
		}
	}
	return p
}

// find returns the path of volume 1 that is this, or the only one that begins
// so.
func (p *parcel) find(prefix string) string {
	p.t.Helper()
	if _, ok := p.volumes[0][prefix]; ok {
		return prefix
	}
	var found []string
	for name := range p.volumes[0] {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		p.t.Fatalf("files %q begin with %q, want one", found, prefix)
	}
	return found[0]
}

// change changes one file of volume 1.
func (p *parcel) change(name string, change func([]byte) []byte) {
	p.t.Helper()
	if _, ok := p.volumes[0][name]; !ok {
		p.t.Fatalf("there is no %s", name)
	}
	p.volumes[0][name] = change(bytes.Clone(p.volumes[0][name]))
}

// generation changes the generation, and signs it again.
func (p *parcel) generation(change func(*layout.Generation)) {
	p.t.Helper()
	g, err := layout.ParseGeneration(p.volumes[0][bundle.GenerationFile])
	if err != nil {
		p.t.Fatal(err)
	}
	change(g)
	doc, err := g.Encode()
	if err != nil {
		p.t.Fatal(err)
	}
	p.volumes[0][bundle.GenerationFile] = doc
	p.volumes[0][bundle.GenerationSigFile] = p.sign(doc)
}

func (p *parcel) sign(doc []byte) []byte {
	p.t.Helper()
	sig, err := testKey(p.t, p.signer).Sign(doc, bundledAt)
	if err != nil {
		p.t.Fatal(err)
	}
	return sig
}

// list puts a compressed list in the place of another, counted as the header
// counts the old one.
func (p *parcel) list(name string, packed []byte) {
	p.volumes[0][name] = packed
	ref := &p.header.Entries
	if name == bundle.RequiresFile {
		ref = &p.header.Requires
	}
	ref.SHA256, ref.Size = layout.DigestOf(packed), int64(len(packed))
}

// seal binds everything as it is now: the lists of the volumes, the header, its
// signature.
func (p *parcel) seal() {
	p.t.Helper()
	doc := p.volumes[0][bundle.GenerationFile]
	p.header.Generation.SHA256, p.header.Generation.Size = layout.DigestOf(doc), int64(len(doc))
	for i := range p.volumes {
		p.header.Volumes[i] = p.bind(i)
	}
	doc = marshal(p.t, p.header)
	if p.doc != nil {
		doc = p.doc(doc)
	}
	for _, files := range p.volumes {
		files[bundle.HeaderFile], files[bundle.HeaderSigFile] = doc, p.sign(doc)
	}
}

// bind writes the lists of one volume.
func (p *parcel) bind(index int) bundle.Volume {
	files := p.volumes[index]
	for _, name := range []string{bundle.HeaderFile, bundle.HeaderSigFile, bundle.VolumeFile, bundle.SumsFile} {
		delete(files, name)
	}
	var sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != bundle.GenerationSigFile {
			fmt.Fprintf(&sums, "%s  %s\n", layout.DigestOf(files[name]), name)
		}
	}
	files[bundle.SumsFile] = []byte(sums.String())
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != bundle.GenerationSigFile {
			lines = append(lines, string(marshal(p.t, bundle.Line{Path: name, Size: int64(len(files[name])), SHA256: layout.DigestOf(files[name])})))
		}
	}
	if p.lines != nil {
		lines = p.lines(lines)
	}
	v := bundle.Volume{Index: index + 1, Files: len(lines)}
	for _, line := range lines {
		var l bundle.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			p.t.Fatal(err)
		}
		v.Bytes += max(l.Size, 0)
	}
	files[bundle.VolumeFile] = []byte(joined(lines))
	v.SHA256 = layout.DigestOf(files[bundle.VolumeFile])
	return v
}

// write puts the volumes that are left below a folder.
func (p *parcel) write(dir string) {
	p.t.Helper()
	for i, files := range p.volumes {
		for name, content := range files {
			put(p.t, filepath.Join(dir, bundle.VolumeName(i+1, len(p.volumes)), filepath.FromSlash(name)), content)
		}
	}
}

// replaceTree puts the files of one folder in the place of another.
func replaceTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
