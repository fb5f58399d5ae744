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

// rows writes an array of n hashtables, each in a line.
func (t *psTable) rows(name string, n int, fields func(i int) []string) {
	if n == 0 {
		t.line(name + " = @()")
		return
	}
	t.open(name + " = @(")
	for i := range n {
		comma := ","
		if i == n-1 {
			comma = ""
		}
		t.line("@{ " + strings.Join(fields(i), "; ") + " }" + comma)
	}
	t.close(")")
}

// psData writes all that a script knows of its set, as literals: PowerShell 2.0
// reads no JSON.
func (s *Set) psData() string {
	t := &psTable{}
	t.line("$setName = " + psQuote(s.Name))
	t.line("$setRing = " + psQuote(s.Ring))
	t.line("$setGeneration = " + psQuote(strconv.FormatUint(s.Edition.Generation, 10)))
	t.line("$setUp = " + psQuote(strings.ReplaceAll(strings.TrimSuffix(up(s.Place), "/"), "/", `\`)))
	t.line("$setBases = " + psList(s.Bases))
	tables := t.codeTables(s.Items)
	if len(s.Items) == 0 {
		t.line("$items = @()")
		return t.b.String()
	}
	t.open("$items = @(")
	for i := range s.Items {
		t.open("@{")
		t.item(&s.Items[i], tables[psCodes(s.Items[i].Run.Codes)])
		if i < len(s.Items)-1 {
			t.close("},")
		} else {
			t.close("}")
		}
	}
	t.close(")")
	return t.b.String()
}

// codeTables writes the tables of exit codes, which many items share, and returns
// their variables.
func (t *psTable) codeTables(items []Item) map[string]string {
	tables := make(map[string]string)
	for i := range items {
		codes := psCodes(items[i].Run.Codes)
		if tables[codes] == "" {
			tables[codes] = "$codes" + strconv.Itoa(len(tables)+1)
			t.line(tables[codes] + " = " + codes)
		}
	}
	return tables
}

// psCodes returns exit codes by text. Two of the same are an error to PowerShell;
// the first counts.
func psCodes(codes []layout.ExitCode) string {
	var fields []string
	seen := make(map[int32]bool)
	for _, c := range codes {
		if !seen[c.Code] {
			fields = append(fields, psQuote(strconv.Itoa(int(c.Code)))+" = "+psQuote(c.Result))
		}
		seen[c.Code] = true
	}
	return strings.TrimSuffix("@{ "+strings.Join(fields, "; "), " ") + " }"
}

func (t *psTable) item(it *Item, codes string) {
	t.line("Id = " + psQuote(it.ID))
	t.line("Title = " + psQuote(it.Title))
	t.line("Kind = " + psQuote(string(it.Kind)) + "; Engine = " + psQuote(string(it.Run.Engine)) + "; Codes = " + codes)
	for _, field := range psFile(Member{it.Path, it.Name, it.Size, it.SHA256, it.SHA1, it.MD5}) {
		t.line(field)
	}
	t.rows("Members", len(it.Members), func(i int) []string { return psFile(it.Members[i]) })
	t.line("Arguments = " + psList(it.Run.Args) + "; LogSwitch = " + psQuote(it.Run.Log))
	t.line("Apart = " + psBool(it.apart()) + "; QChain = " + psBool(it.Run.QChain) + "; Barrier = " + psQuote(string(it.Barrier)))
	g := &it.Gate
	t.line("GateOS = " + psList(g.OS) + "; GateArch = " + psList(g.Arch) + "; GateLanguage = " + psQuote(string(g.Language)))
	t.line(fmt.Sprintf("MinSP = %d; MaxSP = %d; MinBuild = %d; MaxBuild = %d", g.MinSP, g.MaxSP, g.MinBuild, g.MaxBuild))
	t.detect(&it.Detect)
	t.line("Note = " + psQuote(it.Note()))
	t.rows("Removal", len(it.Remove.Commands), func(i int) []string {
		c := it.Remove.Commands[i]
		return []string{"Program = " + psQuote(c.Program), "Arguments = " + psList(c.Args), "Key = " + psQuote(c.Key)}
	})
	t.line("Stays = " + psQuote(it.Remove.Why))
}

// psFile returns what is known of a file, digests as "" where they are not.
func psFile(m Member) []string {
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
	return []string{
		"Path = " + psQuote(m.Path), "Name = " + psQuote(m.Name), "Size = " + strconv.FormatInt(m.Size, 10),
		"Sha256 = " + psQuote(sha256), "Sha1 = " + psQuote(sha1), "Md5 = " + psQuote(md5),
	}
}

func (t *psTable) detect(d *Detect) {
	t.line("Dirs = " + psList(d.Dirs))
	t.rows("Marks", len(d.Keys), func(i int) []string {
		k := d.Keys[i]
		return []string{"Key = " + psQuote(k.Key), "Value = " + psQuote(k.Value), "Data = " + psQuote(k.Data)}
	})
	t.line("Products = " + psList(d.Products) + "; Patches = " + psList(psPackedCodes(d.Patches)) + "; Packages = " + psList(d.Packages))
	t.line("SP = " + strconv.Itoa(d.SP))
	t.rows("Files", len(d.Files), func(i int) []string {
		f := d.Files[i]
		return append(psFile(Member{f.Path, "", f.Size, f.SHA256, f.SHA1, f.MD5}), "Version = "+psQuote(f.Version))
	})
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
