// Package bulletin reads what publishers announce (Microsoft's security
// bulletin mails of 1999 to 2010, CSAF 2.0, CVRF, advisories of others, lists
// of digests) into layout.Bulletin. It is pure: it checks no signature, and
// what it is given is what was signed and nothing else.
//
// That the text was signed makes it no less hostile. Time and memory are
// bounded, what is not known is left out, and nothing is guessed: a number is
// a KB article only where the text calls it one. docs/bulletins.md says which
// line becomes which field.
package bulletin

import "patchferry/layout"

// Limits of a text. More is an error.
const (
	maxText  = 4 << 20            // bytes
	maxXML   = layout.MaxUnsigned // bytes of a CVRF document, which nobody signs
	maxLines = 200_000
)

// Limits of what comes out: sizes in bytes, numbers in each bulletin, but for
// maxBulletins and maxResult, which hold for a whole document. What is over them
// is left out, and for bulletins and files that is also an error. maxResult
// leaves room beside the bulletins in a notice, which is one line of 2 MiB at
// most.
const (
	maxBulletins  = 5_000
	maxResult     = 3 << 19 // as JSON
	maxName       = 100
	maxTitle      = 500
	maxRevision   = 20
	maxURL        = 500
	maxProducts   = 200
	maxProduct    = 200
	maxKBs        = 2_000
	maxCVEs       = 2_000
	maxSupersedes = 500
	maxFiles      = 10_000
	maxFileName   = 500
)
