// Package bulletins are sources of bulletins that follow no standard of how to
// list them: a folder of files and mails on this machine (Folder), and single
// pages (Pages). Publishers that list theirs as CSAF are for package csaf.
//
// It hands over what it finds, byte for byte, and judges nothing: no verdict is
// in a name, and nothing that stands beside a document is believed.
package bulletins

import "patchferry/verify/envelope"

// Limits of a source. What is beyond them is a problem of the list; the rest of
// it goes on.
const (
	MaxItems    = 100_000              // documents of a source
	MaxDocument = envelope.MaxDocument // bytes of a document, a signature or a file of digests
)
