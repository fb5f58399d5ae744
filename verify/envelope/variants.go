package envelope

import (
	"bytes"
	"html"
	"io"
	"iter"
	"mime/quotedprintable"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The changes that Variants undoes, by the names of what it does.
const (
	LFToCRLF              = "lf-to-crlf"
	LFToCRLFNoNewline     = "lf-to-crlf,final-newline-removed"
	CRLFToLF              = "crlf-to-lf"
	FinalNewlineRemoved   = "final-newline-removed"
	FinalNewlineAdded     = "final-newline-added"
	BOMRemoved            = "bom-removed"
	BOMAdded              = "bom-added"
	SpacesRemoved         = "trailing-spaces-removed"
	MojibakeUndone        = "mojibake-undone"         // UTF-8 that was read as Windows-1252
	UTF8ToWindows1252     = "utf-8-to-windows-1252"   // and the other way round:
	Windows1252ToUTF8     = "windows-1252-to-utf-8"   //
	HTMLUndone            = "html-undone"             // &lt;
	NoBreakSpacesUndone   = "no-break-spaces-undone"  // as copied from a browser
	QuotedPrintableUndone = "quoted-printable-undone" // =3D
	QuotingRemoved        = "quoting-removed"         // "> " before each line
	FromUnescaped         = "from-unescaped"          // >From
	DashesUnescaped       = "dashes-unescaped"        // "- -", with the frame gone
	IndentationRemoved    = "indentation-removed"
	ExtraDashRemoved      = "extra-dash-removed" // ------BEGIN PGP SIGNED MESSAGE-----
)

// variant undoes one change; ok is false where there is nothing to undo.
type variant struct {
	name string
	undo func([]byte) (original []byte, ok bool)
}

// The likely ones come first.
var (
	ofLineEnds = [...]variant{
		{LFToCRLF, lfToCRLF},
		{CRLFToLF, crlfToLF},
		{LFToCRLFNoNewline, lfToCRLFNoNewline},
	}
	ofText = [...]variant{
		{FinalNewlineRemoved, removeFinalNewline},
		{FinalNewlineAdded, addFinalNewline},
		{BOMRemoved, removeBOM},
		{FromUnescaped, unescapeFrom},
		{QuotedPrintableUndone, undoQuotedPrintable},
		{HTMLUndone, undoHTML},
		{MojibakeUndone, undoMojibake},
		{UTF8ToWindows1252, toWindows1252},
		{Windows1252ToUTF8, fromWindows1252},
		{NoBreakSpacesUndone, undoNoBreakSpaces},
		{QuotingRemoved, removeQuoting},
		{DashesUnescaped, unescapeDashes},
		{SpacesRemoved, removeSpaces},
		{BOMAdded, addBOM},
	}
	ofFrames = [...]variant{
		{QuotingRemoved, unquoteFrame},
		{IndentationRemoved, unindentFrame},
		{QuotedPrintableUndone, undoQuotedPrintable},
		{HTMLUndone, undoHTML},
		{NoBreakSpacesUndone, undoNoBreakSpaces},
		{ExtraDashRemoved, removeExtraDash},
	}
)

// Variants returns what a text with a bad signature may have been when it was
// signed, each with the name of the change that leads back to it, the likely
// ones first. They are for a diagnosis, and no verdict may rest on one: who
// undoes changes until a signature fits also undoes those of an attacker.
//
// Line ends are tried where lineEnds is set: they are signed in files, and in
// clear-signed text they are not. Changes that find nothing to undo are left
// out. Each variant is a copy, made when it is asked for, of at most three times
// the size of body, in linear time.
func Variants(body []byte, lineEnds bool) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if lineEnds && !each(ofLineEnds[:], body, yield) {
			return
		}
		each(ofText[:], body, yield)
	}
}

// Frames returns what a document in which nothing is signed may have been before
// its frames were spoilt, as Variants does for texts: a quoted mail, a web page,
// raw quoted-printable. Only those are returned in which Open finds something.
func Frames(doc []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if !bytes.Contains(doc, []byte("PGP")) {
			return // as most documents that nobody signed
		}
		each(ofFrames[:], doc, func(name string, original []byte) bool {
			return !hasBlock(original) || yield(name, original)
		})
	}
}

func each(variants []variant, body []byte, yield func(string, []byte) bool) bool {
	for _, v := range variants {
		original, ok := v.undo(body)
		if ok && !bytes.Equal(original, body) && !yield(v.name, original) {
			return false
		}
	}
	return true
}

var (
	lf   = []byte("\n")
	crlf = []byte("\r\n")
)

func lfToCRLF(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b)+bytes.Count(b, lf))
	for line := range bytes.Lines(b) {
		if text, ok := bytes.CutSuffix(line, lf); ok && !bytes.HasSuffix(text, []byte("\r")) {
			out = append(append(out, text...), crlf...)
			continue
		}
		out = append(out, line...)
	}
	return out, true
}

