package verify

import (
	"bytes"
	"slices"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

const (
	// maxTrials is how many changes are tried for one signature.
	maxTrials = 12
	// maxTrialBytes is how many bytes are hashed to diagnose one document,
	// however many signatures it has.
	maxTrialBytes = maxTrials * envelope.MaxDocument
)

// Words of Diagnosis.Sums.
const (
	sumsMatch  = "match"
	sumsDiffer = "differ"
)

// diagnosis looks for what happened to one document. It accepts nothing: the
// verdicts are given before it begins and stay as they are.
type diagnosis struct {
	doc  Document
	left int // how many bytes may still be hashed
	sums string
}

func diagnose(doc Document) *diagnosis {
	return &diagnosis{doc: doc, left: maxTrialBytes}
}

// bad says of a bad signature what may have happened to its text.
func (d *diagnosis) bad(p *Judgement) *Diagnosis {
	if d.sums == "" {
		d.sums = compareSums(d.doc, d.doc.Original)
	}
	name, original, done := d.search(&p.trial)
	out := &Diagnosis{Transform: name, Sums: d.sums}
	if !done {
		out.Text = "the document is too large, and has too many signatures, to look for what happened to it: get it again from the publisher"
		return out
	}
	file := d.doc.Signature != nil
	if file {
		out.Original = original
	}
	switch {
	case name == "" && file:
		out.Text = alteredFile(d.sums)
	case name == "":
		out.Text = "the text was altered after it was signed, and by none of the usual conversions: " +
			"get the message as it was sent, not a copy from a web page or a forwarded mail"
	case file:
		out.Text = happened(name) + ": " + convertedFile(d.sums, d.fits(original))
	default:
		out.Text = happened(name) + ": get the message as it was sent"
	}
	return out
}

// fits reports whether the files of digests are those of the original.
func (d *diagnosis) fits(original []byte) bool {
	return compareSums(d.doc, original) == sumsMatch
}

// search tries the usual changes until the signature is right; done is false
// where it was cut short for want of bytes that may be hashed.
func (d *diagnosis) search(t *trial) (name string, original []byte, done bool) {
	tried := 0
	for name, original := range envelope.Variants(t.subject.body, !t.subject.clear) {
		if tried == maxTrials {
			break
		}
		if len(original) > d.left {
			return "", nil, false
		}
		tried++
		d.left -= len(original)
		if t.holds(original) {
			return name, original, true
		}
	}
	return "", nil, true
}

// alteredFile says what a bad signature means that no change explains.
func alteredFile(sums string) string {
	switch sums {
	case sumsMatch:
		return "the file of digests beside it fits and the signature does not: these are the bytes that were published, " +
			"with a signature of others; tell the publisher, or get both from the publisher if this is a mirror"
	case sumsDiffer:
		return "neither the signature nor the file of digests beside it fits: the document was revised after both were made, " +
			"or altered; get all three again, at one time, from the publisher"
	}
	return "the document was altered after it was signed, or the signature is that of another revision: " +
		"get both again, at one time, from the publisher"
}

// convertedFile says what to do about a file that was converted. Fits reports
// that the files of digests are those of the original.
func convertedFile(sums string, fits bool) string {
	switch {
	case sums == sumsMatch:
		return "get the original bytes; the file of digests beside it was made of the converted file, " +
			"so that it was the publisher or the mirror who converted it: tell them"
	case fits:
		return "get the original bytes; the file of digests beside it is right for them, " +
			"so that the file was converted on its way to you"
	case sums == sumsDiffer:
		return "get the original bytes, and the file of digests beside it again: it fits neither"
	}
	return "get the original bytes"
}

// happened says in words what a change undid.
func happened(name string) string {
	i := slices.IndexFunc(changes[:], func(c change) bool { return c.name == name })
	if i < 0 {
		return "the document was converted after it was signed (" + name + ")"
	}
	return changes[i].text
}

type change struct{ name, text string }

var changes = [...]change{
	{envelope.LFToCRLF, "signed with CRLF line ends; the file was converted after it was signed"},
	{envelope.LFToCRLFNoNewline, "signed with CRLF line ends and none behind its last line; the file was converted after it was signed"},
	{envelope.CRLFToLF, "signed with LF line ends; the file was converted to CRLF after it was signed"},
	{envelope.FinalNewlineRemoved, "signed without the line end at its end, which was added after it was signed"},
	{envelope.FinalNewlineAdded, "signed with a line end at its end, which was lost after it was signed"},
	{envelope.BOMRemoved, "signed without a byte order mark, which an editor added after it was signed"},
	{envelope.BOMAdded, "signed with a byte order mark, which was lost after it was signed"},
	{envelope.SpacesRemoved, "signed without spaces at the ends of lines, which were added after it was signed"},
	{envelope.MojibakeUndone, "signed as UTF-8, which a program took for Windows-1252 after it was signed"},
	{envelope.UTF8ToWindows1252, "signed in Windows-1252; the text was converted to UTF-8 after it was signed"},
	{envelope.Windows1252ToUTF8, "signed in UTF-8; the text was converted to Windows-1252 after it was signed"},
	{envelope.HTMLUndone, "signed as plain text; this is the source of a web page, with characters written as HTML entities"},
	{envelope.NoBreakSpacesUndone, "signed with plain spaces; it was copied from a web page, which has no-break spaces"},
	{envelope.QuotedPrintableUndone, "signed as plain text; this is the raw form of a mail in quoted-printable, without the header that says so"},
	{envelope.QuotingRemoved, "signed without \"> \" before each line; this is a reply that quotes it"},
	{envelope.FromUnescaped, "signed with lines that begin with \"From\"; a mailbox wrote \">From\" after it was signed"},
	{envelope.DashesUnescaped, "signed without \"- \" before dashes; this was taken out of a clear-signed message with its escapes"},
	{envelope.IndentationRemoved, "signed without blanks before each line, which were added after it was signed"},
	{envelope.ExtraDashRemoved, "signed with a first line of five dashes; a sixth was added after it was signed"},
}

// frame says of a document in which no signature can be read what may have
// happened to it; it returns nil where nothing tells.
func (j *Judge) frame(doc Document, v layout.Verdict) *Diagnosis {
	var found *Diagnosis
	for name, original := range envelope.Frames(doc.Original) {
		parts, err := envelope.Open(original)
		if err != nil || len(parts) == 0 || slices.ContainsFunc(parts, func(p envelope.Part) bool { return p.Err != nil }) {
			continue
		}
		if j.right(parts) {
			return &Diagnosis{Transform: name, Text: happened(name) + ": get the message as it was sent", Original: original}
		}
		if found == nil {
			found = &Diagnosis{Text: "it seems that a message in it was " + happened(name) + ": get the message as it was sent"}
		}
	}
	if found == nil && v == layout.Unsigned && escaped(doc.Original) {
		found = &Diagnosis{Text: "lines that begin with \"- -\" are what signing leaves: this was a signed message, " +
			"and its first line and its signature were taken off; get the message as it was sent"}
	}
	return found
}

// right reports whether the signature of each part is right, by any key.
func (j *Judge) right(parts []envelope.Part) bool {
	for i := range parts {
		s := subjects(&parts[i])[0]
		all := j.subject(s, maxTrials)
		if slices.ContainsFunc(all, func(p Judgement) bool { return !p.trial.holds(s.body) }) {
			return false
		}
	}
	return true
}

// escaped reports whether a text has a rule of dashes as signing escapes it.
func escaped(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("- ---")) {
			return true
		}
	}
	return false
}
