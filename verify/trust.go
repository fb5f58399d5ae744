package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
)

// Trust checks documents against a keyring and pins, under the profile
// bundle. It may be used concurrently while nobody changes its fields.
type Trust struct {
	Keys  *Keyring         // nil is empty
	Pins  *Pins            // nil is empty: nothing is trusted
	Clock func() time.Time // nil is time.Now

	turns []*layout.Rotation // that were followed, in their order
}

// Signed is what was signed, and by whom. There is no other way to come by
// one than a check that succeeded.
type Signed struct {
	Signer                // the first of Signers
	Text    []byte        // exactly the bytes that were signed
	Signers []Signer      // every pinned key that signed, each certificate once; at least one
	Ignored []*TrustError // signatures that count for nothing, and why
}

// Signer is one good signature by a pinned key.
type Signer struct {
	Fingerprint Fingerprint // of the certificate's primary key
	SigningKey  Fingerprint // of the key that signed; may be a subkey
	SignedAt    layout.Time // as the signer says
	Algorithm   string      // "ed25519", "rsa4096"
	Hash        string      // "SHA512"
	Pin         Pin         // why it is believed
	// Ended is the rotation that has put another key in the place of this one
	// since; nil where it is in force.
	Ended *layout.Rotation
}

// OpenClear checks a clear-signed document and returns its text. It must have
// at least one good signature by a key that is pinned for the purpose. The
// text comes back as it was given to SecretKey.ClearSign, byte for byte. A
// refusal is a *TrustError.
func (t *Trust) OpenClear(data []byte, p Purpose) (*Signed, error) {
	doc, err := parseClear(data)
	if err != nil {
		return nil, &TrustError{Code: CodeSignature, Reason: "not a clear-signed document of ours", Err: err}
	}
	signed, err := t.check(doc.sigs, doc.hashed, packet.SigTypeText, claim{purpose: p}, doc.hashes)
	if err != nil {
		return nil, err
	}
	signed.Text = doc.text
	return signed, nil
}

// CheckDetached checks an armored detached signature over exactly the bytes
// of doc, which is returned as the text. It must have at least one good
// signature by a key that is pinned for the purpose. A refusal is a
// *TrustError.
func (t *Trust) CheckDetached(doc, sig []byte, p Purpose) (*Signed, error) {
	return t.checkDetached(doc, sig, claim{purpose: p})
}

// CheckDestination is CheckDetached for what the far side of that name signed:
// it must have at least one good signature by a key that is pinned for
// PurposeDestination with that name. A key that speaks for another far side is
// refused.
func (t *Trust) CheckDestination(doc, sig []byte, name string) (*Signed, error) {
	return t.checkDetached(doc, sig, claim{purpose: PurposeDestination, source: name})
}

// claim is what the signer of a document must be pinned for.
type claim struct {
	purpose Purpose
	source  string // name of a destination; empty is any
}

func (c claim) String() string {
	if c.source == "" {
		return string(c.purpose)
	}
	return string(c.purpose) + " " + c.source
}

// command is what to type to pin a key for it, without the fingerprint.
func (c claim) command() string {
	text := "patchferry key pin … --purpose " + string(c.purpose)
	switch {
	case c.source != "":
		return text + " --source " + c.source
	case c.purpose == PurposeDestination:
		return text + " --source NAME"
	}
	return text
}

func (t *Trust) checkDetached(doc, sig []byte, c claim) (*Signed, error) {
	block, err := dearmorSignature(sig)
	if err != nil {
		return nil, &TrustError{Code: CodeSignature, Reason: "not a detached signature", Err: err}
	}
	signed, err := t.check(block, doc, packet.SigTypeBinary, c, nil)
	if err != nil {
		return nil, err
	}
	signed.Text = doc
	return signed, nil
}

// check judges every signature of a block over what was hashed. hashes is
// the Hash header of a clear-signed document.
func (t *Trust) check(block, hashed []byte, kind packet.SignatureType, c claim, hashes []string) (*Signed, error) {
	sigs, errs, err := parseSignatures(block)
	if err != nil {
		return nil, &TrustError{Code: CodeSignature, Reason: "the signature block is malformed", Err: err}
	}
	out := &Signed{}
	for i, s := range sigs {
		signer, refusal := t.judge(s, errs[i], hashed, kind, c, hashes)
		if refusal != nil {
			if len(sigs) > 1 {
				refusal.Subject = fmt.Sprintf("signature %d of %d", i+1, len(sigs))
			}
			out.Ignored = append(out.Ignored, refusal)
			continue
		}
		known := slices.ContainsFunc(out.Signers, func(s Signer) bool { return s.Fingerprint == signer.Fingerprint })
		if !known {
			out.Signers = append(out.Signers, *signer)
		}
	}
	if len(out.Signers) == 0 {
		return nil, mostTelling(out.Ignored)
	}
	out.Signer = out.Signers[0]
	return out, nil
}

// mostTelling picks the refusal to report where every signature was refused:
// what a known key has done wrong says more than an unknown key.
func mostTelling(refusals []*TrustError) *TrustError {
	for _, r := range refusals {
		if r.Code != CodeKey {
			return r
		}
	}
	return refusals[0]
}

