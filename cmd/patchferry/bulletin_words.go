package main

import (
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// qualifiers says what each qualifier of a verdict means (docs/verification.md).
// One that ends in a hyphen stands for all that begin with it.
var qualifiers = []struct{ qualifier, words string }{
	{"sig-v3", "the signature has the form of before 1998 (version 3)"},
	{"key-v3", "the key has the form of before 1998 (version 3), whose fingerprint can be forged; the pin is over the whole key"},
	{"weak-digest-", "signed over a digest that no longer resists collisions"},
	{"weak-key-", "signed by a key that is short by today's measure"},
	{"key-expired-since", "the key was in force when it signed, and has expired since"},
	{"subkey-expired-since", "the signing subkey was in force when it signed, and has expired since"},
	{"signed-after-key-expiry", "signed after the key had expired"},
	{"key-retired", "the key's owner has retired it since"},
	{"key-compromised", "the key's owner says that it fell into the wrong hands"},
	{"key-flags-absent", "the key does not say what it is for, as old keys do not"},
	{"self-signature-newer", "the key vouches for itself only since after it signed, as refreshed keys do"},
	{"no-self-signature", "the key does not vouch for itself"},
	{"future-dated", "dated in the future"},
	{"hash-header-mismatch", "the document names another digest than its signature uses"},
	{"extra-text", "there is text around what was signed, which is not shown"},
	{"multiple-blocks", "there are several signed blocks in the document"},
	{"transform:", "right only after a change of the bytes, so not accepted"},
}

// qualifierWords says what a qualifier means, "" where that is not known.
func qualifierWords(q string) string {
	for _, known := range qualifiers {
		exact := !strings.HasSuffix(known.qualifier, "-") && !strings.HasSuffix(known.qualifier, ":")
		if q == known.qualifier || !exact && strings.HasPrefix(q, known.qualifier) {
			return known.words
		}
	}
	return ""
}

// explainQualifier returns a qualifier with what it means.
func explainQualifier(q string) string {
	if words := qualifierWords(q); words != "" {
		return q + ": " + words
	}
	return q
}

// nextFor says what an operator can do about a document that announces
// nothing.
func nextFor(n *layout.Notice) string {
	switch n.Verdict {
	case layout.Valid:
		return "nothing: it is rightly signed, and no bulletin that patchferry reads"
	case layout.Unpinned:
		return "compare the key's fingerprint with a second source, then type it: patchferry key pin FINGERPRINT --purpose bulletin"
	case layout.UnknownKey:
		return "get the publisher's key: patchferry key list --found, patchferry key add FILE"
	case layout.Refused:
		if old(n.Qualifiers) {
			return "if it is a document of its time: pin its key with --legacy and --not-after, for a source with profile = \"historical\""
		}
		return "policy says no, for the reason given; ask the publisher for one that is signed as it should be"
	case layout.Unsigned:
		return "ask the publisher for the signed one; signed = false is for a source that signs nothing"
	case layout.Bad:
		return "get the original from the publisher again; never use this one"
	}
	return "get the original from the publisher again, with its signature"
}

// nextStep says what to do about a verdict that is not valid, or "".
func nextStep(r *verify.Judgement) string {
	switch r.Verdict {
	case layout.Unpinned:
		return "compare the fingerprint with a second source, then type it: patchferry key pin … --purpose bulletin"
	case layout.UnknownKey:
		if k, ok := verify.DocumentedIssuer(r.Issuer); ok {
			return "that is the key id of " + k.Owner + " (documented: " + k.Where + "); get the key, then patchferry key add FILE, compare, and patchferry key pin"
		}
		return "get the key of the signer, then patchferry key add FILE, compare, and patchferry key pin"
	case layout.Unsigned:
		return "name its detached signature with --signature FILE, or ask the publisher for one"
	case layout.Malformed:
		return "get the file, and its signature, from the publisher again, as they are and not through an editor"
	case layout.Refused:
		if old(r.Qualifiers) {
			return "if you know it to be a document of its time: pin its key with --legacy and --not-after, or with --key type --profile historical"
		}
	case layout.Bad:
		return nextOfBad(r.Diagnosis)
	}
	return ""
}

// nextOfBad says what to do about a document that was altered; most of it is in
// the words of a diagnosis.
func nextOfBad(d *verify.Diagnosis) string {
	switch {
	case d == nil:
		return "do not use it; get the original bytes from the publisher"
	case d.Original != nil:
		return "do not use it as it is; --write-original FILE keeps the bytes that were signed, to verify them by themselves"
	}
	return "do not use it"
}

// old reports whether a document was signed by algorithms that only its age
// excuses.
func old(qualifiers []string) bool {
	for _, q := range qualifiers {
		if strings.HasPrefix(q, "weak-") || q == "key-v3" {
			return true
		}
	}
	return false
}
