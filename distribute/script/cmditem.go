package script

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// cmdItem is an item in lines of batch.
type cmdItem struct {
	N     string // its number in the script: the end of its labels
	Order int
	ID    string
	Title string
	Data  []string // what it is and for whom
	Have  []string // HERE=1 where it leaves traces
	Fits  []string // FITS= where one of its files is not as it left it
	Files []string // how it is run; finds its files
	Codes string   // number of its table of exit codes
	Undo  []string // CAN=1 with PROGRAM and UNDO
}

// cmdCodes is a table of exit codes, which many items share.
type cmdCodes struct {
	N     string
	Codes []cmdCode
}

type cmdCode struct{ Code, Result string }

// add adds the items, the last first where they are taken off again.
func (c *cmdSet) add(items []Item, backwards bool) error {
	c.Count = strconv.Itoa(len(items)) + " packages"
	if len(items) == 1 {
		c.Count = "1 package"
	}
	tables, gates := make(map[string]string), make(map[string]string)
	for i := range items {
		it := &items[i]
		line, err := c.item(it, strconv.Itoa(i+1), tables, gates)
		if err != nil {
			return fmt.Errorf("%.60s: %w", cmdText(it.ID), err)
		}
		c.Items = append(c.Items, line)
		c.QChain = c.QChain || it.Run.QChain
		c.Notes = c.Notes || it.Note() != ""
		c.Listed = c.Listed || slices.ContainsFunc(it.Detect.Keys, func(k layout.InstalledKey) bool { return listedKey(k.Key) != "" })
		c.Packs = c.Packs || len(it.Detect.Packages) > 0
		c.Versions = c.Versions || len(it.Detect.Files) > 0
		c.Engines[string(it.Run.Engine)] = true
	}
	if backwards {
		slices.Reverse(c.Items)
	}
	return nil
}

// item writes one item. In tables are the exit codes that have a table already, in
// gates the gates that have a number.
func (c *cmdSet) item(it *Item, n string, tables, gates map[string]string) (cmdItem, error) {
	line := cmdItem{N: n, Order: it.Order, ID: it.ID, Title: cmdText(it.Title)}
	codes, err := c.codes(it.Run.Codes, tables)
	if err != nil {
		return line, err
	}
	line.Codes = codes
	gate, err := c.gate(&it.Gate, gates)
	if err != nil {
		return line, err
	}
	w := &cmdWriter{}
	w.word("ID", it.ID)
	w.set("N", n, nil)
	w.word("KIND", string(it.Kind))
	w.set("BARRIER", "", nil)
	if it.Barrier != NoBarrier {
		w.word("BARRIER", string(it.Barrier))
	}
	w.set("DETECT", cmdFlag(it.Detect.any()), nil)
	if c.Script == "install.cmd" {
		w.set("NOTE", it.Note(), nil)
	}
	w.add(`set "WHYNOT=%GATE_` + gate + `%"`)
	line.Data = w.take()
	w.traces(&it.Detect)
	line.Have = w.take()
	w.installed(it.Detect.Files)
	line.Fits = w.take()
	if c.Script == "install.cmd" && len(line.Fits) > 0 {
		line.Have = slices.Concat(line.Have, []string{"if defined HERE goto :eof", `set "FITS=1"`}, line.Fits, []string{`if defined FITS set "HERE=1"`})
	}
	w.run(it, codes)
	for _, m := range it.Members {
		w.file(m)
	}
	w.file(Member{it.Path, it.Name, it.Size, it.SHA256, it.SHA1, it.MD5})
	line.Files = w.take()
	w.undo(it)
	line.Undo = w.take()
	return line, w.err
}

// run adds how an item is run.
func (w *cmdWriter) run(it *Item, codes string) {
	w.word("ENGINE", string(it.Run.Engine))
	args, err := cmdArgs(it.Run.Args)
	w.set("ARGS", args, err)
	_, err = cmdValue(strings.ReplaceAll(it.Run.Log, "*", "")) // /l*v is Windows Installer's
	w.set("LOGARG", it.Run.Log, err)
	w.set("CODES", codes, nil)
	w.set("QCHAIN", cmdFlag(it.Run.QChain), nil)
	w.set("LOCALONLY", cmdFlag(it.apart()), nil)
}

// cmdFlag is the value of a variable that is set where something is so.
func cmdFlag(is bool) string {
	if is {
		return "1"
	}
	return ""
}

// cmdGate is a gate that items share.
type cmdGate struct {
	N     string
	Lines []string
}

