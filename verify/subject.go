package verify

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

// subject is one text with the block of signatures that is on it.
type subject struct {
	where  string
	clear  bool     // clear-signed: blanks at the ends of lines are not signed
	hashes []string // the Hash headers of a clear-signed text
	body   []byte   // what was signed, as found
	block  []byte   // the signature packets
	text   Text     // for readers; of a clear-signed text Body is made later
	err    error    // why there is no body
	forms  map[form][]byte
	texts  map[form]*signedText
}

// signedText is a text for readers with its digest.
type signedText struct {
	Text
	digest layout.Digest
}

// form is a way in which a text is hashed.
type form int

const (
	formBytes form = iota // as it is
	formText              // line ends are CRLF (RFC 9580 section 5.2.1.2)
	formClear             // and blanks behind lines are gone (section 7.2)
	formPGP2              // as PGP 2 did it: tabs are not blanks
)

// detached returns the subject of a document with its signature beside it.
func detached(doc Document) *subject {
	s := &subject{body: doc.Original, text: Text{Body: doc.Original}}
	s.block, s.err = envelope.Dearmor(doc.Signature)
	return s
}

// subjects returns those of a part and of the parts within it.
func subjects(p *envelope.Part) []*subject {
	s := &subject{
		where: p.Where, clear: p.Form == envelope.Clear, hashes: p.Hashes, body: p.Body, err: p.Err,
		text: Text{Where: p.Where, Body: p.Text, Charset: p.Charset},
	}
	if s.err == nil {
		s.block, s.err = envelope.Dearmor(p.Armor)
	}
	all := []*subject{s}
	for i := range p.Inner {
		all = append(all, subjects(&p.Inner[i])...)
	}
	return all
}

// marks reads the block of signatures. One that cannot be read stands as an
// error in its place; a block that is no sequence of signatures is refused
// whole, and so is one with more than limit.
func (s *subject) marks(limit int) ([]*mark, []error, error) {
	if s.err != nil {
		return nil, nil, s.err
	}
	packets, err := splitPackets(s.block)
	if err != nil {
		return nil, nil, fmt.Errorf("the block of signatures cannot be read: %w", err)
	}
	if len(packets) == 0 {
		return nil, nil, errors.New("the block of signatures is empty")
	}
	if len(packets) > limit {
		return nil, nil, fmt.Errorf("more than %d signatures", maxSignatures)
	}
	marks, errs := make([]*mark, len(packets)), make([]error, len(packets))
	for i, p := range packets {
		if p.tag != tagSignature {
			return nil, nil, fmt.Errorf("packet %d of the block of signatures has tag %d and is none", i+1, p.tag)
		}
		marks[i], errs[i] = parseMark(p)
	}
	return marks, errs, nil
}

// form returns how the text was hashed for a signature. A clear-signed text is
// text, even where the signature says binary, as some versions of PGP did.
func (s *subject) form(m *mark) form {
	switch {
	case s.clear && s.hashes == nil && m.digest == crypto.MD5:
		return formPGP2
	case s.clear:
		return formClear
	case m.kind == packet.SigTypeText:
		return formText
	}
	return formBytes
}

// hashed returns body as it was hashed. That of the subject itself is kept,
// since many signatures may be on it.
func (s *subject) hashed(m *mark, body []byte) []byte {
	f := s.form(m)
	if f == formBytes {
		return body
	}
	if !sameSlice(body, s.body) {
		return f.of(body)
	}
	if s.forms == nil {
		s.forms = map[form][]byte{}
	}
	if s.forms[f] == nil {
		s.forms[f] = f.of(body)
	}
	return s.forms[f]
}

func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// mismatch reports whether the Hash headers of a clear-signed text do not
// announce the digest. Without any, a text is signed as PGP 2 did, over MD5.
func (s *subject) mismatch(m *mark) bool {
	switch {
	case !s.clear, m.version == 6 && s.hashes == nil:
		return false
	case s.hashes == nil:
		return m.digest != crypto.MD5
	}
	return !slices.Contains(s.hashes, digestName(m.digest))
}

// signed returns the text for readers: of a clear-signed one exactly what is
// signed, with newlines for line ends. It is made once.
func (s *subject) signed(m *mark) *signedText {
	f := formBytes
	if s.clear {
		f = s.form(m)
	}
	if made := s.texts[f]; made != nil {
		return made
	}
	out := &signedText{Text: s.text}
	if s.clear {
		out.Body = bytes.ReplaceAll(s.hashed(m, s.body), []byte("\r\n"), []byte("\n"))
	}
	out.digest = layout.DigestOf(out.Body)
	if s.texts == nil {
		s.texts = map[form]*signedText{}
	}
	s.texts[f] = out
	return out
}

// of returns the text in a form.
func (f form) of(body []byte) []byte {
	switch f {
	case formText:
		return textForm(body)
	case formClear:
		return clearForm(body, " \t\r")
	case formPGP2:
		return clearForm(body, " \r")
	}
	return body
}

// textForm makes every newline without a carriage return before it a CRLF.
func textForm(body []byte) []byte {
	out := make([]byte, 0, len(body)+bytes.Count(body, []byte("\n")))
	for line := range bytes.Lines(body) {
		bare, ended := bytes.CutSuffix(line, []byte("\n"))
		out = append(out, bare...)
		if !ended {
			break
		}
		if !bytes.HasSuffix(bare, []byte("\r")) {
			out = append(out, '\r')
		}
		out = append(out, '\n')
	}
	return out
}

// clearForm takes the blanks off the ends of lines and separates these by
// CRLF.
func clearForm(body []byte, blanks string) []byte {
	out := make([]byte, 0, len(body)+bytes.Count(body, []byte("\n")))
	for rest, more := body, true; more; {
		var line []byte
		line, rest, more = bytes.Cut(rest, []byte("\n"))
		out = append(out, bytes.TrimRight(line, blanks)...)
		if more {
			out = append(out, "\r\n"...)
		}
	}
	return out
}
