package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
	"patchferry/verify/envelope"
)

// Document judges a document: its detached signature where it has one, else
// everything in it that carries a signature of its own. The judgement is never
// nil and Document never fails: what cannot be read has a verdict too.
//
// Of several signatures the worst decides. Only one that nobody here can judge
// (by an unknown or unpinned key, or of a kind that is not supported) does no
// harm beside a valid one: anybody could have added it.
func (j *Judge) Document(doc Document) *Judgement {
	out := j.sum(doc)
	out.FileSHA256 = layout.DigestOf(doc.Original)
	if j.Profile == ProfileBundle && out.Verdict == layout.Valid {
		j.strict(doc, out)
	}
	if out.Verdict != layout.Valid {
		out.Pin = nil
	}
	if doc.Signature == nil && (out.Verdict == layout.Unsigned || out.Verdict == layout.Malformed) {
		out.Diagnosis = j.frame(doc, out.Verdict)
	}
	return out
}

// Texts returns the texts that were signed, if the verdict on the document is
// valid: of several parts those that are valid, each once.
func (j *Judgement) Texts() []Text {
	if j.Verdict != layout.Valid {
		return nil
	}
	if len(j.Parts) == 0 {
		return []Text{j.text.Text}
	}
	var out []Text
	var last *signedText
	for i := range j.Parts {
		p := &j.Parts[i]
		if p.Verdict == layout.Valid && p.text != last {
			last = p.text
			out = append(out, p.text.Text)
		}
	}
	return out
}

// sum judges every signature and adds the judgements up.
func (j *Judge) sum(doc Document) *Judgement {
	if len(doc.Original) > envelope.MaxDocument {
		return refusal(layout.Unsupported, fmt.Sprintf("the document has more than %d bytes", envelope.MaxDocument))
	}
	if doc.Signature != nil {
		return j.total(doc, j.subject(detached(doc), maxSignatures))
	}
	parts, err := envelope.Open(doc.Original)
	if err != nil {
		return refusal(layout.Malformed, err.Error())
	}
	if len(parts) == 0 {
		return refusal(layout.Unsigned, "there is no signature, neither in the document nor beside it")
	}
	var all []Judgement
	var around []string
	for i := range parts {
		if parts[i].Extra {
			around = append(around, "extra-text")
		}
		for _, s := range subjects(&parts[i]) {
			all = append(all, j.subject(s, maxSignatures-len(all))...)
		}
	}
	if len(parts) > 1 {
		around = append(around, "multiple-blocks")
	}
	out := j.total(doc, all)
	out.Qualifiers = sortedOnce(append(out.Qualifiers, around...))
	return out
}

// subject judges the signatures on one text.
func (j *Judge) subject(s *subject, limit int) []Judgement {
	marks, errs, err := s.marks(limit)
	if err != nil {
		out := refusal(layout.Malformed, err.Error())
		out.Where = s.where
		return []Judgement{*out}
	}
	out := make([]Judgement, len(marks))
	for i, m := range marks {
		one := j.mark(s, m, errs[i])
		one.Where = s.where
		if len(marks) > 1 {
			one.Where = joinWhere(s.where, fmt.Sprintf("signature %d of %d", i+1, len(marks)))
		}
		out[i] = *one
	}
	return out
}

// total makes one judgement of several; there is at least one.
func (j *Judge) total(doc Document, all []Judgement) *Judgement {
	valid := slices.ContainsFunc(all, func(p Judgement) bool { return p.Verdict == layout.Valid })
	diagnosis := diagnose(doc)
	worst := -1
	var qualifiers []string
	for i := range all {
		p := &all[i]
		if p.Verdict == layout.Bad {
			p.Diagnosis = diagnosis.bad(p)
		}
		p.trial = trial{} // or every judgement kept would keep the whole document
		qualifiers = append(qualifiers, p.Qualifiers...)
		if valid && harmless(p.Verdict) {
			continue
		}
		if worst < 0 || p.Verdict.Rank() > all[worst].Verdict.Rank() {
			worst = i
		}
	}
	out := all[worst]
	out.Where = ""
	if len(all) > 1 {
		out.Qualifiers = sortedOnce(qualifiers)
		out.Parts = all
	}
	return &out
}

// harmless reports whether a verdict beside a valid one says nothing.
func harmless(v layout.Verdict) bool {
	return v == layout.UnknownKey || v == layout.Unpinned || v == layout.Unsupported
}

