package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names and paths in bytes of UTF-8, which is never less than the
// number of UTF-16 units that Windows counts. A path below the root of the
// tree has at most MaxPath, so that it stays under MAX_PATH (260) below a root
// of up to 58.
const (
	MaxPath   = 200
	maxFolder = 110
	maxEntry  = MaxPath - maxFolder - 1
)

// Limits of CheckPath in bytes: NTFS and ext4 allow 255 in a name, S3 1024 in
// a key.
const (
	maxComponent = 255
	maxKey       = 1024
)

// Fold returns s as it is compared when names are looked up: two names whose
// folds are equal are the same name on a file system that ignores case. It is
// simple case folding, rune by rune, without regard to language.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

// foldRune maps all runes that differ only in case to one of them, the lower
// case of the smallest.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// SafeName returns the name under which something called s can be kept on
// NTFS, FAT32, ext4 and S3 alike: s itself where that is possible, else s with
// "_" for what is not allowed, and cut to 89 bytes before its extension, with
// eight digits of its SHA-256, where it is too long. The result is never
// empty, and SafeName leaves it as it is.
//
// Not allowed are control and format characters, the characters that Windows
// reserves, blanks and dots at the end, device names (also before a dot),
// bytes that are not UTF-8, and outside of ASCII all but letters and digits
// that read the same after Unicode normalisation: some file systems
// normalise names and some do not.
func SafeName(s string) string {
	name := clean(s)
	if len(name) <= maxEntry {
		return name
	}
	return suffixed(name, s, 8)
}

// suffixed puts digits of the SHA-256 of key between the stem and the
// extension of a clean name, cutting the stem where the result would be too
// long.
func suffixed(name, key string, digits int) string {
	sum := sha256.Sum256([]byte(key))
	ext := extension(name)
	tail := "-" + hex.EncodeToString(sum[:])[:digits] + ext
	return cutName(strings.TrimSuffix(name, ext), maxEntry-len(tail)) + tail
}

// extension returns the extension of a name with its dot, or "" where what
// stands there is none that a program would go by.
func extension(name string) string {
	ext := path.Ext(name)
	if len(ext) < 2 || len(ext) > 12 || len(ext) == len(name) {
		return ""
	}
	for _, c := range []byte(ext[1:]) {
		if !isAlnum(c) {
			return ""
		}
	}
	return ext
}

// cutName cuts s to at most n bytes at the start of a rune.
func cutName(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// clean replaces what is not allowed in a name. It is idempotent.
func clean(s string) string {
	if !plain(s) {
		s = strings.Map(allowed, s) // turns invalid UTF-8 into U+FFFD first
		s = strings.Trim(s, " ")
		s = strings.TrimRight(s, ". ")
	}
	if s == "" {
		return "_"
	}
	if isDevice(s) {
		return "_" + s
	}
	return s
}

// plain reports whether s is of the kind that nearly all real names are, which
// need no second look.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '-' && c != '_' && (c != '.' || i == len(s)-1) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func allowed(r rune) rune {
	switch {
	case r < ' ' || r == 0x7f:
		return '_'
	case r < utf8.RuneSelf:
		if strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	case unicode.Is(unstable, r) || !unicode.IsLetter(r) && !unicode.Is(unicode.Nd, r):
		return '_'
	}
	return r
}

// unstable covers the letters that normalisation form C would change, or join
// with a neighbour: conjoining jamo, and the blocks that hold singletons,
// composition exclusions and compatibility forms. Combining marks are no
// letters and need no entry. It covers more than it must, which costs a few
// rare letters and needs no tables.
var unstable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0340, Hi: 0x0387, Stride: 1}, // Greek signs
		{Lo: 0x0958, Hi: 0x095f, Stride: 1}, // Devanagari with nukta
		{Lo: 0x09dc, Hi: 0x09df, Stride: 1}, // Bengali
		{Lo: 0x0a33, Hi: 0x0a36, Stride: 3}, // Gurmukhi
		{Lo: 0x0a59, Hi: 0x0a5e, Stride: 1},
		{Lo: 0x0b5c, Hi: 0x0b5d, Stride: 1}, // Oriya
		{Lo: 0x0f43, Hi: 0x0f69, Stride: 1}, // Tibetan
		{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, // jamo
		{Lo: 0x1f00, Hi: 0x1fff, Stride: 1}, // Greek with accents
		{Lo: 0x2100, Hi: 0x214f, Stride: 1}, // letter-like symbols
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1}, // jamo
		{Lo: 0xd7b0, Hi: 0xd7ff, Stride: 1},
		{Lo: 0xf900, Hi: 0xfdff, Stride: 1}, // compatibility and presentation forms
		{Lo: 0xfe70, Hi: 0xfeff, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x2f800, Hi: 0x2fa1f, Stride: 1}}, // compatibility ideographs
}

// isDevice reports whether Windows takes a name for a device, whatever its
// extension.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.TrimRight(stem, " ")
	if len(stem) < 3 || len(stem) > 7 {
		return false
	}
	switch stem = strings.ToLower(stem); stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$", "clock$":
		return true
	}
	return len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && '0' <= stem[3] && stem[3] <= '9'
}

// CheckPath reports why p is not a path that may be made, on any file system
// or in a bucket: it must be relative, slash-separated, valid UTF-8, without
// "." or ".." or an empty component, at most 1024 bytes long with at most 255
// in a component, and each component must be one that SafeName could leave as
// it is but for its length. It says nothing of symbolic links: open what it
// lets pass through an os.Root.
func CheckPath(p string) error {
	switch {
	case p == "":
		return errors.New("path is empty")
	case len(p) > maxKey:
		return fmt.Errorf("path %q… has %d bytes, more than %d", clip(p), len(p), maxKey)
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("path %q is not relative", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("path %q has the component %q", p, part)
		case len(part) > maxComponent:
			return fmt.Errorf("path %q has a component of %d bytes, more than %d", clip(p), len(part), maxComponent)
		case clean(part) != part:
			return fmt.Errorf("path %q has the component %q, which not every file system can keep", p, part)
		}
	}
	return nil
}
