package verify

import (
	"cmp"
	"crypto"
	"fmt"
	"path"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
)

// Days from which a digest proves nothing, where a Judge names none.
const (
	defaultMD5Until  layout.Date = "2009-01-01"
	defaultSHA1Until layout.Date = "2017-03-01"
)

// leastBits is the shortest RSA or DSA key that is ever asked; Go's arithmetic
// refuses shorter ones for RSA.
const leastBits = 1024

// aheadOfUs is how far a signer's clock may be ahead.
const aheadOfUs = 24 * time.Hour

// ruling weighs one signature that is right against a profile and a pin.
type ruling struct {
	judge      *Judge
	mark       *mark
	key        standing
	subject    *subject
	pin        *Pin // nil: none
	qualifiers []string
	reasons    []string
}

// weigh decides whether a signature that is right is good enough.
func (j *Judge) weigh(out *Judgement, key standing) *Judgement {
	rule := func(pin *Pin) *ruling {
		r := &ruling{judge: j, mark: out.trial.mark, key: key, subject: out.trial.subject, pin: pin}
		r.weigh()
		return r
	}
	pins, unpinned := j.pinsFor(key)
	if unpinned != "" {
		out.Qualifiers = sortedOnce(rule(nil).qualifiers)
		return out.because(layout.Unpinned, unpinned)
	}
	var first *ruling
	for i := range pins {
		r := rule(&pins[i])
		if len(r.reasons) == 0 {
			out.Pin, out.Qualifiers = r.pin, sortedOnce(r.qualifiers)
			return out.because(layout.Valid)
		}
		if first == nil {
			first = r
		}
	}
	out.Qualifiers = sortedOnce(first.qualifiers)
	return out.because(layout.Refused, first.reasons...)
}

// pinsFor returns the pins of the key's certificate that count here: of those
// that name the source the most exact ones. Without any it says what the
// operator may have meant instead.
func (j *Judge) pinsFor(key standing) (pins []Pin, unpinned string) {
	primary := key.of.fingerprint
	unpinned = fmt.Sprintf("the signature is right, but %s is not pinned for %s", primary, PurposeBulletin)
	exactness := 0
	for _, pin := range j.Pins.For("") {
		switch e := j.exactness(&pin); {
		case pin.Fingerprint == key.fingerprint && !key.primary:
			unpinned = fmt.Sprintf("the pin of %s names a subkey; its certificate is %s", key.fingerprint, primary)
		case pin.Fingerprint != primary:
		case pin.Purpose != PurposeBulletin:
			unpinned = fmt.Sprintf("the signature is right, but %s is pinned for %s, not for %s", primary, pin.Purpose, PurposeBulletin)
		case e == 0:
			unpinned = fmt.Sprintf("the signature is right, but %s is pinned for the source %q, not for %q", primary, pin.Source, j.Source)
		case e > exactness:
			pins, exactness = []Pin{pin}, e
		case e == exactness:
			pins = append(pins, pin)
		}
	}
	if len(pins) > 0 {
		return pins, ""
	}
	return nil, unpinned
}

// exactness says how exactly a pin names the source: 0 is not at all.
func (j *Judge) exactness(p *Pin) int {
	matched, err := path.Match(p.Source, j.Source)
	switch {
	case j.Source == "":
		return 1
	case p.Source == j.Source:
		return 3
	case p.Source == "":
		return 1
	case err == nil && matched:
		return 2
	}
	return 0
}

func (r *ruling) note(qualifier string) { r.qualifiers = append(r.qualifiers, qualifier) }

func (r *ruling) refuse(format string, args ...any) {
	r.reasons = append(r.reasons, fmt.Sprintf(format, args...))
}

// legacy notes what only old documents are forgiven, by keys that the operator
// marked for it.
func (r *ruling) legacy(qualifier, what string) {
	if qualifier != "" {
		r.note(qualifier)
	}
	switch {
	case r.judge.Profile != ProfileHistorical:
		r.refuse("%s is accepted by the profile %s only", what, ProfileHistorical)
	case r.pin == nil || !r.pin.Legacy:
		r.refuse("%s is accepted only from a key that is pinned as legacy", what)
	}
}

func (r *ruling) weigh() {
	switch r.judge.Profile {
	case "", ProfileBundle, ProfileCSAF, ProfileHistorical:
	default:
		r.refuse("there is no profile %q", r.judge.Profile)
	}
	r.weighSignature()
	r.weighDigest()
	r.weighKey()
	r.weighCertificate()
	r.weighExpiry()
	if r.pin != nil && !r.pin.covers(r.day()) {
		r.refuse("signed on %s, when the pin of %s does not hold; look at its not-before and not-after", r.day(), r.pin.Fingerprint)
	}
}

