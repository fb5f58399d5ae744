package script

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"patchferry/layout"
)

// psQuote returns s as an expression of PowerShell that is exactly s: a literal
// in single quotes, in which nothing is special but the quote itself. What is not
// printable ASCII is spelled by its number, so that neither a line end nor one of
// the typographic quotation marks (U+2018 to U+201B), which PowerShell takes for
// its own, ever stands in a script. Bytes that are no UTF-8 become U+FFFD.
func psQuote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	parts := []string{"''"}
	at := 0 // where printable text began
	for i, r := range s {
		if ' ' <= r && r <= '~' {
			continue
		}
		if at < i {
			parts = append(parts, psQuote(s[at:i]))
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			parts = append(parts, fmt.Sprintf("[char]0x%04x", unit))
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		at = i + n
	}
	if at < len(s) {
		parts = append(parts, psQuote(s[at:]))
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// psList returns an array of strings.
func psList[S ~string](list []S) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = psQuote(string(s))
	}
	return "@(" + strings.Join(quoted, ", ") + ")"
}

// psBool returns $true or $false.
func psBool(b bool) string {
	if b {
		return "$true"
	}
	return "$false"
}

// psTable writes hashtables and arrays of them, indented.
type psTable struct {
	b     strings.Builder
	depth int
}

func (t *psTable) line(s string) {
	t.b.WriteString(strings.Repeat("    ", t.depth) + s + "\n")
}

// open begins "name = @(" or "name = @{", close ends it.
func (t *psTable) open(s string) { t.line(s); t.depth++ }

func (t *psTable) close(s string) { t.depth--; t.line(s) }

// array writes an array of n hashtables, which a comma each parts from the next.
func (t *psTable) array(name string, n int, each func(i int)) {
	if n == 0 {
		t.line(name + " = @()")
		return
	}
	t.open(name + " = @(")
	for i := range n {
		t.open("@{")
		each(i)
		if i < n-1 {
			t.close("},")
		} else {
			t.close("}")
		}
	}
	t.close(")")
}

// data writes all that a script knows of its set, as literals: PowerShell 2.0
// reads no JSON.
func (s *Set) psData() string {
	t := &psTable{}
	t.line("$setName = " + psQuote(s.Name))
	t.line("$setRing = " + psQuote(s.Ring))
	t.line("$setGeneration = " + psQuote(strconv.FormatUint(s.Edition.Generation, 10)))
	t.line("$setUp = " + psQuote(strings.ReplaceAll(strings.TrimSuffix(up(s.Place), "/"), "/", `\`)))
	t.line("$setBases = " + psList(s.Bases))
	t.array("$items", len(s.Items), func(i int) { t.item(&s.Items[i]) })
	return t.b.String()
}

func (t *psTable) item(it *Item) {
	t.line("Id = " + psQuote(it.ID))
	t.line("Title = " + psQuote(it.Title))
	t.line("Kind = " + psQuote(string(it.Kind)))
	t.line("Engine = " + psQuote(string(it.Run.Engine)))
	t.file(Member{it.Path, it.Name, it.Size, it.SHA256, it.SHA1, it.MD5})
	t.line("Apart = " + psBool(it.apart()))
	t.array("Members", len(it.Members), func(i int) { t.file(it.Members[i]) })
	t.line("Arguments = " + psList(it.Run.Args))
	t.line("LogSwitch = " + psQuote(it.Run.Log))
	t.line("QChain = " + psBool(it.Run.QChain))
	t.codes(it.Run.Codes)
	t.line("Barrier = " + psQuote(string(it.Barrier)))
	t.gate(&it.Gate)
	t.detect(&it.Detect)
	t.array("Removal", len(it.Remove.Commands), func(i int) {
		t.line("Program = " + psQuote(it.Remove.Commands[i].Program))
		t.line("Arguments = " + psList(it.Remove.Commands[i].Args))
		t.line("Key = " + psQuote(it.Remove.Commands[i].Key))
	})
	t.line("Stays = " + psQuote(it.Remove.Why))
}

func (t *psTable) file(m Member) {
	sha256, sha1, md5 := "", "", ""
	if !m.SHA256.IsZero() {
		sha256 = m.SHA256.String()
	}
	if !m.SHA1.IsZero() {
		sha1 = m.SHA1.String()
	}
	if !m.MD5.IsZero() {
		md5 = m.MD5.String()
	}
	t.line("Path = " + psQuote(m.Path))
	t.line("Name = " + psQuote(m.Name))
	t.line("Size = " + strconv.FormatInt(m.Size, 10))
	t.line("Sha256 = " + psQuote(sha256))
	t.line("Sha1 = " + psQuote(sha1))
	t.line("Md5 = " + psQuote(md5))
}

// codes writes the exit codes by text. Two of the same are an error to
// PowerShell; the first counts.
func (t *psTable) codes(codes []layout.ExitCode) {
	t.open("Codes = @{")
	seen := make(map[int32]bool)
	for _, c := range codes {
		if !seen[c.Code] {
			t.line(psQuote(strconv.Itoa(int(c.Code))) + " = " + psQuote(c.Result))
		}
		seen[c.Code] = true
	}
	t.close("}")
}

func (t *psTable) gate(g *Gate) {
	t.line("GateOS = " + psList(g.OS))
	t.line("GateArch = " + psList(g.Arch))
	t.line("GateLanguage = " + psQuote(string(g.Language)))
	t.line("MinSP = " + strconv.Itoa(g.MinSP))
	t.line("MaxSP = " + strconv.Itoa(g.MaxSP))
	t.line("MinBuild = " + strconv.Itoa(g.MinBuild))
	t.line("MaxBuild = " + strconv.Itoa(g.MaxBuild))
}

func (t *psTable) detect(d *Detect) {
	t.line("Dirs = " + psList(d.Dirs))
	t.array("Marks", len(d.Keys), func(i int) {
		t.line("Key = " + psQuote(d.Keys[i].Key))
		t.line("Value = " + psQuote(d.Keys[i].Value))
		t.line("Data = " + psQuote(d.Keys[i].Data))
	})
	t.line("Products = " + psList(d.Products))
	t.line("Patches = " + psList(psPackedCodes(d.Patches)))
	t.line("Packages = " + psList(d.Packages))
	t.line("SP = " + strconv.Itoa(d.SP))
	t.array("Files", len(d.Files), func(i int) { t.installedFile(&d.Files[i]) })
}

func (t *psTable) installedFile(f *layout.InstalledFile) {
	t.file(Member{f.Path, "", f.Size, f.SHA256, f.SHA1, f.MD5})
	t.line("Version = " + psQuote(f.Version))
}

// psPackedCodes returns patch codes as Windows Installer names their registry
// keys (compressed). What is no code stays as it is, and is found nowhere.
func psPackedCodes(codes []string) []string {
	packed := make([]string, len(codes))
	for i, code := range codes {
		packed[i] = code
		if guid.MatchString(strings.ToUpper(code)) {
			packed[i] = compressed(strings.ToUpper(code))
		}
	}
	return packed
}
