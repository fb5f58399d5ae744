package distribute

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"patchferry/layout"
)

// addFiles takes over files of the update that was added last and of one folder, in
// the order of their names.
func (b *viewBuilder) addFiles(files []layout.File) (run, error) {
	v := b.view
	first := len(v.files)
	for i := range files {
		f, err := b.file(&files[i])
		if err != nil {
			return run{}, err
		}
		v.files = append(v.files, f)
	}
	added := v.files[first:]
	slices.SortStableFunc(added, func(x, y file) int {
		return cmp.Or(compareNames(b.text.get(x.name), b.text.get(y.name)), cmp.Compare(y.marks&isHeld, x.marks&isHeld))
	})
	var n int
	for _, f := range added {
		if n > 0 && compareNames(b.text.get(f.name), b.text.get(added[n-1].name)) == 0 {
			if f.held() {
				return run{}, fmt.Errorf("two files are called %q", b.text.get(f.name))
			}
			v.counts.Missing++ // the name is that of another, which is here, or was listed before
			continue
		}
		added[n] = f
		n++
	}
	v.files = v.files[:first+n]
	return run{first: uint32(first), n: uint32(n)}, nil
}

// file makes the record of a file.
func (b *viewBuilder) file(f *layout.File) (file, error) {
	v := b.view
	rec := file{update: uint32(len(v.updates) - 1), size: f.Size, sha256: f.SHA256, sha1: f.SHA1}
	url := f.URL
	if len(url) > maxText {
		url = ""
	}
	if err := b.addNames(&rec, f.Entry(), url); err != nil {
		return rec, err
	}
	if !f.Modified.IsZero() {
		rec.modified = f.Modified.Time().Unix()
	}
	if v.isRevoked(f.SHA256) {
		rec.marks |= isRevoked
	}
	switch {
	case f.Held:
		rec.marks |= isHeld
	case isFetchable(url):
		if best := f.Best(); best != nil && layout.GradeOf(best.Grade.Rank()) != "" {
			rec.marks |= isFillable | marks(best.Grade.Rank())<<gradeShift
		}
	}
	return rec, b.addExtras(&rec, f)
}

// addNames keeps the text of a file: its name needs no room of its own where the
// publisher's URL ends in it.
func (b *viewBuilder) addNames(rec *file, name, url string) error {
	origin, rest := splitURL(url)
	var err error
	if rec.origin, err = b.origin(origin); err != nil {
		return err
	}
	if rec.origin == 0 {
		rest = url
	}
	if rec.rest, err = b.text.add(rest); err != nil {
		return err
	}
	if strings.HasSuffix(rest, name) && name != "" {
		rec.name = span{off: rec.rest.off + uint32(len(rest)-len(name)), n: uint16(len(name))}
		return nil
	}
	rec.name, err = b.text.add(name)
	return err
}

// origin returns the place of an origin. Where a catalog has more of them than places,
// files of the others are not found by their publisher's path.
func (b *viewBuilder) origin(text string) (uint16, error) {
	v := b.view
	if at, ok := b.known[text]; ok || len(v.origins) > math.MaxUint16 {
		return at, nil
	}
	s, err := b.text.add(text)
	if err != nil {
		return 0, err
	}
	at := uint16(len(v.origins))
	v.origins = append(v.origins, s)
	b.known[strings.Clone(text)] = at
	return at, nil
}

func (b *viewBuilder) addExtras(rec *file, f *layout.File) error {
	var e extra
	if rec.fillable() {
		e.md5 = f.MD5
	}
	if rec.held() && isTag(f.Tag) && f.Tag != f.SHA256.String() {
		var err error
		if e.tag, err = b.text.add(f.Tag); err != nil {
			return err
		}
	}
	if e == (extra{}) {
		return nil
	}
	b.view.extras = append(b.view.extras, e)
	rec.extra = uint32(len(b.view.extras))
	return nil
}

// isTag reports whether text can stand between the quotes of an entity tag (RFC 9110,
// 8.8.3), here of ASCII.
func isTag(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c == '"' || c > '~' {
			return false
		}
	}
	return text != ""
}

// index makes the tables by digest and by path, and the sums.
func (v *View) index() {
	for i := range v.files {
		f := &v.files[i]
		if !f.sha256.IsZero() {
			v.bySHA256 = append(v.bySHA256, uint32(i))
		}
		if !f.sha1.IsZero() {
			v.bySHA1 = append(v.bySHA1, uint32(i))
		}
		if f.origin != 0 {
			v.byPath = append(v.byPath, uint32(i))
		}
	}
	slices.SortFunc(v.bySHA256, func(nx, ny uint32) int {
		return cmp.Or(bytes.Compare(v.files[nx].sha256[:], v.files[ny].sha256[:]), v.byAge(nx, ny))
	})
	slices.SortFunc(v.bySHA1, func(nx, ny uint32) int {
		return cmp.Or(bytes.Compare(v.files[nx].sha1[:], v.files[ny].sha1[:]), v.byAge(nx, ny))
	})
	slices.SortFunc(v.byPath, func(nx, ny uint32) int {
		return cmp.Or(compareNames(v.pathOf(&v.files[nx]), v.pathOf(&v.files[ny])), v.byAge(nx, ny))
	})
	v.indexHomes()
	v.count()
}

// byAge orders files of the same bytes: what is held, then what is older.
func (v *View) byAge(nx, ny uint32) int {
	x, y := &v.files[nx], &v.files[ny]
	return cmp.Or(cmp.Compare(y.marks&isHeld, x.marks&isHeld), cmp.Compare(x.modified, y.modified), cmp.Compare(nx, ny))
}

func (v *View) count() {
	c := &v.counts
	c.Updates = len(v.updates) - c.Owners
	for i := range v.files {
		switch f := &v.files[i]; {
		case f.held():
			c.Files++
		case f.fillable():
			c.Fills++
			fallthrough
		default:
			c.Missing++
		}
	}
	var last *file
	for _, n := range v.bySHA256 {
		f := &v.files[n]
		if f.held() && (last == nil || last.sha256 != f.sha256) {
			c.Objects++
			c.Bytes += f.size
			last = f
		}
	}
}
