package inspect

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"

	"patchferry/layout"
)

// The limits of what is read into memory, in bytes, and of what is unpacked.
const (
	maxUnpack = 64 << 20 // besides twice the size of the file
	maxInner  = 8 << 20  // a cabinet in a cabinet, or a program in one
	maxText   = 1 << 20  // an INF or XML file
	maxWord   = 200      // characters of a word in the result
)

// errDamaged is matched by errors about files that are not as their kind should be.
var errDamaged = errors.New("not as it should be")

// Found is what a file turned out to be.
type Found struct {
	// Kind is empty where the content does not settle it; then the file's name has
	// the word.
	Kind layout.Kind
	// Package is what the file says of itself; nil where it is nothing that is
	// known here. It may be there and empty.
	Package *layout.Package
}

// File looks at a file of size bytes with that name. An error says what could not
// be read of it; what was found until then is returned with it, and counts.
func File(r io.ReaderAt, size int64, name string) (Found, error) {
	f := &file{r: r, size: size, guess: layout.KindOf(name, nil), ext: path.Ext(layout.Fold(name))}
	found, err := f.look()
	if err != nil {
		return found, fmt.Errorf("look into %s: %w", name, err)
	}
	return found, nil
}

// file is one file that is being looked at.
type file struct {
	r     io.ReaderAt
	size  int64
	guess layout.Kind // by its name
	ext   string      // folded, with its dot
	spent int64       // bytes that were unpacked
}

const (
	magicProgram  = "MZ"
	magicCabinet  = "MSCF"
	magicCompound = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	magicWIM      = "MSWIM\x00\x00\x00"
)

func (f *file) look() (Found, error) {
	head, err := f.read(0, min(f.size, int64(len(magicCompound))))
	if err != nil {
		return Found{}, err
	}
	is := func(magic string) bool { return strings.HasPrefix(string(head), magic) }
	switch {
	case is(magicProgram):
		return f.program()
	case is(magicCabinet):
		return f.cabinet()
	case is(magicCompound):
		return f.compound()
	case is(magicWIM):
		return f.wim(), nil
	case f.ext == ".inf":
		return f.inf()
	}
	return Found{}, nil
}

// wim settles what a Windows image is by its name alone: an update from Windows 11
// 24H2 on is one, too.
func (f *file) wim() Found {
	switch f.guess {
	case layout.KindMSU, layout.KindWIM, layout.KindESD:
		return Found{Kind: f.guess, Package: new(layout.Package)}
	}
	return Found{Kind: layout.KindWIM, Package: new(layout.Package)}
}

// read returns n bytes of the file.
func (f *file) read(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > f.size || n > f.size-at || n > maxInner {
		return nil, fmt.Errorf("%d bytes at %d of %d: %w", n, at, f.size, errDamaged)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f.r, at, n), b); err != nil {
		return nil, err
	}
	return b, nil
}

// isProgram reports whether a kind is one of programs.
func isProgram(k layout.Kind) bool {
	switch k {
	case layout.KindHotfix, layout.KindUpdate, layout.KindServicePack, layout.KindIExpress, layout.KindOffice,
		layout.KindDotNet, layout.KindDriverExe, layout.KindDefender, layout.KindExe:
		return true
	}
	return false
}

// clean makes a word of a file fit for a catalog: valid UTF-8 without what controls
// a terminal or the direction of text, single blanks, at most maxWord characters.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxWord {
		s = strings.TrimSpace(string(runes[:maxWord]))
	}
	return s
}

// guid returns a GUID as "{8-4-4-4-12}" in capitals, empty where s is none.
func guid(s string) string {
	s = strings.ToUpper(s)
	if len(s) != 38 {
		return ""
	}
	for i := range len(s) {
		want := "{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}"[i]
		isHex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'F'
		if want == 'X' && !isHex || want != 'X' && s[i] != want {
			return ""
		}
	}
	return s
}