// gate returns the number of a gate.
func (c *cmdSet) gate(g *Gate, gates map[string]string) (string, error) {
	w := &cmdWriter{}
	w.gate(g)
	lines := w.take()
	key := strings.Join(lines, "\n")
	if _, ok := gates[key]; !ok && w.err == nil {
		gates[key] = strconv.Itoa(len(gates) + 1)
		c.Gates = append(c.Gates, cmdGate{gates[key], lines})
	}
	return gates[key], w.err
}

// apart reports whether an item must lie in a folder of its own on the host.
func (it *Item) apart() bool {
	return len(it.Members) > 0 || it.Run.Engine == EngineWUSA || it.Run.Engine == EngineDISM || it.Kind == layout.KindDriverCAB
}

// any reports whether it can be told at all that an item is there.
func (d *Detect) any() bool {
	return len(d.Dirs)+len(d.Keys)+len(d.Products)+len(d.Patches)+len(d.Packages)+len(d.Files) > 0 || d.SP > 0
}

// codes returns the number of the table of these exit codes.
func (c *cmdSet) codes(codes []layout.ExitCode, tables map[string]string) (string, error) {
	var table cmdCodes
	key := ""
	seen := make(map[int32]bool)
	for _, code := range codes {
		if seen[code.Code] {
			continue // the first counts
		}
		seen[code.Code] = true
		result, err := cmdWord(code.Result)
		if err != nil {
			return "", fmt.Errorf("exit code %d: %w", code.Code, err)
		}
		table.Codes = append(table.Codes, cmdCode{strconv.Itoa(int(code.Code)), result})
		key += fmt.Sprintf("%d=%s ", code.Code, result)
	}
	if n, ok := tables[key]; ok {
		return n, nil
	}
	table.N = strconv.Itoa(len(tables) + 1)
	tables[key] = table.N
	c.CodeTables = append(c.CodeTables, table)
	return table.N, nil
}

// cmdWriter collects lines, and the first error.
type cmdWriter struct {
	lines []string
	err   error
}

func (w *cmdWriter) add(line string) { w.lines = append(w.lines, line) }

// take returns the lines and begins anew.
func (w *cmdWriter) take() []string {
	lines := w.lines
	w.lines = nil
	return lines
}

// set adds a line that sets a variable, unless err says that its value cannot
// stand there.
func (w *cmdWriter) set(name, value string, err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
	if err == nil {
		w.add(cmdSetLine(name, value))
	}
}

func (w *cmdWriter) word(name, value string) {
	value, err := cmdWord(value)
	w.set(name, value, err)
}

func (w *cmdWriter) gate(g *Gate) {
	words := func(name string, list []string) {
		for _, word := range list {
			if _, err := cmdWord(word); err != nil && w.err == nil {
				w.err = err
			}
		}
		if len(list) > 0 {
			w.add(cmdSetLine(name, strings.Join(list, " ")))
		}
	}
	number := func(name string, n int) { w.add(cmdSetLine(name, strconv.Itoa(n))) }
	words("G_OS", texts(g.OS))
	words("G_ARCH", texts(g.Arch))
	if g.Language != "" {
		w.word("G_LANG", string(g.Language))
	}
	if g.MinSP > 0 {
		number("G_MINSP", g.MinSP)
	}
	if g.MaxSP >= 0 {
		number("G_MAXSP", g.MaxSP)
	}
	if g.MinBuild > 0 {
		number("G_MINBUILD", g.MinBuild)
	}
	if g.MaxBuild > 0 {
		number("G_MAXBUILD", g.MaxBuild)
	}
}

// file adds the lines that find one file of an item.
func (w *cmdWriter) file(m Member) {
	file, err := cmdValue(strings.ReplaceAll(m.Path, "/", `\`))
	w.set("FILE", file, err)
	name, err := cmdValue(m.Name)
	w.set("NAME", name, err)
	w.set("WEB", cmdWeb(m.Path), nil)
	w.set("SIZE", strconv.FormatInt(m.Size, 10), nil)
	w.digests(m.SHA256, m.SHA1, m.MD5)
	w.add("call :file")
}

// cmdWeb returns a path for the end of a URL. What must be escaped there has its
// percent signs doubled, as a script wants them.
func cmdWeb(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.ReplaceAll(strings.Join(parts, "/"), "%", "%%")
}

// digests sets all three, the unknown ones to nothing.
func (w *cmdWriter) digests(sha256 layout.Digest, sha1 layout.SHA1, md5 layout.MD5) {
	known := func(name, digest string, zero bool) {
		if zero {
			digest = ""
		}
		w.add(cmdSetLine(name, digest))
	}
	known("SHA256", sha256.String(), sha256.IsZero())
	known("SHA1", sha1.String(), sha1.IsZero())
	known("MD5", md5.String(), md5.IsZero())
}
