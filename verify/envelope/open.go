package envelope

import (
	"bytes"
	"fmt"
)

// MaxDepth is how many signed texts may stand within one another.
const MaxDepth = 4

var bom = []byte("\ufeff")

// Open finds everything in a document that carries a signature of its own, in
// the order of the document. A document in which nothing is signed has no
// parts. A block that is begun and cannot be read to its end is a part with
// Err, so that nothing broken is passed over in silence; reading goes on behind
// the line that broke it.
//
// The error says that the document is larger than MaxDocument, or has more than
// MaxParts parts or texts within texts beyond MaxDepth. Open takes linear time
// and a few times the memory of doc, which it neither changes nor keeps.
func Open(doc []byte) ([]Part, error) {
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("the document has more than %d bytes", MaxDocument)
	}
	texts, isMail := leaves(doc)
	if !isMail {
		texts = []leaf{{Body: doc}}
	}
	o := opener{left: MaxParts}
	var parts []Part
	unsigned := false // a whole text of a mail
	for _, l := range texts {
		found, err := o.leaf(l)
		if err != nil {
			return nil, err
		}
		parts = append(parts, found...)
		unsigned = unsigned || len(found) == 0 && len(bytes.TrimSpace(l.Body)) > 0
	}
	for i := range parts {
		parts[i].Extra = parts[i].Extra || unsigned
	}
	return parts, nil
}

// opener counts the parts of one document.
type opener struct{ left int }

func (o *opener) take() error {
	if o.left == 0 {
		return fmt.Errorf("the document has more than %d signed parts", MaxParts)
	}
	o.left--
	return nil
}

func (o *opener) leaf(l leaf) ([]Part, error) {
	if l.Err == nil && l.Armor == nil {
		return o.blocks(l.Body, l.Where, l.Charset, 1)
	}
	if err := o.take(); err != nil {
		return nil, err
	}
	p := Part{Where: l.Where, Form: MIME, Charset: l.Charset, Err: l.Err}
	if l.Err != nil {
		return []Part{p}, nil
	}
	p.Body, p.Armor, p.Text = l.Body, l.Armor, l.Text
	var err error
	p.Inner, err = o.inner(&p, 1)
	return []Part{p}, err
}

// blocks returns the clear-signed blocks of a text, with those within them.
// Depth counts from 1.
func (o *opener) blocks(text []byte, where, charset string, depth int) ([]Part, error) {
	var parts []Part
	extra := false // some line belongs to no block
	rest := bytes.TrimPrefix(text, bom)
	for len(rest) > 0 {
		line, after := cutLine(rest)
		if !isMarker(line, beginMessage) {
			extra = extra || len(trimBlanks(line)) > 0
			rest = after
			continue
		}
		if err := o.take(); err != nil {
			return nil, err
		}
		var p Part
		p, rest = readBlock(after)
		p.Charset = charset
		parts = append(parts, p)
	}
	alone := len(parts) == 1 && !extra
	for i := range parts {
		p := &parts[i]
		p.Where = where
		if !alone {
			p.Where = join(where, fmt.Sprintf("block %d", i+1))
		}
		// Within signed text nothing is signed by nobody.
		p.Extra = extra && depth == 1
		var err error
		if p.Inner, err = o.inner(p, depth); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// inner returns the blocks within a part that stands at the given depth.
func (o *opener) inner(p *Part, depth int) ([]Part, error) {
	if !hasBlock(p.Text) {
		return nil, nil
	}
	if depth >= MaxDepth {
		return nil, fmt.Errorf("signed texts stand within one another more than %d deep", MaxDepth)
	}
	return o.blocks(p.Text, join(p.Where, "inside"), p.Charset, depth+1)
}

func hasBlock(text []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(text, bom)) {
		if isMarker(bytes.TrimSuffix(line, []byte("\n")), beginMessage) {
			return true
		}
	}
	return false
}

func join(where, more string) string {
	if where == "" {
		return more
	}
	return where + ", " + more
}

// cutLine cuts the first line off b, without its newline.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return line, rest
}

// trimBlanks takes off what no program signs and every mailer adds: blanks, and
// the carriage return of a line end.
func trimBlanks(line []byte) []byte { return bytes.TrimRight(line, " \t\r") }
