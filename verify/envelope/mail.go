package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// leaf is one text of a document in which signed text may stand.
type leaf struct {
	Where   string
	Body    []byte // transfer encodings undone; of a MIME part the signed entity
	Charset string
	Armor   []byte // PGP/MIME: the signature of Body; nil elsewhere
	Text    []byte // PGP/MIME: the text within Body
	Err     error  // why there is no Body
}

const (
	// mimeDepth is how many entities of a mail may stand within one another.
	mimeDepth = 8
	// maxTexts is how many texts of one document are looked at.
	maxTexts = MaxParts
	// maxEntities is how many parts of all types one document may have.
	maxEntities = 1000
)

// leaves returns the texts of a mail (RFC 5322, RFC 2045), or of several as a
// mailbox holds them, with their transfer encodings undone and nothing else:
// in the charset of the mail, for so they were signed. Where the document is
// no mail, it is one text itself, and isMail is false.
//
// Texts are what is of type text/plain, or application/pgp as the first mails
// with PGP called it. Never text/html: there the markup decides what a reader
// sees, so that signed text can be hidden and unsigned text shown in its
// place, and the bytes that were signed are not there in any case.
//
// A signed entity (RFC 3156) is one leaf, whatever is in it. A part that cannot
// be read is a leaf with Err. What is taken for a mail and is none, or the
// other way round, does no harm: the same blocks are found in both readings,
// and only what is signed counts.
func leaves(doc []byte) (ls []leaf, isMail bool) {
	w := &walk{left: maxEntities}
	if IsMailbox(doc) {
		w.mailbox(doc)
		return w.done(), true
	}
	e, ok := openMail(doc)
	if !ok {
		return nil, false
	}
	w.entity(e, place{kind: textPlain})
	return w.done(), true
}

// openMail reads the header of a mail. It takes one that names at least one
// field that mails have, and in which all lines are fields.
func openMail(doc []byte) (entity, bool) {
	e, err := readEntity(bytes.TrimPrefix(doc, bom))
	return e, err == nil && len(e.fields) > 0
}

const (
	textPlain     = "text/plain"
	messageType   = "message/rfc822"
	signatureType = "application/pgp-signature"
)

// place says where an entity stands.
type place struct {
	where  string // "message 2"
	number string // of the part as IMAP counts them, "1.2"; empty for a whole mail
	kind   string // its type where it names none
	depth  int
}

func (p place) String() string {
	if p.number == "" {
		return p.where
	}
	return join(p.where, "part "+p.number)
}

// below returns the place of part i, counted from 0.
func (p place) below(i int, kind string) place {
	number := fmt.Sprint(i + 1)
	if p.number != "" {
		number = p.number + "." + number
	}
	return place{where: p.where, number: number, kind: kind, depth: p.depth + 1}
}

// walk goes through the entities of a document and gathers its texts.
type walk struct {
	found []leaf
	left  int    // entities that may still come
	inner []leaf // signed entities within signed ones
	stray place  // of a signature that belongs to no signed entity
	full  error  // why no more is looked at
}

// done returns what was found.
func (w *walk) done() []leaf {
	for _, l := range w.inner {
		w.add(l)
	}
	if w.full != nil {
		return append(w.found[:min(len(w.found), maxTexts-1)], leaf{Err: w.full})
	}
	if w.stray.number != "" && !w.signed() {
		w.found = append(w.found, leaf{Where: w.stray.String(),
			Err: errors.New("a signature that is joined to no text: the mail was taken apart on its way")})
	}
	return w.found
}

// signed reports whether a text seems to carry its own signature.
func (w *walk) signed() bool {
	for _, l := range w.found {
		if l.Err != nil || l.Armor != nil || hasBlock(l.Body) {
			return true
		}
	}
	return false
}

func (w *walk) add(l leaf) {
	if len(w.found) >= maxTexts {
		w.full = fmt.Errorf("the mail has more than %d texts", maxTexts)
		return
	}
	w.found = append(w.found, l)
}

func (w *walk) fail(p place, err error) { w.add(leaf{Where: p.String(), Err: err}) }

// mailbox takes the mails of a mailbox.
func (w *walk) mailbox(doc []byte) {
	mails := 0
	for m, err := range Messages(bytes.NewReader(doc)) {
		mails++
		p := place{where: fmt.Sprintf("message %d", m.Number)}
		if err != nil {
			w.fail(p, err)
			continue
		}
		w.message(m.Raw, p)
		if w.full != nil {
			return
		}
	}
	if mails > 1 {
		return
	}
	for i := range w.found {
		l := &w.found[i]
		l.Where = strings.TrimPrefix(strings.TrimPrefix(l.Where, "message 1"), ", ")
	}
	w.stray.where = ""
}

func (w *walk) message(raw []byte, p place) {
	e, err := readEntity(raw)
	if err != nil {
		w.fail(p, err)
		return
	}
	p.kind = textPlain
	w.entity(e, p)
}

