package layout

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// numberDigits is the length of the number at the end of an update's folder.
const numberDigits = 10

// publisher begins the names of folders, as it did in the Windows Update
// Catalog.
const publisher = "com_microsoft."

// ProposeFolder returns the folder in the catalog tree in which an update is
// kept when it first enters a catalog (docs/house.md):
//
//	Software/EN/com_microsoft.windows2000/x86win2k/com_microsoft.Q311967_W2K_SP3_0123456789
//	Drivers/ALL/com_microsoft.windows10/x64win10/Intel_Network_12.18.9.23_0123456789
//
// Of several systems the one that came out first counts, of several
// architectures likewise (x86 before x64), whatever their order in u; an
// update for no system in particular lies under com_microsoft.other/any. The
// number is SHA-256(id), its first eight bytes as a big-endian number modulo
// 10^10: two updates rarely propose the same folder, and when they do,
// NextFolder has others. A folder has at most 110 bytes.
func ProposeFolder(u *Update) string {
	os, arch := canonical(u)
	return folder(u, os, arch, number(u.ID))
}

// AliasFolders returns the folders under the other systems and architectures
// of u in which it is shown too, in the order of the tables and without
// u.Folder. They end in the number that u.Folder ends in, so that they are as
// unique as it is.
func AliasFolders(u *Update) []string {
	n := number(u.ID)
	if i := len(u.Folder) - numberDigits; i > 0 && digits(u.Folder[i:]) {
		n = u.Folder[i:]
	}
	own := cmp.Or(u.Folder, ProposeFolder(u))
	var all []string
	for _, os := range osFamilies(u) {
		for _, arch := range archsOf(u) {
			if f := folder(u, os, arch, n); f != own && !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// NextFolder returns the nth other folder, n = 1, 2 …, for an update whose
// proposed folder is taken by another. It is as long as the first.
func NextFolder(proposed string, n int) string {
	next := number(proposed + "\n" + strconv.Itoa(n))
	if i := len(proposed) - numberDigits; i > 0 && digits(proposed[i:]) {
		return proposed[:i] + next
	}
	return cutName(proposed, maxFolder-numberDigits-1) + "_" + next
}

// number returns ten digits that stand for id.
func number(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%0*d", numberDigits, binary.BigEndian.Uint64(sum[:])%10_000_000_000)
}

func canonical(u *Update) (OS, Arch) {
	return osFamilies(u)[0], archsOf(u)[0]
}

// osFamilies returns the families of u in the order of the table, at least
// one, which may be empty.
func osFamilies(u *Update) []OS {
	list := make([]OS, 0, len(u.OS)+1)
	for _, os := range u.OS {
		if os != "" {
			list = append(list, os.Family())
		}
	}
	if len(list) == 0 {
		return []OS{""}
	}
	return sortOS(list)
}

func archsOf(u *Update) []Arch {
	if len(u.Arch) == 0 {
		return []Arch{""}
	}
	return sortArchs(slices.Clone(u.Arch))
}

func folder(u *Update, os OS, arch Arch, n string) string {
	top := "Software"
	if u.Type == Drivers {
		top = "Drivers"
	}
	lang := "ALL"
	if l := strings.ToUpper(slug(string(u.Language), 8)); l != "" {
		lang = clean(l)
	}
	product, platform := publisher+"other", "any"
	if os != "" {
		product, platform = os.product(), os.Platform(arch)
	}
	above := top + "/" + lang + "/" + product + "/" + platform + "/"
	return above + leaf(u, os, n, maxFolder-len(above))
}

// leaf returns the name of the update's own folder, at most room bytes long.
func leaf(u *Update, os OS, n string, room int) string {
	var name string
	if u.Type == Drivers {
		name = driverName(u.Driver)
	} else {
		name = publisher + codeOf(u)
		if short := os.short(); short != "" {
			name += "_" + short
		}
		if pack := slug(u.IncludedIn, 5); pack != "" {
			name += "_" + strings.ToUpper(pack)
		}
	}
	name = strings.TrimRight(cutName(clean(name), room-numberDigits-1), ". ")
	return clean(name + "_" + n)
}

// codeOf returns what names an update between the publisher and the system:
// its KB article, else its bulletin, else the first of its file names.
func codeOf(u *Update) string {
	if digits(u.KB) && len(u.KB) <= 8 {
		return prefixKB(u) + u.KB
	}
	if len(u.Bulletins) > 0 {
		return plainWord(slices.Min(u.Bulletins), 12)
	}
	first := ""
	for i := range u.Files {
		if name := Fold(u.Files[i].Name); u.Files[i].From.IsZero() && (first == "" || name < first) {
			first = name
		}
	}
	first = strings.TrimSuffix(first, extension(first))
	first = hashTail.ReplaceAllString(first, "")
	if word := plainWord(first, 16); word != "" {
		return word
	}
	return "update"
}

// lastQ is about where articles stopped to be called Q in file names, in
// the spring of 2003.
const lastQ = 819_999

// prefixKB returns Q or KB, as the files of the update are called, else by
// the number.
func prefixKB(u *Update) string {
	for i := range u.Files {
		if !u.Files[i].From.IsZero() {
			continue // what is in a package does not name it
		}
		name := Fold(u.Files[i].Name)
		if strings.Contains(name, "kb"+u.KB) {
			return "KB"
		}
		if strings.HasPrefix(name, "q"+u.KB) {
			return "Q"
		}
	}
	if n, err := strconv.Atoi(u.KB); err == nil && n <= lastQ {
		return "Q"
	}
	return "KB"
}

// driverName returns the maker's folder: maker, class and version.
func driverName(d *Driver) string {
	if d == nil {
		d = &Driver{}
	}
	parts := []string{plainWord(d.Maker, 14), plainWord(d.Class, 12), plainWord(d.Version, 16)}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "driver"
	}
	return strings.Join(parts, "_")
}

// plainWord keeps the letters, digits, dots and hyphens of s, and letters of
// other scripts as far as names may have them, at most n bytes.
func plainWord(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		r = allowed(r)
		if r < 0x80 && !isAlnum(byte(r)) && r != '.' && r != '-' {
			continue
		}
		b.WriteRune(r)
	}
	return strings.Trim(cutName(b.String(), n), ".-")
}

// Path returns the path of the file in the catalog tree, below its root: the
// folder, the folder in it of a file that was taken out of another, and the name.
func (f *File) Path(u *Update) string {
	if f.In != "" {
		return u.Folder + "/" + f.In + "/" + f.Entry()
	}
	return u.Folder + "/" + f.Entry()
}

// ContentPath returns the path under which a WSUS client asks for a file:
// /Content/<last two digits of the SHA-1>/<SHA-1>.<extension>, in capital
// digits, the two with a leading zero. ext may have its dot or not; without
// one the path has none.
func ContentPath(sum SHA1, ext string) string {
	hex := strings.ToUpper(sum.String())
	p := "/Content/" + hex[len(hex)-2:] + "/" + hex
	if ext = strings.TrimPrefix(ext, "."); ext != "" {
		p += "." + ext
	}
	return p
}
