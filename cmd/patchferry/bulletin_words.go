package main

import (
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// qualifierWords explains the qualifiers of verdicts, by how they begin, to
// people who see them for the first time (docs/verification.md).
var qualifierWords = [...]struct{ prefix, words string }{
	{"sig-v3", "signature of version 3, as programs made them until about 2000"},
	{"key-v3", "key of version 3, whose short id can be forged; its pin names all of it"},
	{"weak-digest-", "an old digest proves that nobody changed an old document, and nothing of a new one: "},
	{"weak-key-", "a key too short for today: "},
	{"key-expired-since", "the key has expired since it signed, which does no harm to what it signed"},
	{"subkey-expired-since", "the signing subkey has expired since it signed, which does no harm to what it signed"},
	{"signed-after-key-expiry", "signed after the key had expired"},
	{"key-retired", "the key was retired by its owner after it signed"},
	{"key-compromised", "the key was revoked as compromised: nothing that it signed counts"},
	{"key-flags-absent", "the certificate does not say what the key is for, as old ones do not"},
	{"self-signature-newer", "the certificate was renewed after the signature"},
	{"no-self-signature", "the certificate is not signed by itself"},
	{"future-dated", "dated in the future; compare the clocks"},
	{"hash-header-mismatch", "the Hash header names another digest than the signature"},
	{"extra-text", "text around the signed part, which nobody signed, was left out"},
	{"multiple-blocks", "several signed parts, each judged by itself"},
}

// explainQualifier returns a qualifier with what it means.
func explainQualifier(q string) string {
	for _, known := range qualifierWords {
		rest, ok := strings.CutPrefix(q, known.prefix)
		if !ok {
			continue
		}
		if strings.HasSuffix(known.words, ": ") {
			return q + ": " + known.words + strings.ToUpper(rest)
		}
		return q + ": " + known.words
	}
	return q
}

// nextStep says what to do about a verdict that is not valid, or "".
func nextStep(r *verify.Judgement) string {
	switch r.Verdict {
	case layout.Unpinned:
		return "compare the fingerprint with a second source, then type it: patchferry key pin … --purpose bulletin"
	case layout.UnknownKey:
		if k, ok := verify.DocumentedIssuer(r.Issuer); ok {
			return "the key id is that of " + k.Owner + " (" + k.Use + "), documented " + k.Where +
				"; patchferry key list --documented says more. Get the key, then patchferry key add FILE"
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
		return "do not use it; get the original bytes from the publisher"
	}
	return ""
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