// entity takes the texts of an entity and of what is within it.
func (w *walk) entity(e entity, p place) {
	if w.left--; w.left < 0 {
		w.full = fmt.Errorf("the mail has more than %d parts", maxEntities)
	}
	if w.full != nil {
		return
	}
	kind, params := e.mediaType(p.kind)
	if p.depth > mimeDepth {
		w.fail(p, fmt.Errorf("its parts stand within one another more than %d deep", mimeDepth))
		return
	}
	switch {
	case kind == textPlain || kind == "text" || kind == "application/pgp":
		w.text(e, params["charset"], p)
	case kind == messageType:
		raw, err := e.decoded()
		if err != nil {
			w.fail(p, err)
			return
		}
		p.depth++
		w.message(raw, p)
	case kind == signatureType:
		w.stray = p
	case strings.HasPrefix(kind, "multipart/"):
		w.multipart(e, kind, params, p)
	}
}

func (w *walk) text(e entity, charset string, p place) {
	body, err := e.decoded()
	if err != nil {
		w.fail(p, err)
		return
	}
	w.add(leaf{Where: p.String(), Body: body, Charset: charsetName(charset)})
}

func (w *walk) multipart(e entity, kind string, params map[string]string, p place) {
	parts, err := split(e.body, params["boundary"])
	if err != nil {
		w.fail(p, err)
		return
	}
	if kind == "multipart/signed" && isPGP(parts, params["protocol"]) {
		w.signedEntity(parts, p)
		return
	}
	within := textPlain
	if kind == "multipart/digest" {
		within = messageType
	}
	for i, raw := range parts {
		if w.full != nil {
			return
		}
		below := p.below(i, within)
		part, err := readEntity(raw)
		if err != nil {
			w.fail(below, err)
			continue
		}
		w.entity(part, below)
	}
}

// isPGP reports whether the parts of a multipart/signed are signed by OpenPGP
// and not, say, by S/MIME.
func isPGP(parts [][]byte, protocol string) bool {
	if strings.EqualFold(protocol, signatureType) {
		return true
	}
	if protocol != "" || len(parts) < 2 {
		return false
	}
	e, err := readEntity(parts[1])
	kind, _ := e.mediaType("")
	return err == nil && kind == signatureType
}

// signedEntity takes a text and its signature, which are two parts and no
// more (RFC 3156 section 5).
func (w *walk) signedEntity(parts [][]byte, p place) {
	if len(parts) != 2 {
		w.fail(p, fmt.Errorf("a signed mail of %d parts: a text and its signature are two", len(parts)))
		return
	}
	armor, err := signatureOf(parts[1])
	if err != nil {
		w.fail(p, err)
		return
	}
	content, err := readEntity(parts[0])
	if err != nil {
		w.fail(p.below(0, ""), err)
		return
	}
	inside := &walk{left: w.left}
	inside.entity(content, p.below(0, textPlain))
	w.left = inside.left
	text, charset, err := inside.joined()
	if err != nil {
		w.fail(p, err)
		return
	}
	// So it was signed (RFC 3156 section 5), and mailboxes keep it otherwise.
	body, _ := lfToCRLF(parts[0])
	w.add(leaf{Where: p.String(), Body: body, Charset: charset, Armor: armor, Text: text})
	for _, l := range append(inside.found, inside.inner...) {
		if l.Armor != nil {
			w.inner = append(w.inner, l)
		}
	}
}

func signatureOf(part []byte) ([]byte, error) {
	e, err := readEntity(part)
	if err != nil {
		return nil, err
	}
	if kind, _ := e.mediaType(""); kind != signatureType {
		return nil, fmt.Errorf("the second part of a signed mail is of type %.40q and no signature", kind)
	}
	armor, err := e.decoded()
	if err != nil {
		return nil, err
	}
	if armor = bytes.TrimSpace(armor); len(armor) == 0 {
		return nil, errors.New("the signature of a signed mail is empty")
	}
	return armor, nil
}

// joined returns the texts that were found as one: in its own charset where
// there is one, else in UTF-8.
func (w *walk) joined() (text []byte, charset string, err error) {
	if w.full != nil {
		return nil, "", w.full
	}
	var texts []leaf
	for _, l := range w.found {
		if l.Err != nil {
			return nil, "", l.Err
		}
		if l.Armor != nil {
			l.Body = l.Text
		}
		texts = append(texts, l)
	}
	if len(texts) == 0 {
		return nil, "", nil
	}
	if len(texts) == 1 {
		return bytes.Clone(texts[0].Body), texts[0].Charset, nil
	}
	for i, l := range texts {
		if i > 0 {
			text = append(text, '\n')
		}
		text = append(text, Decode(l.Body, l.Charset)...)
	}
	return text, "utf-8", nil
}
