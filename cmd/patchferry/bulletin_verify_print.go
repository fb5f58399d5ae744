package main

import (
	"fmt"
	"io"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// printVerified reports one document.
func (a *app) printVerified(r *verifyReport, keys *verify.Keyring) error {
	if a.json {
		return a.printJSON(r)
	}
	var b strings.Builder
	if r.Error != "" {
		fmt.Fprintf(&b, "%-11s  %s\n%13s%s\n", "unreadable", printable(r.File), "", printable(r.Error))
	} else {
		r.write(&b, keys)
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// write prints the verdict, who signed, and what to do, for people. All words
// of the document, of its mail and of its key are made printable.
func (r *verifyReport) write(b *strings.Builder, keys *verify.Keyring) {
	fmt.Fprintf(b, "%-11s  %s\n", r.Verdict, printable(r.File))
	row := func(format string, args ...any) {
		fmt.Fprintf(b, "%13s%s\n", "", printable(fmt.Sprintf(format, args...)))
	}
	writeSigner(row, r.Judgement, keys)
	if r.Pin != nil {
		if by := r.Pin.by(); by != "" {
			row("%s", by)
		}
	}
	if n := (layout.Notice{Qualifiers: r.Qualifiers}); r.Verdict == layout.Valid && n.Historical() {
		row("of historical strength: it shows what was announced then, and decides nothing about what is installed now")
	}
	for _, q := range r.Qualifiers {
		row("%s", explainQualifier(q))
	}
	for _, reason := range r.Reasons {
		row("%s", reason)
	}
	if r.Diagnosis != nil && r.Diagnosis.Text != "" {
		row("likely: %s", r.Diagnosis.Text)
	}
	if next := nextStep(r.Judgement); next != "" {
		row("next: %s", next)
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		row("%s: %s", p.Where, p.Verdict)
		below := func(format string, args ...any) { row("  "+format, args...) }
		if p.Primary != r.Primary {
			writeSigner(below, p, keys)
		} else if p.Primary != "" {
			writeSignature(below, p)
		}
		if p.Verdict != r.Verdict {
			for _, reason := range p.Reasons {
				row("  %s", reason)
			}
		}
	}
	for _, s := range r.Signed {
		writeSigned(b, s)
	}
}

// writeSigner says who signed, as far as that is known. What a bad signature
// says of its signer is only a claim.
func writeSigner(row func(format string, args ...any), j *verify.Judgement, keys *verify.Keyring) {
	if j.Primary == "" {
		return
	}
	by := "signed by"
	if j.Verdict == layout.Bad {
		by = "claims to be signed by"
	}
	row("%s %s", by, strings.TrimSpace(j.Primary.Grouped()+"  "+strings.Join(some(keys.Names(j.Primary), 3), ", ")))
	if j.Signing != j.Primary && j.Signing != "" {
		row("with its subkey %s", j.Signing.Grouped())
	}
	writeSignature(row, j)
}

// writeSignature says when and by which algorithms somebody signed.
func writeSignature(row func(format string, args ...any), j *verify.Judgement) {
	about := j.KeyAlgorithm
	if j.KeyBits > 0 {
		about += fmt.Sprintf(" %d bits", j.KeyBits)
	}
	if j.Digest != "" {
		about += ", " + j.Digest
	}
	if !j.SignedAt.IsZero() {
		about = j.SignedAt.String() + ", " + about
	}
	row("%s", about)
}

// writeSigned prints signed text so that nothing in it can be taken for words
// of this program: every line of it stands behind a bar.
func writeSigned(b *strings.Builder, s signedText) {
	title := "signed text"
	if s.Where != "" {
		title += " of " + s.Where
	}
	fmt.Fprintf(b, "\n%13s%s:\n", "", printable(title))
	for line := range strings.Lines(printableText(s.Text)) {
		fmt.Fprintf(b, "%11s| %s\n", "", strings.TrimSuffix(line, "\n"))
	}
	b.WriteString("\n")
}
