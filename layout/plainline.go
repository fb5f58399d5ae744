package layout

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// plainLine reads a line that has exactly the form in which AppendLine writes
// it: known members in their order, no blanks. That is every line of every
// catalog of this version, and it takes a third of the time that the general
// decoder needs. At anything else it gives up and leaves the line to that
// decoder, which alone decides what is refused; where plainLine succeeds, the
// two agree.
type plainLine struct {
	b    []byte
	i    int
	fail bool
}

// parsePlain returns nil where the line is not of that form.
func parsePlain(line []byte) *Update {
	c := &plainLine{b: line}
	u := new(Update)
	c.update(u)
	if c.i < len(c.b) && c.b[c.i] == '\n' {
		c.i++
	}
	if c.fail || c.i != len(c.b) {
		return nil
	}
	return u
}

func (c *plainLine) update(u *Update) {
	c.byte('{')
	field(c, "id", &u.ID, c.text)
	field(c, "revision", &u.Revision, c.int)
	field(c, "type", &u.Type, word[Type](c))
	field(c, "kb", &u.KB, c.text)
	field(c, "title", &u.Title, c.text)
	field(c, "description", &u.Description, c.text)
	field(c, "classification", &u.Classification, word[Classification](c))
	field(c, "severity", &u.Severity, word[Severity](c))
	field(c, "products", &u.Products, list(c, c.text))
	field(c, "os", &u.OS, list(c, word[OS](c)))
	field(c, "arch", &u.Arch, list(c, word[Arch](c)))
	field(c, "language", &u.Language, word[Language](c))
	field(c, "included_in", &u.IncludedIn, c.text)
	field(c, "released", &u.Released, word[Date](c))
	field(c, "bulletins", &u.Bulletins, list(c, c.text))
	field(c, "cves", &u.CVEs, list(c, c.text))
	field(c, "supersedes", &u.Supersedes, list(c, c.text))
	field(c, "prerequisites", &u.Prerequisites, list(c, list(c, c.text)))
	field(c, "reboot", &u.Reboot, c.text)
	field(c, "support_url", &u.SupportURL, c.text)
	field(c, "driver", &u.Driver, c.driver)
	field(c, "install", &u.Install, c.install)
	field(c, "files", &u.Files, list(c, c.file))
	field(c, "folder", &u.Folder, c.text)
	c.byte('}')
}

func (c *plainLine) driver() *Driver {
	d := new(Driver)
	c.byte('{')
	field(c, "maker", &d.Maker, c.text)
	field(c, "class", &d.Class, c.text)
	field(c, "version", &d.Version, c.text)
	field(c, "models", &d.Models, list(c, c.text))
	field(c, "hardware_ids", &d.HardwareIDs, list(c, c.text))
	c.byte('}')
	return d
}

func (c *plainLine) file() (f File) {
	c.byte('{')
	field(c, "name", &f.Name, c.text)
	field(c, "as", &f.As, c.text)
	field(c, "size", &f.Size, c.int64)
	field(c, "sha256", &f.SHA256, c.digest)
	field(c, "sha1", &f.SHA1, func() (d SHA1) { c.hex(d[:]); return d })
	field(c, "md5", &f.MD5, func() (d MD5) { c.hex(d[:]); return d })
	field(c, "url", &f.URL, c.text)
	field(c, "kind", &f.Kind, word[Kind](c))
	field(c, "package", &f.Package, c.pack)
	field(c, "in", &f.In, c.text)
	field(c, "from", &f.From, c.digest)
	field(c, "language", &f.Language, word[Language](c))
	field(c, "held", &f.Held, c.yes)
	field(c, "modified", &f.Modified, c.time)
	field(c, "tag", &f.Tag, c.text)
	field(c, "evidence", &f.Evidence, list(c, c.evidence))
	c.byte('}')
	return f
}

func (c *plainLine) evidence() (e Evidence) {
	c.byte('{')
	field(c, "grade", &e.Grade, word[Grade](c))
	field(c, "algorithm", &e.Algorithm, word[string](c))
	field(c, "weak", &e.Weak, c.yes)
	field(c, "by", &e.By, c.text)
	field(c, "document", &e.Document, c.digest)
	field(c, "tls_key", &e.TLSKey, c.digest)
	field(c, "signer", &e.Signer, c.text)
	field(c, "at", &e.At, c.time)
	c.byte('}')
	return e
}