func (r *ruling) day() layout.Date {
	return layout.Date(r.mark.made.UTC().Format(time.DateOnly))
}

func (r *ruling) weighSignature() {
	m, now := r.mark, r.judge.now()
	if m.version <= 3 {
		r.note("sig-v3")
	}
	if m.critical != "" {
		r.refuse("the signer demands that its %s be understood, and it is not", m.critical)
	}
	if r.subject.mismatch(m) {
		r.note("hash-header-mismatch")
		r.refuse("the Hash header does not announce %s, over which the text is signed", digestName(m.digest))
	}
	if m.made.After(now.Add(aheadOfUs)) {
		r.note("future-dated")
		r.refuse("signed on %s, in the future; it is %s here", layout.At(m.made), layout.At(now))
	}
	if !m.expires.IsZero() && !now.Before(m.expires) {
		r.refuse("the signature expired on %s", layout.At(m.expires))
	}
}

func (r *ruling) weighDigest() {
	weak := weakDigest(r.mark.digest)
	if weak == "" {
		return
	}
	name := digestName(r.mark.digest)
	r.legacy(weak, "a signature over "+name)
	until := cmp.Or(r.judge.SHA1Until, defaultSHA1Until)
	if r.mark.digest == crypto.MD5 {
		until = cmp.Or(r.judge.MD5Until, defaultMD5Until)
	}
	if r.day() >= until {
		r.refuse("signed over %s on %s; from %s on that proves nothing", name, r.day(), until)
	}
}

func (r *ruling) weighKey() {
	key := r.key.key
	bits := keyBits(key)
	if r.key.of.old != nil {
		r.legacy("key-v3", "a version 3 key")
	}
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		if bits < 2048 {
			r.legacy(fmt.Sprintf("weak-key-rsa%d", bits), fmt.Sprintf("an RSA key of %d bits", bits))
		}
	case packet.PubKeyAlgoDSA:
		weak := ""
		if bits < 2048 {
			weak = fmt.Sprintf("weak-key-dsa%d", bits)
		}
		r.legacy(weak, "a DSA key")
	}
}

// weighCertificate looks at what the key's owner says of it.
func (r *ruling) weighCertificate() {
	k, m := &r.key, r.mark
	if k.refusal != "" {
		r.refuse("%s", k.refusal)
	}
	if k.noSelf {
		r.legacy("no-self-signature", "a certificate without a self-signature")
	}
	if k.noFlags {
		r.note("key-flags-absent")
	}
	if k.weakest == crypto.MD5 || k.weakest == crypto.RIPEMD160 {
		r.legacy("", "a certificate over "+digestName(k.weakest))
	}
	// Owners refresh keys and drop older statements, so that a newer one is no
	// fault. Signatures of version 3 are from before that habit.
	if m.version > 3 && k.stated.After(m.made) {
		r.note("self-signature-newer")
	}
	if !k.hard.IsZero() {
		r.note("key-compromised")
		r.refuse("the key %s was revoked on %s as compromised, or without a reason", k.fingerprint, layout.At(k.hard))
	}
	if !k.soft.IsZero() {
		r.note("key-retired")
		if !m.made.Before(k.soft) {
			r.refuse("signed on %s, after the key was retired on %s", layout.At(m.made), layout.At(k.soft))
		}
	}
	if m.made.Before(k.key.CreationTime) {
		r.refuse("signed on %s, before its key was made on %s", layout.At(m.made), layout.At(k.key.CreationTime))
	}
}

// weighExpiry judges by the day of the signature: documents do not turn wrong
// when the key that signed them comes to its end.
func (r *ruling) weighExpiry() {
	over := func(end, at time.Time) bool { return !end.IsZero() && !at.Before(end) }
	now := r.judge.now()
	switch {
	case over(r.key.certExpires, r.mark.made) || over(r.key.expires, r.mark.made):
		r.legacy("signed-after-key-expiry", "a signature from after the end of its key on "+
			layout.At(earlier(r.key.certExpires, r.key.expires)).String())
	case over(r.key.certExpires, now):
		r.note("key-expired-since")
	case over(r.key.expires, now):
		r.note("subkey-expired-since")
	}
}

// uncheckable says why the arithmetic of a signature is not even done.
func uncheckable(m *mark, st standing) string {
	switch st.key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoDSA:
		if bits := keyBits(st.key); bits < leastBits {
			return fmt.Sprintf("the key %s has %d bits; one of less than %d proves nothing", st.fingerprint, bits, leastBits)
		}
	}
	if forbidden(m.digest, st.key) || st.of.old != nil && forbidden(crypto.MD5, st.key) {
		return fmt.Sprintf("fips: %s with %s is not allowed in a process that is restricted to FIPS 140",
			algorithmName(st.key.PubKeyAlgo), digestName(m.digest))
	}
	return ""
}
