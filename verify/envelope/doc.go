// Package envelope finds what is signed in files as people keep them: clear-
// signed text (RFC 9580 section 7, RFC 1991 before it), mails with such text in
// any transfer encoding, PGP/MIME (RFC 3156), mailboxes, several blocks and
// blocks within blocks.
//
// It takes files apart and checks nothing: what a part says counts only after
// package verify has found its signature right. It is pure, uses no OpenPGP
// library and is bounded in time and memory by the size of its input.
package envelope