// field reads a member if it is the next one.
func field[T any](c *plainLine, name string, dst *T, read func() T) {
	if c.fail {
		return
	}
	at := c.i
	if c.i > 0 && c.b[c.i-1] != '{' {
		if c.peek() != ',' {
			return
		}
		at++
	}
	end := at + len(name) + 3
	if end > len(c.b) || c.b[at] != '"' || string(c.b[at+1:end-2]) != name || c.b[end-2] != '"' || c.b[end-1] != ':' {
		return
	}
	c.i = end
	*dst = read()
}

// list reads an array of what read reads. AppendLine leaves out empty ones.
func list[T any](c *plainLine, read func() T) func() []T {
	return func() []T {
		var all []T
		c.byte('[')
		for !c.fail {
			all = append(all, read())
			if c.peek() != ',' {
				break
			}
			c.i++
		}
		c.byte(']')
		return all
	}
}

// word reads a string that is likely to be one of a vocabulary, which needs no
// copy of its own in every update.
func word[T ~string](c *plainLine) func() T {
	return func() T {
		b := c.quoted()
		if s, ok := known[string(b)]; ok && !c.fail {
			return T(s)
		}
		return T(c.unquote(b))
	}
}

func (c *plainLine) peek() byte {
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

func (c *plainLine) byte(want byte) {
	if c.peek() != want {
		c.fail = true
		return
	}
	c.i++
}

// quoted steps over a string and returns what stands between its quotes.
func (c *plainLine) quoted() []byte {
	c.byte('"')
	start := c.i
	for c.i < len(c.b) && !c.fail {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return c.b[start : c.i-1]
		case ch == '\\':
			c.i += 2
		case ch < ' ':
			c.fail = true
		default:
			c.i++
		}
	}
	c.fail = true
	return nil
}

func (c *plainLine) text() string { return c.unquote(c.quoted()) }

func (c *plainLine) unquote(b []byte) string {
	plain := true
	for _, ch := range b {
		if ch == '\\' || ch >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain || utf8.Valid(b) && !hasEscape(b) {
		return string(b)
	}
	var s string
	if json.Unmarshal(append(append([]byte{'"'}, b...), '"'), &s) != nil {
		c.fail = true
	}
	return s
}

func hasEscape(b []byte) bool {
	for _, ch := range b {
		if ch == '\\' {
			return true
		}
	}
	return false
}

func (c *plainLine) int() int {
	n := c.int64()
	if int64(int(n)) != n {
		c.fail = true
	}
	return int(n)
}

func (c *plainLine) int32() int32 {
	n := c.int64()
	if int64(int32(n)) != n {
		c.fail = true
	}
	return int32(n)
}

func (c *plainLine) int64() int64 {
	start := c.i
	for '0' <= c.peek() && c.peek() <= '9' || c.peek() == '-' && c.i == start {
		c.i++
	}
	s := string(c.b[start:c.i])
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		c.fail = true
	}
	return n
}

func (c *plainLine) yes() bool {
	if end := c.i + len("true"); end <= len(c.b) && string(c.b[c.i:end]) == "true" {
		c.i = end
		return true
	}
	c.fail = true
	return false
}

func (c *plainLine) digest() (d Digest) {
	c.hex(d[:])
	return d
}

func (c *plainLine) hex(dst []byte) {
	if unhex("", dst, c.quoted()) != nil {
		c.fail = true
	}
}

func (c *plainLine) time() (t Time) {
	if t.UnmarshalText(c.quoted()) != nil {
		c.fail = true
	}
	return t
}

// known holds the words of the vocabularies.
var known = knownWords()

func knownWords() map[string]string {
	m := make(map[string]string)
	add := func(s string) { m[s] = s }
	for _, t := range []Type{Software, Drivers} {
		add(string(t))
	}
	for _, info := range OSes() {
		add(string(info.OS))
	}
	for _, l := range tongues {
		add(string(l.code))
	}
	for _, a := range archOrder {
		add(string(a))
	}
	for _, class := range classifications {
		add(string(class))
	}
	for _, s := range severities {
		add(string(s))
	}
	for _, g := range grades {
		add(string(g))
	}
	for _, k := range kindByExtension {
		add(string(k))
	}
	for _, k := range exeKinds {
		add(string(k.kind))
	}
	for _, s := range []string{"sha256", "sha1", "md5", string(KindCAB), string(KindDriverCAB), string(KindDriverExe), string(KindExe)} {
		add(s)
	}
	return m
}