func (t *Trust) judge(s signature, parseErr error, hashed []byte, kind packet.SignatureType, c claim, hashes []string) (*Signer, *TrustError) {
	if parseErr != nil {
		return nil, &TrustError{Code: CodeSignature, Reason: "the signature cannot be read", Err: parseErr}
	}
	if refusal := judgeForm(s, kind, hashes); refusal != nil {
		return nil, refusal
	}
	key, refusal := t.author(s, hashed)
	if refusal != nil {
		return nil, refusal
	}
	rules, now := bundleProfile(), t.now()
	if refusal := rules.judgeKey(key, s.CreationTime, now); refusal != nil {
		return nil, refusal
	}
	if refusal := rules.judgeTime(s, now); refusal != nil {
		refusal.Fingerprint = key.of.fingerprint
		return nil, refusal
	}
	pin, refusal := t.pinned(key.of.fingerprint, c, s.CreationTime)
	if refusal != nil {
		return nil, refusal
	}
	var ended *layout.Rotation
	if c.purpose == PurposeOrigin {
		ended = t.ended(key.of.fingerprint)
	}
	if refusal := judgeEnd(key.of.fingerprint, ended, s.CreationTime); refusal != nil {
		return nil, refusal
	}
	algorithm, _ := rules.algorithm(key.PublicKey)
	return &Signer{
		Fingerprint: key.of.fingerprint,
		SigningKey:  fingerprintOf(key.Fingerprint),
		SignedAt:    layout.At(s.CreationTime),
		Algorithm:   algorithm,
		Hash:        hashName(s.Hash),
		Pin:         pin,
		Ended:       ended,
	}, nil
}

// judgeForm checks what the signature says of itself.
func judgeForm(s signature, kind packet.SignatureType, hashes []string) *TrustError {
	name := hashName(s.Hash)
	if name == "" {
		return &TrustError{
			Code:   CodeWeak,
			Reason: fmt.Sprintf("the signature is over %s; SHA-256 or better is needed", s.Hash),
			Next:   "sign again with SHA-256 or SHA-512",
		}
	}
	if s.SigType != kind {
		return &TrustError{Code: CodeSignature, Reason: fmt.Sprintf("the signature has type %#02x, want %#02x", uint8(s.SigType), uint8(kind))}
	}
	if kind == packet.SigTypeText && s.Version == 4 && !slices.Contains(hashes, name) {
		return &TrustError{Code: CodeSignature, Reason: fmt.Sprintf("the Hash header says %q, but the signature is over %s", strings.Join(hashes, ","), name)}
	}
	return nil
}

// author returns the key that made the signature.
func (t *Trust) author(s signature, hashed []byte) (signingKey, *TrustError) {
	keys := t.Keys.issuers(s)
	if len(keys) == 0 {
		return signingKey{}, &TrustError{
			Code:   CodeKey,
			Reason: fmt.Sprintf("signed by %s, which is not in the keyring", s.issuer()),
			Next:   "get the key from its owner, compare the full fingerprint, then add it with: patchferry key add",
		}
	}
	var err error
	for _, key := range keys {
		if err = s.check(key.PublicKey, hashed); err == nil {
			return key, nil
		}
	}
	return signingKey{}, &TrustError{
		Code:        CodeSignature,
		Fingerprint: keys[0].of.fingerprint,
		Reason:      fmt.Sprintf("these are not the bytes that %s signed", keys[0].of.fingerprint),
		Next:        "get the original again; it was altered after it was signed",
		Err:         err,
	}
}

// pinned finds the pin that covers a signature of that time.
func (t *Trust) pinned(f Fingerprint, c claim, at time.Time) (Pin, *TrustError) {
	day := layout.Date(at.UTC().Format(time.DateOnly))
	refusal := &TrustError{
		Code: CodeKey, Fingerprint: f,
		Reason: fmt.Sprintf("the signature is right, but %s is not pinned for %s", f, c),
		Next:   "if the owner confirms the fingerprint: " + c.command(),
	}
	for _, pin := range t.Pins.For("") {
		switch {
		case pin.Fingerprint != f:
		case pin.Purpose != c.purpose:
			refusal.Reason = fmt.Sprintf("the signature is right, but %s is pinned for %s, not for %s", f, pin.Purpose, c)
		case c.source != "" && pin.Source != c.source:
			refusal.Reason = fmt.Sprintf("the signature is right, but %s is pinned for %s %s, not for %s", f, pin.Purpose, pin.Source, c)
		case !pin.covers(day):
			refusal.Reason = fmt.Sprintf("signed on %s, when the pin of %s does not hold", day, f)
			refusal.Next = "look at not-before and not-after of the pin"
			return Pin{}, refusal
		default:
			return pin, nil
		}
	}
	if r := t.brought(f); r != nil && c.purpose == PurposeOrigin {
		return succeeds(r), nil
	}
	return Pin{}, refusal
}

func (t *Trust) now() time.Time {
	if t.Clock == nil {
		return time.Now()
	}
	return t.Clock()
}
