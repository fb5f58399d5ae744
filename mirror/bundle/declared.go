package bundle

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"patchferry/layout"
)

// declared is a file that VOLUME.jsonl names. There are hundreds of thousands of
// them in a large bundle, nearly all of them objects, whose paths are made of
// their digests when they are asked for.
type declared struct {
	sha256 layout.Digest
	size   int64  // bytes
	other  string // its path, where it is no object; never below objects/
	seen   bool   // it is on the medium
	named  bool   // an entry names it
}

// newDeclared makes one of a line whose path has its place (checkPlace).
func newDeclared(l Line) declared {
	d := declared{sha256: l.SHA256, size: l.Size}
	if l.Path != ObjectPath(l.SHA256) {
		d.other = l.Path
	}
	return d
}

func (d *declared) path() string {
	if d.other != "" {
		return d.other
	}
	return ObjectPath(d.sha256)
}

func (d *declared) line() Line { return Line{d.path(), d.size, d.sha256} }

// inEntry reports whether an entry must name the file.
func (d *declared) inEntry() bool {
	folder, _, _ := strings.Cut(d.other, "/")
	return d.other == "" || folder == "segments" || folder == "bulletins"
}

// compareDeclared orders files by their paths.
func compareDeclared(a, b declared) int {
	if a.other == "" && b.other == "" {
		return bytes.Compare(a.sha256[:], b.sha256[:])
	}
	return strings.Compare(cmp.Or(a.other, objectsFolder), cmp.Or(b.other, objectsFolder))
}

// line returns the declared file of that path, nil where there is none.
func (v *volume) line(name string) *declared {
	i, found := slices.BinarySearchFunc(v.files, declaredAs(name), compareDeclared)
	if !found {
		return nil
	}
	return &v.files[i]
}

// declaredAs returns what is found in a list under a path.
func declaredAs(name string) declared {
	if d, err := layout.ParseDigest(path.Base(name)); err == nil && ObjectPath(d) == name {
		return declared{sha256: d}
	}
	return declared{other: name}
}
