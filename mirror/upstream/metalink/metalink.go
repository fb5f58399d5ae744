// Package metalink reads Metalink documents: version 4 (RFC 5854, .meta4) and
// the older version 3 (.metalink).
//
// A file element is one update with one file. Of the file are read the name,
// the size, the hashes of the whole (SHA-256, SHA-1 and MD5; others and those
// of pieces are passed over) and the best URL of http or https: that of the
// lowest priority in version 4, of the highest preference in version 3, the
// first among equals. Of the update are read identity or description as its
// title, language and OS.
//
// The document states no ids; that of an update is made from the name of the
// file and its URL (upstream.List.ID).
//
// The document is read as a stream. Its depth, the length of a text and the
// number of files are limited; a document type, which is where entities are
// declared, is refused.
package metalink

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// Limits of a document. What exceeds them is an error.
const (
	MaxDepth = 16
	MaxToken = 64 << 10 // bytes of one tag or text
	MaxFiles = 1_000_000
)

// Parse yields the updates of the document r in its order. A file that cannot
// be used is yielded as a *upstream.LineError, and parsing goes on; after one
// for a document that is malformed or exceeds a limit there is no more.
func Parse(r io.Reader, l upstream.List) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		p := newParser(r, l)
		for {
			u, err := p.next()
			if err == io.EOF {
				return
			}
			line := p.line()
			fatal := (*stop)(nil)
			isFatal := errors.As(err, &fatal)
			if isFatal {
				err = fatal.err
			}
			if err != nil {
				err = &upstream.LineError{Line: line, Err: err}
			}
			if !yield(u, err) || isFatal {
				return
			}
		}
	}
}

// stop is an error after which the document cannot be read on.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }

// parser reads one document.
type parser struct {
	list  upstream.List
	xml   *xml.Decoder
	meter *meter
	path  []string // open elements
	file  *file    // being read, nil between files
	text  strings.Builder
	start int // line of the open file element
	files int
	seen  map[string]int // line of each id
	root  bool           // the metalink element came
}

func newParser(r io.Reader, l upstream.List) *parser {
	m := &meter{r: bufio.NewReader(upstream.Decode(r))}
	p := &parser{list: l, meter: m, xml: xml.NewDecoder(m), seen: map[string]int{}}
	p.xml.CharsetReader = charset
	return p
}

// meter counts what one token takes, so that a single endless one does not
// fill the memory.
type meter struct {
	r    *bufio.Reader
	used int
}

func (m *meter) ReadByte() (byte, error) {
	if m.used++; m.used > MaxToken {
		return 0, fmt.Errorf("a tag or text is longer than %d bytes", MaxToken)
	}
	return m.r.ReadByte()
}

// Read is there for xml.NewDecoder, which prefers ReadByte.
func (m *meter) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c, err := m.ReadByte()
	if err != nil {
		return 0, err
	}
	b[0] = c
	return 1, nil
}

// charset reads the encodings that documents are declared in. UTF-16 was
// decoded by its byte order mark before the declaration was seen.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-8", "utf-16", "us-ascii":
		return r, nil
	case "windows-1252", "iso-8859-1":
		return upstream.CP1252(r), nil
	}
	return nil, fmt.Errorf("encoding %q is not supported", name)
}

func (p *parser) line() int {
	if p.start > 0 {
		return p.start
	}
	line, _ := p.xml.InputPos()
	return line
}

// next returns the next file as an update, or io.EOF.
func (p *parser) next() (*layout.Update, error) {
	p.start = 0
	for {
		p.meter.used = 0
		token, err := p.xml.Token()
		if err == io.EOF && !p.root {
			return nil, &stop{errors.New("not a Metalink document: it is empty")}
		}
		if err == io.EOF {
			return nil, io.EOF
		}
		if err != nil {
			return nil, &stop{err}
		}
		u, done, err := p.token(token)
		if done || err != nil {
			return u, err
		}
	}
}

// token takes one token; done says that it ended a file.
func (p *parser) token(token xml.Token) (u *layout.Update, done bool, err error) {
	switch t := token.(type) {
	case xml.StartElement:
		return nil, false, p.open(t)
	case xml.EndElement:
		return p.close()
	case xml.CharData:
		if p.file != nil && p.text.Len()+len(t) <= MaxToken {
			p.text.Write(t)
		}
	case xml.Directive:
		return nil, false, &stop{errors.New("a document type is not allowed")}
	}
	return nil, false, nil
}

func (p *parser) open(t xml.StartElement) error {
	name := t.Name.Local
	if len(p.path) == 0 && (p.root || name != "metalink") {
		return &stop{fmt.Errorf("not a Metalink document: its root is <%.40s>", name)}
	}
	if len(p.path) >= MaxDepth {
		return &stop{fmt.Errorf("elements are nested deeper than %d", MaxDepth)}
	}
	p.root = true
	p.path = append(p.path, name)
	p.text.Reset()
	if p.file != nil {
		p.file.open(t)
		return nil
	}
	if !p.inFile() {
		return nil
	}
	if p.files++; p.files > MaxFiles {
		return &stop{fmt.Errorf("more than %d files", MaxFiles)}
	}
	p.start, _ = p.xml.InputPos()
	p.file = &file{name: attr(t, "name"), depth: len(p.path)}
	return nil
}

// inFile reports whether the element just opened is a file: below metalink in
// version 4, below metalink and files in version 3.
func (p *parser) inFile() bool {
	at := strings.Join(p.path, "/")
	return at == "metalink/file" || at == "metalink/files/file"
}

func (p *parser) close() (*layout.Update, bool, error) {
	depth := len(p.path)
	f := p.file
	if f != nil && depth > f.depth {
		f.close(p.path[f.depth:], strings.TrimSpace(p.text.String()))
	}
	p.path = p.path[:depth-1]
	p.text.Reset()
	if f == nil || depth != f.depth {
		return nil, false, nil
	}
	p.file = nil
	u, err := f.update(p.list)
	if err != nil {
		return nil, true, err
	}
	if line := p.seen[u.ID]; line > 0 {
		return nil, true, fmt.Errorf("file %q stands in line %d already, with the same URL", f.name, line)
	}
	p.seen[u.ID] = p.start
	return u, true, nil
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}
