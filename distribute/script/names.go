package script

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"patchferry/layout"
)

// What scripts may carry is said here, by what is allowed and not by what is not.
// All of it is ASCII, and none of it means anything to cmd or PowerShell between
// quotation marks. Names come from publishers: nothing of theirs is escaped into
// a script that could be refused here.
const (
	letters    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	wordChars  = letters + ".-"                      // systems, architectures, languages
	idChars    = letters + ".-_"                     // Item.ID, CBS identities also "~"
	pathChars  = letters + " ._-+()[]~@#$"           // of one component of a path
	argChars   = letters + `-/:.,=_+{}\$~@#`         // of one argument, without blanks
	keyChars   = letters + ` ._-+(){}[]$\`           // of a key of the registry
	dataChars  = letters + ` ._-+(){}[]$\/:,;=@#~`   // of a value's name and data
	titleChars = letters + ` .,:;-_/+=#@()[]`        // for people
	baseChars  = letters + ` ._-+()[]~@#$/\:`        // URLs and UNC paths
	maxTitle   = 120                                 // bytes
	maxID      = 48                                  // bytes, without what makes it unique
	maxWord    = 32                                  // bytes
	maxText    = 400                                 // bytes of a key, a path on a host, an argument
	badName    = "its name cannot stand in a script" // said of updates
)

// only reports whether s has at least one and at most max characters, all of them of set.
func only(s, set string, max int) bool {
	if s == "" || len(s) > max {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

func safeWord(s string) bool { return only(s, wordChars, maxWord) }

// safePath reports whether a path below the root of the tree can stand in a
// script and on every file system.
func safePath(p string) bool {
	return only(p, pathChars+"/", maxText) && layout.CheckPath(p) == nil
}

func safeArg(s string) bool { return only(s, argChars, maxText) }

// safeBlanks reports whether no blank stands at an end of s, where quoting and
// trimming of the shells differ.
func safeBlanks(s string) bool { return strings.Trim(s, " ") == s }

// safeKey reports whether a key of the registry can stand in a script.
func safeKey(k string) bool {
	root, rest, ok := strings.Cut(k, `\`)
	if !ok || !only(rest, keyChars, maxText) || strings.Contains(rest, `\\`) || strings.HasSuffix(rest, `\`) || !safeBlanks(rest) {
		return false
	}
	return root == "HKLM" || root == "HKCR" || root == "HKCU" || root == "HKU"
}

// safeInstalledKey reports whether a key with its value can stand in a script.
func safeInstalledKey(k layout.InstalledKey) bool {
	ok := func(s string) bool {
		return s == "" || only(s, dataChars, maxText) && safeBlanks(s) && !strings.HasSuffix(s, `\`)
	}
	return safeKey(k.Key) && ok(k.Value) && ok(k.Data) && (k.Value != "" || k.Data == "")
}

// hostFolders are the variables with which the path of a file on a host may begin.
var hostFolders = []string{
	`%windir%\`, `%SystemRoot%\`, `%SystemDrive%\`, `%ProgramFiles%\`, `%ProgramFiles(x86)%\`, `%ProgramData%\`,
	`%CommonProgramFiles%\`, `%CommonProgramFiles(x86)%\`, `%ALLUSERSPROFILE%\`,
}

// safeHostPath reports whether the path of a file on a host can stand in a
// script: it begins with one of the known variables or with a drive.
func safeHostPath(p string) bool {
	rest := ""
	for _, folder := range hostFolders {
		if len(p) > len(folder) && strings.EqualFold(p[:len(folder)], folder) {
			rest = p[len(folder):]
		}
	}
	if rest == "" && len(p) > 3 && only(p[:1], letters, 1) && p[1:3] == `:\` {
		rest = p[3:]
	}
	return only(rest, pathChars+`\`, maxText) && layout.CheckPath(strings.ReplaceAll(rest, `\`, "/")) == nil
}

// safeVersion reports whether v is one to four numbers with dots between them.
func safeVersion(v string) bool {
	_, ok := parseVersion(v)
	return ok
}

// CheckBase reports whether scripts can carry a base of the tree: a URL of http or
// https, or a UNC path, in letters, digits and what both have between them.
func CheckBase(base string) bool {
	if !only(base, baseChars, maxText) || !safeBlanks(base) {
		return false
	}
	lower := strings.ToLower(base)
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(lower, scheme); ok {
			host, _, _ := strings.Cut(rest, "/")
			return host != "" && !strings.ContainsAny(rest, ` \@#`) && !strings.Contains(rest, "..")
		}
	}
	rest, ok := strings.CutPrefix(base, `\\`)
	server, share, cut := strings.Cut(rest, `\`)
	return ok && cut && server != "" && share != "" && !strings.ContainsAny(rest, "/:") && !strings.Contains(rest, `\\`) && !strings.HasSuffix(rest, `\`)
}

// plain are letters of titles that have a plain form.
var plain = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "é", "e", "è", "e", "ê", "e",
	"à", "a", "á", "a", "â", "a", "ã", "a", "ç", "c", "í", "i", "ó", "o", "ô", "o", "ú", "u", "ñ", "n", "\u2013", "-", "\u2014", "-", "&", "and")

// title returns a text for people in ASCII: without what scripts must not carry,
// in one line of at most 120 bytes.
func title(s string) string {
	if len(s) > 10*maxTitle {
		s = s[:10*maxTitle]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r < 0x80 && strings.IndexByte(titleChars, byte(r)) >= 0:
			return r
		case r < ' ' || r == '\'' || r == '"' || r == '`' || r == '?':
			return ' '
		case r < 0x80:
			return '-'
		}
		return -1
	}, plain.Replace(strings.ToValidUTF8(s, "")))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxTitle {
		s = strings.TrimRight(s[:maxTitle], " ")
	}
	return s
}

// reduce returns s with hyphens for what is not in set, none of them at an end, at
// most max bytes.
func reduce(s, set string, max int) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && strings.IndexByte(set, byte(r)) >= 0 {
			return r
		}
		return '-'
	}, s[:min(len(s), max)])
	return strings.Trim(s, "-._")
}

// baseID returns the id of an item as it is where no other item of the set has it.
func baseID(d *draft) string {
	if d.KB != "" {
		return "KB" + d.KB
	}
	id := reduce(stem(d.Name), idChars, maxID)
	if id == "" || layout.CheckPath(id) != nil {
		return "U-" + digits(d.Update)
	}
	return id
}

// digits returns ten hexadecimal digits that stand for s.
func digits(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

// nameItems gives every item its id, whatever their order: where several would
// have one, their architecture and language tell them apart, else digits of a
// digest of update and path do. Ids differ in more than case.
func nameItems(items []*draft) {
	count := make(map[string]int)
	tally := func() {
		clear(count)
		for _, d := range items {
			count[layout.Fold(d.ID)]++
		}
	}
	for _, d := range items {
		d.ID = baseID(d)
	}
	tally()
	for _, d := range items {
		if count[layout.Fold(d.ID)] == 1 {
			continue
		}
		if len(d.Gate.Arch) == 1 {
			d.ID += "-" + string(d.Gate.Arch[0])
		}
		if d.Gate.Language != "" {
			d.ID += "-" + string(d.Gate.Language)
		}
	}
	tally()
	for _, d := range items {
		if count[layout.Fold(d.ID)] > 1 {
			d.ID += "-" + digits(d.Update+"\n"+d.Path)
		}
	}
}
