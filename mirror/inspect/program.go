package inspect

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"

	"patchferry/layout"
	"patchferry/layout/cab"
)

// insides is what is known of a program when its kind is decided.
type insides struct {
	version  *version
	cabinet  *cab.Cabinet // that it unpacks; nil for none
	iexpress bool         // the cabinet is where IExpress has it
}

// program looks into a program.
func (f *file) program() (Found, error) {
	found := Found{Package: new(layout.Package)}
	if !isProgram(f.guess) {
		found.Kind = layout.KindExe
	}
	p, err := openImage(f)
	if err != nil {
		return found, err
	}
	var in insides
	var noVersion, noCabinet error
	in.version, noVersion = p.version()
	in.cabinet, in.iexpress, noCabinet = p.cabinet()
	if kind := in.kind(f.guess); kind != "" {
		found.Kind = kind
	}
	found.Package.Title = in.version.word("productname", "filedescription")
	found.Package.Version = in.version.word("productversion", "fileversion")
	if in.version != nil && found.Package.Version == "" {
		found.Package.Version = in.version.number
	}
	var noEngine error
	switch found.Kind {
	case layout.KindUpdate, layout.KindServicePack, layout.KindHotfix:
		found.Package.Engine, noEngine = in.engine(f)
	}
	return found, errors.Join(noVersion, noCabinet, noEngine)
}

// kind decides by what is certain; empty where nothing is.
func (in *insides) kind(guess layout.Kind) layout.Kind {
	v := in.version
	switch {
	case v.says("update.exe", "installer engine"):
		return in.updateKind(guess)
	case v.says("hotfix.exe", "installer engine"):
		return layout.KindHotfix
	case v.says(".net framework", "productname", "filedescription"):
		return layout.KindDotNet
	case v.says("antimalware definition", "productname", "filedescription"):
		return layout.KindDefender
	case v.says("opatchinst", "internalname", "originalfilename"):
		return layout.KindOffice
	case in.iexpress, v.says("wextract", "internalname", "originalfilename"):
		return layout.KindIExpress
	case in.has("update.exe") != nil && in.has("update.inf") != nil:
		return in.updateKind(guess)
	case in.has("hotfix.exe") != nil && in.has("hotfix.inf") != nil:
		return layout.KindHotfix
	}
	return ""
}

// updateKind tells service packs, which unpack to i386\update, from the rest.
func (in *insides) updateKind(guess layout.Kind) layout.Kind {
	if guess == layout.KindServicePack || in.version.says("service pack", "package type", "installation type") {
		return layout.KindServicePack
	}
	if f := in.has("update.exe"); f != nil {
		switch layout.Fold(slashed(f.Name)) {
		case "i386/update/update.exe", "amd64/update/update.exe", "ia64/update/update.exe":
			return layout.KindServicePack
		}
	}
	return layout.KindUpdate
}

// engine returns the version of the program that installs: as the package says, or
// as that program in the cabinet does.
func (in *insides) engine(outer *file) (string, error) {
	if number := in.version.word("installer version"); number != "" {
		return number, nil
	}
	f := in.has("update.exe")
	if f == nil {
		f = in.has("hotfix.exe")
	}
	if f == nil || f.Size > maxInner {
		return "", nil
	}
	b, err := outer.unpack(in.cabinet, f, maxInner)
	if err != nil || b == nil {
		return "", err
	}
	p, err := openImage(&file{r: bytes.NewReader(b), size: int64(len(b))})
	if err != nil {
		return "", err
	}
	v, err := p.version()
	if v == nil || err != nil {
		return "", err
	}
	return v.number, nil
}

// has returns the member with that name, in whatever folder.
func (in *insides) has(name string) *cab.File { return member(in.cabinet, name) }

// cabinet finds what a self-extracting program unpacks: in the resource CABINET,
// where IExpress has it, else anywhere in its first 4 MiB.
func (p *image) cabinet() (c *cab.Cabinet, iexpress bool, err error) {
	at, size, ok, err := p.resource(resourceRaw, "CABINET")
	if ok && at+size <= p.size {
		c, err = cab.Open(io.NewSectionReader(p.r, at, size), size)
		return c, true, err
	}
	if err != nil {
		return nil, false, err
	}
	at, ok, err = cab.Find(p.r, p.size)
	if err != nil || !ok {
		return nil, false, err
	}
	c, err = cab.Open(io.NewSectionReader(p.r, at, p.size-at), p.size-at)
	if errors.Is(err, cab.ErrFormat) {
		return nil, false, nil // it only looked like one
	}
	return c, false, err
}

// member returns the member of a cabinet with that name, in whatever folder; nil
// where there is none.
func member(c *cab.Cabinet, name string) *cab.File {
	if c == nil {
		return nil
	}
	for i := range c.Files {
		if layout.Fold(path.Base(slashed(c.Files[i].Name))) == name {
			return &c.Files[i]
		}
	}
	return nil
}

func slashed(name string) string { return strings.ReplaceAll(name, `\`, "/") }