// strict holds a document to the rules for documents of ours.
func (j *Judge) strict(doc Document, out *Judgement) {
	refuse := func(reason string) {
		out.Verdict = layout.Refused
		out.Reasons = append(out.Reasons, reason)
	}
	if len(out.Qualifiers) > 0 {
		refuse(fmt.Sprintf("the profile %s allows no %s", ProfileBundle, out.Qualifiers[0]))
	}
	trust := &Trust{Keys: j.Keys, Pins: j.Pins, Clock: j.Clock}
	var err error
	if doc.Signature != nil {
		_, err = trust.CheckDetached(doc.Original, doc.Signature, PurposeBulletin)
	} else {
		_, err = trust.OpenClear(doc.Original, PurposeBulletin)
	}
	if err != nil {
		refuse(err.Error())
	}
}

// trial is what a judgement was made of, for those who look for what went
// wrong with a document.
type trial struct {
	subject *subject
	mark    *mark
	keys    []standing // that the signature names
}

// holds reports whether the signature is right for another body. It proves
// nothing: no text of a trial is ever handed out as signed.
func (t *trial) holds(body []byte) bool {
	if t.mark == nil || t.subject == nil {
		return false
	}
	hashed := t.subject.hashed(t.mark, body)
	return slices.ContainsFunc(t.keys, func(st standing) bool {
		return uncheckable(t.mark, st) == "" && t.mark.verify(st.key, hashed) == nil
	})
}

// mark judges one signature.
func (j *Judge) mark(s *subject, m *mark, readErr error) *Judgement {
	if errors.Is(readErr, errUnsupported) {
		return refusal(layout.Unsupported, readErr.Error())
	}
	if readErr != nil {
		return refusal(layout.Malformed, readErr.Error())
	}
	out := &Judgement{
		Qualifiers: []string{}, Issuer: m.issuer(), SignedAt: layout.At(m.made), Digest: digestName(m.digest),
		KeyAlgorithm: algorithmName(m.parsed.PubKeyAlgo),
	}
	out.trial = trial{subject: s, mark: m}
	switch {
	case m.torn():
		return out.because(layout.Malformed, "the signature names two different keys as its issuer")
	case m.kind != packet.SigTypeBinary && m.kind != packet.SigTypeText:
		return out.because(layout.Refused, fmt.Sprintf("a signature of type %#02x is none on a document", uint8(m.kind)))
	}
	keys := j.Keys.named(m)
	out.trial.keys = keys
	if len(keys) == 0 {
		return out.because(layout.UnknownKey, unknownKey(m))
	}
	out.sign(keys[0])
	key, refused := author(s, m, keys)
	switch {
	case refused != "":
		return out.because(layout.Refused, refused)
	case key == nil:
		return out.because(layout.Bad, fmt.Sprintf("these are not the bytes that %s signed", keys[0].fingerprint))
	}
	out.sign(*key)
	out.text = s.signed(m)
	out.SignedSHA256 = out.text.digest
	return j.weigh(out, *key)
}

func unknownKey(m *mark) string {
	issuer := m.issuer()
	if issuer == "" {
		return "the signature does not name the key that made it"
	}
	return fmt.Sprintf("signed by the key %s, which is not here; get it from its owner and compare the full fingerprint", issuer)
}

// author returns the key that made the signature, or why none can be asked.
// Key ids can be forged, so that every key is tried that has the one named.
func author(s *subject, m *mark, keys []standing) (key *standing, refused string) {
	hashed := s.hashed(m, s.body)
	for i := range keys {
		if reason := uncheckable(m, keys[i]); reason != "" {
			refused = reason
			continue
		}
		if m.verify(keys[i].key, hashed) == nil {
			return &keys[i], ""
		}
	}
	return nil, refused
}

// sign notes the key that made the signature, or is said to have.
func (j *Judgement) sign(st standing) {
	j.Primary, j.Signing = st.of.fingerprint, st.fingerprint
	j.KeyAlgorithm, j.KeyBits = algorithmName(st.key.PubKeyAlgo), keyBits(st.key)
}

func (j *Judgement) because(v layout.Verdict, reasons ...string) *Judgement {
	j.Verdict, j.Reasons = v, reasons
	return j
}

func refusal(v layout.Verdict, reason string) *Judgement {
	return (&Judgement{Qualifiers: []string{}}).because(v, reason)
}

func (j *Judge) now() time.Time {
	if j.Clock == nil {
		return time.Now()
	}
	return j.Clock()
}

func joinWhere(where, more string) string {
	if where == "" {
		return more
	}
	return where + ", " + more
}

func sortedOnce(words []string) []string {
	slices.Sort(words)
	return append([]string{}, slices.Compact(words)...)
}