func crlfToLF(b []byte) ([]byte, bool) { return bytes.ReplaceAll(b, crlf, lf), true }

func lfToCRLFNoNewline(b []byte) ([]byte, bool) {
	out, _ := lfToCRLF(b)
	out, ok := bytes.CutSuffix(out, crlf)
	return out, ok && bytes.Contains(out, crlf) // else it is no more than the newline
}

func removeFinalNewline(b []byte) ([]byte, bool) {
	out, ok := bytes.CutSuffix(b, lf)
	return bytes.Clone(bytes.TrimSuffix(out, []byte("\r"))), ok
}

func addFinalNewline(b []byte) ([]byte, bool) {
	end := lf
	if bytes.Contains(b, crlf) {
		end = crlf
	}
	return append(bytes.Clone(b), end...), true
}

func removeBOM(b []byte) ([]byte, bool) {
	out, ok := bytes.CutPrefix(b, bom)
	return bytes.Clone(out), ok
}

func addBOM(b []byte) ([]byte, bool) {
	return append(bytes.Clone(bom), b...), !bytes.HasPrefix(b, bom)
}

// removeSpaces takes the spaces off the ends of lines, and leaves the tabs.
func removeSpaces(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		text := bytes.TrimRight(line, "\r\n")
		out = append(out, bytes.TrimRight(text, " ")...)
		out = append(out, line[len(text):]...)
	}
	return out, true
}

func undoMojibake(b []byte) ([]byte, bool) {
	out, ok := toWindows1252(b)
	return out, ok && utf8.Valid(out)
}

// toWindows1252 writes each character as the byte that browsers read it from:
// bytes that Windows-1252 does not define are control characters.
func toWindows1252(b []byte) ([]byte, bool) {
	if isASCII(b) || !utf8.Valid(b) {
		return nil, false
	}
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if !ok && r >= 0x80 && r < 0xa0 {
			c, ok = byte(r), true
		}
		if !ok {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

func fromWindows1252(b []byte) ([]byte, bool) {
	if utf8.Valid(b) {
		return nil, false
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	return out, err == nil
}

func isASCII(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func undoHTML(b []byte) ([]byte, bool) {
	if bytes.IndexByte(b, '&') < 0 {
		return nil, false
	}
	return []byte(html.UnescapeString(string(b))), true
}

func undoNoBreakSpaces(b []byte) ([]byte, bool) {
	return bytes.ReplaceAll(b, []byte("\u00a0"), []byte(" ")), true
}

func undoQuotedPrintable(b []byte) ([]byte, bool) {
	if bytes.IndexByte(b, '=') < 0 {
		return nil, false
	}
	out, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b)))
	return out, err == nil
}

// removeQuoting takes one level of quoting off, where each line has it that is
// not blank.
func removeQuoting(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		text, ok := bytes.CutPrefix(line, []byte(">"))
		if !ok && len(bytes.TrimSpace(line)) > 0 {
			return nil, false
		}
		out = append(out, bytes.TrimPrefix(text, []byte(" "))...)
	}
	return out, true
}

// unquoteFrame takes off what stands before the marker of a message, at
// whatever level of quoting, and leaves the lines that do not have it.
func unquoteFrame(b []byte) ([]byte, bool) {
	prefix := framePrefix(b)
	return trimPrefix(b, prefix), bytes.ContainsRune(prefix, '>') && len(bytes.Trim(prefix, "> \t")) == 0
}

func unindentFrame(b []byte) ([]byte, bool) {
	prefix := framePrefix(b)
	return trimPrefix(b, prefix), len(bytes.Trim(prefix, " \t")) == 0
}

// framePrefix returns what stands before the first marker of a message that
// does not begin its line.
func framePrefix(b []byte) []byte {
	const longest = 16
	for line := range bytes.Lines(b) {
		if i := bytes.Index(line, []byte(beginMessage)); i > 0 && i <= longest {
			return line[:i]
		}
	}
	return nil
}

// trimPrefix takes a prefix off the lines that have it, with or without the
// blanks at its end.
func trimPrefix(b, prefix []byte) []byte {
	short := bytes.TrimRight(prefix, " \t")
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		text, ok := bytes.CutPrefix(line, prefix)
		if !ok {
			text = bytes.TrimPrefix(line, short)
		}
		out = append(out, text...)
	}
	return out
}

func unescapeFrom(b []byte) ([]byte, bool) { return trimLines(b, ">From ", ">"), true }

func unescapeDashes(b []byte) ([]byte, bool) { return trimLines(b, "- -", "- "), true }

func removeExtraDash(b []byte) ([]byte, bool) { return trimLines(b, "-"+beginMessage, "-"), true }

// trimLines takes a prefix off the lines that begin with a text.
func trimLines(b []byte, text, prefix string) []byte {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		if bytes.HasPrefix(line, []byte(text)) {
			line = line[len(prefix):]
		}
		out = append(out, line...)
	}
	return out
}
