// Package links reads plain lists of URLs, the list that every administrator
// has. One line is one file and one update:
//
//	# a comment; so are lines that begin with ; or ::
//	https://dl.example.net/WindowsXP-KB835732-x86-DEU.EXE
//	http://go.example.net/fwlink/?LinkID=87341,mpam-fe.exe
//	https://dl.example.net/get?id=7 name="tool.exe" size=81920 sha256=9f86d0…
//
// After a comma stands the name of the file, as WSUS Offline Update writes it
// (a comma that belongs to the URL is written %2C). After blanks stand
// name=, size= (bytes), sha256=, sha1= and md5=; a value with blanks in it is
// put between double quotes. Without a name, it is the last part of the URL.
//
// Comments of the project Unattended are read as well: a title, further lines,
// a support page, and under them one line for each language:
//
//	:: Security Update for Windows 2000 (KB835732)
//	:: Microsoft Security Bulletin MS04-011
//	:: <http://www.example.net/MS04-011.mspx>
//	:: URL|DEU|http://dl.example.net/Windows2000-KB835732-x86-DEU.EXE|updates/kb835732.exe
//
// A list that is named as WSUS Offline names its own,
// StaticDownloadLinks-<product>-<architecture>-<language>.txt, says so much of
// all its files, as far as their own names do not say otherwise.
//
// An update gets only what the list states: what its file names say is for
// layout.Complete to add. The list states no ids; that of an update is made
// from its URL (upstream.List.ID).
package links

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"regexp"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// Limits of a list. What exceeds them is an error.
const (
	MaxLine  = 16 << 10 // bytes
	MaxLines = 2_000_000
)

// Parse yields the updates of the list r in its order. A line that cannot be
// used is yielded as a *upstream.LineError, and parsing goes on; so is a URL
// that came before with other facts. One that came with the same is passed
// over.
func Parse(r io.Reader, l upstream.List) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		p := &parser{list: l, named: listName(l.Name), seen: map[string]fact{}}
		for line, err := range upstream.Lines(r, MaxLine, MaxLines) {
			var u *layout.Update
			if err == nil {
				u, err = p.line(line)
			}
			if (u != nil || err != nil) && !yield(u, err) {
				return
			}
		}
	}
}

type parser struct {
	list  upstream.List
	named words
	seen  map[string]fact // by id
	block block
}

// fact is what a line states beside its URL, to tell a repetition from a
// contradiction.
type fact struct {
	line   int
	name   string
	size   int64
	sha256 layout.Digest
	sha1   layout.SHA1
	md5    layout.MD5
}

// block is a run of comments that may describe the entries after it.
type block struct {
	title     string
	about     string
	support   string
	bulletins []string
	used      bool // an entry came: the next comment begins a new block
}

// line reads one line. It returns nil and no error where that is no entry.
func (p *parser) line(l upstream.Line) (*layout.Update, error) {
	u, err := p.read(strings.TrimSpace(string(l.Text)))
	if u != nil && err == nil {
		u, err = p.once(u, l.Number)
	}
	if err != nil {
		return nil, &upstream.LineError{Line: l.Number, Err: err}
	}
	return u, nil
}

func (p *parser) read(s string) (*layout.Update, error) {
	comment, isComment := strings.CutPrefix(s, "::")
	switch {
	case s == "":
		p.block = block{}
		return nil, nil
	case isComment:
		comment = strings.TrimSpace(comment)
		if !strings.HasPrefix(comment, "URL|") {
			p.block.comment(comment)
			return nil, nil
		}
		s = comment
	case s[0] == '#' || s[0] == ';':
		return nil, nil
	}
	if entry, ok := strings.CutPrefix(s, "URL|"); ok {
		return p.unattended(entry)
	}
	return p.entry(s)
}

// once drops an update that came before.
func (p *parser) once(u *layout.Update, number int) (*layout.Update, error) {
	f := &u.Files[0]
	is := fact{number, f.Name, f.Size, f.SHA256, f.SHA1, f.MD5}
	was, again := p.seen[u.ID]
	if !again {
		p.seen[u.ID] = is
		return u, nil
	}
	is.line = was.line
	if is != was {
		return nil, fmt.Errorf("%s stands in line %d with another name, size or digest", f.URL, was.line)
	}
	return nil, nil
}

// entry reads "URL", "URL,name" or "URL key=value …".
func (p *parser) entry(s string) (*layout.Update, error) {
	head, rest := s, ""
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		head, rest = s[:i], strings.TrimSpace(s[i:])
	}
	f := layout.File{}
	raw, _, comma := strings.Cut(head, ",")
	if comma {
		_, name, _ := strings.Cut(s, ",") // a name may hold blanks
		f.Name, rest = strings.TrimSpace(name), ""
		if f.Name == "" {
			return nil, errors.New("no name after the comma")
		}
	}
	if err := extras(&f, rest); err != nil {
		return nil, err
	}
	where, err := p.list.URL(raw)
	if err != nil {
		return nil, err
	}
	return p.update(where, f)
}

// unattended reads "DEU|URL|local path".
func (p *parser) unattended(s string) (*layout.Update, error) {
	part := strings.Split(s, "|")
	if len(part) != 3 {
		return nil, fmt.Errorf("URL line has %d parts, want URL|language|URL|path", len(part)+1)
	}
	where, err := p.list.URL(strings.TrimSpace(part[1]))
	if err != nil {
		return nil, err
	}
	f := layout.File{}
	if path.Ext(where.Path) == "" {
		f.Name = path.Base(strings.ReplaceAll(strings.TrimSpace(part[2]), `\`, "/"))
	}
	u, err := p.update(where, f)
	if err != nil {
		return nil, err
	}
	p.block.used = true
	u.Language, _ = layout.ParseLanguage(part[0])
	u.Title, u.Description, u.SupportURL = p.block.title, p.block.about, p.block.support
	u.Bulletins = p.block.bulletins
	if layout.ParseName(u.Files[0].Name).KB == "" {
		u.KB = kbOf(u.Title)
	}
	return u, nil
}

func (p *parser) update(where *url.URL, f layout.File) (*layout.Update, error) {
	var err error
	if f.Name == "" {
		f.Name, err = upstream.NameOf(where)
	} else {
		f.Name, err = upstream.FileName(f.Name)
	}
	if err != nil {
		return nil, err
	}
	f.URL = where.String()
	u := &layout.Update{ID: p.list.ID(f.URL), Type: layout.Software, Files: []layout.File{f}}
	p.named.fill(u)
	return u, nil
}

// comment takes a line of comment without its sign.
func (b *block) comment(s string) {
	if b.used {
		*b = block{}
	}
	for _, id := range bulletin.FindAllString(s, -1) {
		b.bulletins = appendNew(b.bulletins, strings.ToUpper(id))
	}
	switch {
	case s == "":
		*b = block{}
	case strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">"):
		b.support = s[1 : len(s)-1] // the last one: pages of the download come after those of the bulletin
	case b.title == "":
		b.title = s
	case b.about == "":
		b.about = s
	default:
		b.about += "\n" + s
	}
}

var (
	bulletin = regexp.MustCompile(`(?i)\bMS\d\d-\d\d\d\b`)
	kb       = regexp.MustCompile(`(?i)\b(?:KB|Q)(\d{6,7})\b`)
)

func kbOf(title string) string {
	m := kb.FindStringSubmatch(title)
	if m == nil {
		return ""
	}
	return m[1]
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
