package bulletins

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

// kind is what a file is by its name.
type kind int

const (
	other    kind = iota // nothing of ours
	text                 // a document
	armored              // a document, a signature or a certificate
	digests              // beside a document
	key                  // a certificate
	unmarked             // what is in it tells
)

var kinds = map[string]kind{
	".txt": text, ".eml": text, ".msg": text, ".json": text, ".xml": text, ".mbox": text, ".mbx": text,
	".asc": armored, ".sig": armored, ".pgp": armored,
	".sha256": digests, ".sha512": digests,
	".key": key, ".pub": key,
	"": unmarked, ".md": unmarked, ".markdown": unmarked,
}

var (
	signatureSuffixes = []string{".asc", ".sig"}
	sumSuffixes       = []string{".sha256", ".sha512"}
	besideSuffixes    = append(append([]string{}, signatureSuffixes...), sumSuffixes...)
)

func kindOf(name string) kind {
	ext := strings.ToLower(path.Ext(name))
	if isNumber(path.Base(name)) {
		return text // a mail of an MH folder
	}
	return kinds[ext]
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// headLen is how much of a file is looked at to tell what it is.
const headLen = 16 << 10

const (
	markSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	markSignature = "-----BEGIN PGP SIGNATURE-----"
	markPublic    = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	markSecret    = "-----BEGIN PGP PRIVATE KEY BLOCK-----"
)

// sort makes items of the files that are documents.
func (s *survey) sort(ctx context.Context) error {
	s.places = map[string]place{}
	s.beside = make(map[string]file, len(s.files))
	for _, x := range s.files {
		s.beside[x.path] = x
	}
	for i := range s.files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.full {
			break
		}
		x := &s.files[i]
		if err := s.take(x); err != nil {
			s.problems.add(x.path, err)
		}
	}
	if s.full {
		s.problems.add(s.tree.path, fmt.Errorf("more than %d documents; the rest is left out", MaxItems))
	}
	return nil
}

// take sorts one file.
func (s *survey) take(x *file) error {
	k := kindOf(x.name)
	signed := (k == other || k == unmarked) && s.isSigned(x.path)
	if k == other && !x.mail && !signed || k == digests {
		return nil
	}
	head, err := s.head(x.path)
	if err != nil {
		return err
	}
	has := func(mark string) bool { return bytes.Contains(head, []byte(mark)) }
	switch {
	case x.mail:
		return s.document(x)
	case envelope.IsMailbox(head):
		return s.mailbox(x)
	case has(markSigned):
		return s.document(x)
	case has(markSecret):
		return errors.New("holds a secret key, which has no place here")
	case k == key || has(markPublic):
		return s.key(x, has(markPublic))
	case k == armored && s.isBeside(x.path):
		return nil // its document brings it along
	case k == armored && has(markSignature):
		return errors.New("a signature without the document that it signs")
	case k == unmarked && !signed:
		return s.unmarked(x, head)
	}
	why := binary(head)
	switch {
	case why == "":
		return s.document(x)
	case k == other || k == unmarked:
		return nil // a program that its publisher signed, say
	}
	return errors.New(why)
}

// unmarked takes a file whose name says nothing, if something in it is signed.
func (s *survey) unmarked(x *file, head []byte) error {
	if binary(head) != "" || x.size > MaxDocument {
		return nil
	}
	b, err := s.tree.read(x.path)
	if err != nil {
		return err
	}
	if bytes.Contains(b, []byte(markSigned)) || bytes.Contains(b, []byte("multipart/signed")) {
		return s.document(x)
	}
	return nil
}

// isSigned reports whether a signature stands beside a file.
func (s *survey) isSigned(rel string) bool {
	for _, suffix := range signatureSuffixes {
		if _, found := s.beside[rel+suffix]; !found {
			continue
		}
		if head, err := s.head(rel + suffix); err == nil && isSignature(head) {
			return true
		}
	}
	return false
}

// isBeside reports whether a signature of that name has its document.
func (s *survey) isBeside(rel string) bool {
	for _, suffix := range signatureSuffixes {
		if stem, ok := strings.CutSuffix(rel, suffix); ok {
			_, found := s.beside[stem]
			return found
		}
	}
	return false
}

// binary says why what begins with head is no text. Text in UTF-16 says so in
// its first two bytes.
func binary(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return ""
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return "a message in the format of Outlook; save it as text or .eml"
	case bytes.IndexByte(head, 0) >= 0:
		return "holds no text"
	}
	return ""
}

func (s *survey) head(rel string) ([]byte, error) {
	f, err := s.tree.open(rel)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headLen))
}

// document adds a file as an item. Its stamp changes also with what stands
// beside it.
func (s *survey) document(x *file) error {
	if x.size > MaxDocument {
		return errTooLong
	}
	stamp := x.stamp()
	if !x.mail {
		for _, suffix := range besideSuffixes {
			if near, ok := s.beside[x.path+suffix]; ok {
				stamp += " " + suffix[1:] + " " + near.stamp()
			}
		}
	}
	name := path.Base(x.name)
	if x.mail || isNumber(name) {
		name += ".eml"
	}
	return s.add(layout.Announced{Name: x.name, File: name, By: s.tree.full(x.path), Stamp: stamp}, place{path: x.path, beside: !x.mail})
}

var errTooLong = fmt.Errorf("has more than %d bytes", MaxDocument)

func (s *survey) add(item layout.Announced, at place) error {
	if was, twice := s.places[item.Name]; twice {
		if was.path == at.path || was.beside == at.beside && !at.beside {
			return nil // a mail that stands twice in a mailbox, or is just being moved
		}
		return fmt.Errorf("has the name of %q", was.path)
	}
	if len(s.items) == MaxItems {
		s.full = true
		return nil
	}
	s.places[item.Name] = at
	s.items = append(s.items, item)
	return nil
}

// mailbox adds the mails of a mailbox.
func (s *survey) mailbox(x *file) error {
	f, err := s.tree.open(x.path)
	if err != nil {
		return err
	}
	defer f.Close()
	for m, err := range envelope.Messages(f) {
		if err != nil {
			s.problems.add(x.path, fmt.Errorf("mail %d: %w", m.Number, err))
			continue
		}
		id := mailID(m.Raw)
		item := layout.Announced{
			Name: x.name + "/" + id, File: stem(path.Base(x.name)) + "-" + id + ".eml",
			By: s.tree.full(x.path), Stamp: id,
		}
		if err := s.add(item, place{path: x.path, mail: true, offset: m.Offset}); err != nil || s.full {
			return err
		}
	}
	return nil
}

// mailID names a mail of a mailbox: 64 bits, ample for a mailbox.
func mailID(raw []byte) string {
	sum := layout.DigestOf(raw)
	return hex.EncodeToString(sum[:8])
}

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// key offers a file of certificates.
func (s *survey) key(x *file, isArmored bool) error {
	switch {
	case x.size > maxKey:
		return fmt.Errorf("a file of keys with more than %d bytes", maxKey)
	case len(s.keys) == maxKeys:
		return fmt.Errorf("more than %d files of keys", maxKeys)
	case !isArmored:
		return errors.New("called a key and holds none that is armored")
	}
	f, err := s.tree.open(x.path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return err
	}
	s.keys = append(s.keys, layout.OfferedKey{URL: s.tree.full(x.path), Data: data})
	return nil
}
