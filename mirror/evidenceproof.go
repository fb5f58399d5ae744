package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// Proof is what leads from the pinned keys to one file, each link checked.
type Proof struct {
	Match
	// Newest is the newest edition that names the file, First the first one
	// that did of those still kept; they may be the same.
	Newest, First *Edition
	// Pruned says that generations before First are gone: the file may have
	// been published earlier than that.
	Pruned bool
	// Between are the states after First and before Newest, oldest first, each
	// naming the digest of the one before. Where there are many (more than 64,
	// or 16 MiB) they come without their bytes.
	Between []StoredState
	// Bulletins concern the file: they state its digest, then those that
	// announce its update; at most 100. MoreBulletins were left out.
	Bulletins     []BulletinProof
	MoreBulletins int
	// Rotations are the changes of the origin's key that lead to one that
	// signed, in their order, and Keys has the certificates that they brought.
	Rotations []RotationProof
	Keys      *verify.Keyring
	// Pins are those by which all this is believed, each once; the keys that
	// they name are in the keyring, but for Missing.
	Pins    []verify.Pin
	Missing []verify.Fingerprint
	// HeldBack and Revoked say that hosts are not given the file: by the newest
	// state of all, and by the newest generation that names it. nil otherwise.
	HeldBack *layout.HeldBack
	Revoked  *layout.Revoked
}

// Edition is a state, as stored, with the generation that it publishes.
type Edition struct {
	State      *trusted.State
	Stored     []byte // the state, clear-signed
	Generation *layout.Generation
	Document   []byte         // the generation
	Signature  []byte         // its detached signature
	Signed     *verify.Signed // by the origin
	Line       []byte         // the update's line of the catalog, with its newline
	Header     *HeaderProof   // on a far side: of the bundle that brought the generation; nil where it is not kept any more
}

// StoredState is one state of the log.
type StoredState struct {
	Number uint64
	Digest layout.Digest
	Bytes  []byte          // as stored, clear-signed; nil where there are too many
	Signed []verify.Signer // where there are bytes
}

// BulletinProof is a document that concerns the file.
type BulletinProof struct {
	Notice   *layout.Notice // as this side sees it
	Line     []byte         // of the list of notices, with its newline: as whoever made the list saw it
	Original []byte
	// Signature is the detached one, as found; nil where the document carries
	// its own or none.
	Signature []byte
	States    bool // that it states the file's digest

	recorded *layout.Notice // of which Line is written
}

// Prove gathers what there is of a file that Find returned. A file that is
// only listed is an error, and so is a link that is missing or wrong. The
// file's own bytes are not read: Open does that.
func (p *Prover) Prove(ctx context.Context, m Match) (*Proof, error) {
	if !m.File.Held {
		return nil, fmt.Errorf("prove %s of %s: it is not held: %w", m.File.Entry(), m.Update.ID, fs.ErrNotExist)
	}
	proof := &Proof{Match: m}
	first, err := p.firstSpan(ctx, m)
	if err != nil {
		return nil, err
	}
	newest, oldest := m.track.spans[m.span], m.track.spans[first]
	proof.Pruned = first == len(m.track.spans)-1 && !m.track.whole
	if proof.Newest, err = p.edition(ctx, m, newest.last, newest); err != nil {
		return nil, err
	}
	if proof.First = proof.Newest; oldest.first != newest.last {
		if proof.First, err = p.edition(ctx, m, oldest.first, oldest); err != nil {
			return nil, err
		}
	}
	if err := p.chain(ctx, proof); err != nil {
		return nil, err
	}
	if err := p.bulletins(ctx, proof); err != nil {
		return nil, err
	}
	if err := p.standing(ctx, proof); err != nil {
		return nil, err
	}
	p.rotations(proof)
	p.pins(proof)
	return proof, nil
}

// firstSpan finds the oldest generation of those kept in which the update has
// the file, in a number of readings that grows with the logarithm of theirs. A
// file that went and came back has been there at least since then.
func (p *Prover) firstSpan(ctx context.Context, m Match) (int, error) {
	var failed error
	older := m.track.spans[m.span+1:]
	without := sort.Search(len(older), func(i int) bool {
		if failed != nil {
			return true
		}
		line, err := p.line(ctx, older[i], m.Update.ID, m.File.SHA256)
		failed = err
		return line == nil
	})
	return m.span + without, failed
}

func (p *Prover) edition(ctx context.Context, m Match, number uint64, at span) (*Edition, error) {
	e := &Edition{}
	var err error
	if e.State, e.Stored, err = p.state(ctx, number); err != nil {
		return nil, err
	}
	ref := at.ref
	subject := fmt.Sprintf("generation %d", at.number)
	if e.Document, err = p.Reader.Document(ctx, ref.Document); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if e.Signature, err = p.Reader.Document(ctx, ref.Signature); err != nil {
		return nil, fmt.Errorf("signature of %s: %w", subject, err)
	}
	if e.Signed, err = p.origins.CheckDetached(e.Document, e.Signature, verify.PurposeOrigin); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if e.Generation, err = layout.ParseGeneration(e.Signed.Text); err != nil {
		return nil, &verify.TrustError{Code: verify.CodeFormat, Subject: subject, Reason: "what was signed is no generation", Err: err}
	}
	if e.Header, err = p.header(ctx, e.State, m.Stream); err != nil {
		return nil, err
	}
	e.Line, err = p.line(ctx, at, m.Update.ID, m.File.SHA256)
	if err == nil && e.Line == nil {
		err = fmt.Errorf("%s: it no longer names %s", subject, m.Update.ID)
	}
	return e, err
}

// state reads a state and its bytes, which must be those that the walk saw.
func (p *Prover) state(ctx context.Context, number uint64) (*trusted.State, []byte, error) {
	state, err := p.Reader.State(ctx, number)
	if err != nil {
		return nil, nil, fmt.Errorf("read the log of states: %w", err)
	}
	stored, err := p.Reader.Store.Read(ctx, number)
	if err != nil {
		return nil, nil, fmt.Errorf("read the log of states: %w", err)
	}
	if seen := p.log[p.newest.Number-number]; state.Digest != seen || layout.DigestOf(stored) != seen {
		return nil, nil, &verify.TrustError{
			Code: verify.CodeEquivocation, Subject: fmt.Sprintf("state %d", number),
			Reason: "it was another a moment ago", Next: "patchferry audit",
		}
	}
	return state, stored, nil
}

// chain gathers the states between the first edition and the newest.
func (p *Prover) chain(ctx context.Context, proof *Proof) error {
	from, to := proof.First.State.Number+1, proof.Newest.State.Number
	whole := to-min(from, to) <= maxChainStates
	size := 0
	for n := from; n < to; n++ {
		s := StoredState{Number: n, Digest: p.log[p.newest.Number-n]}
		if whole {
			state, stored, err := p.state(ctx, n)
			if err != nil {
				return err
			}
			s.Bytes, s.Signed = stored, state.Signed.Signers
			size += len(stored)
		}
		proof.Between = append(proof.Between, s)
	}
	if size <= maxChainBytes {
		return nil
	}
	for i := range proof.Between {
		proof.Between[i].Bytes, proof.Between[i].Signed = nil, nil
	}
	return nil
}

// bulletins gathers the documents that concern the file, from the newest
// generation that names it.
func (p *Prover) bulletins(ctx context.Context, proof *Proof) error {
	var stating, announcing []BulletinProof
	for n, err := range p.Reader.Notices(ctx, proof.Newest.Generation) {
		if err != nil {
			return fmt.Errorf("read what publishers announced: %w", err)
		}
		here, err := p.judged(ctx, n)
		if err != nil {
			return err
		}
		b := BulletinProof{Notice: here, recorded: n}
		switch {
		case states(here, proof.File):
			b.States = true
			stating = append(stating, b)
		case slices.ContainsFunc(here.Bulletins, func(b layout.Bulletin) bool { return announces(&b, proof.Update) }):
			announcing = append(announcing, b)
		}
	}
	proof.Bulletins = append(stating, announcing...)
	if all := len(proof.Bulletins); all > maxBulletins {
		proof.MoreBulletins, proof.Bulletins = all-maxBulletins, proof.Bulletins[:maxBulletins]
	}
	for i := range proof.Bulletins {
		b := &proof.Bulletins[i]
		if err := p.bulletin(ctx, b); err != nil {
			return fmt.Errorf("bulletin %s: %w", b.Notice.ID, err)
		}
	}
	return nil
}

// judged returns a notice as this side sees it.
func (p *Prover) judged(ctx context.Context, n *layout.Notice) (*layout.Notice, error) {
	if p.Judged == nil {
		return n, nil
	}
	here, err := p.Judged(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("judge %s: %w", n.ID, err)
	}
	return here, nil
}

// states reports whether the notice states the digest of the file, or is the
// document on whose word the file entered.
func states(n *layout.Notice, f *layout.File) bool {
	for i := range f.Evidence {
		if e := &f.Evidence[i]; e.Grade == layout.GradeSigned && e.Document == n.Original.SHA256 {
			return true
		}
	}
	return slices.ContainsFunc(n.Bulletins, func(b layout.Bulletin) bool {
		return slices.ContainsFunc(b.Files, func(s layout.Stated) bool { return s.SHA256 == f.SHA256 })
	})
}

// bulletin reads the line and the bytes of a document.
func (p *Prover) bulletin(ctx context.Context, b *BulletinProof) (err error) {
	if b.Line, err = layout.AppendNotice(nil, b.recorded); err != nil {
		return err
	}
	if b.Original, err = p.Reader.Document(ctx, b.Notice.Original); err != nil {
		return err
	}
	if !b.Notice.Signature.IsZero() {
		b.Signature, err = p.Reader.Document(ctx, b.Notice.Signature)
	}
	return err
}

// standing says whether hosts are given the file: what any source of
// generations holds back or takes back counts for all, as in what rings show.
func (p *Prover) standing(ctx context.Context, proof *Proof) error {
	held, revoked := slices.Clone(p.newest.HeldBack), slices.Clone(p.newest.Revoked)
	revoked = append(revoked, proof.Newest.Generation.Revocations...)
	for i := range p.tracks {
		gen, err := p.Reader.Generation(ctx, p.tracks[i].spans[0].ref)
		if err != nil {
			return fmt.Errorf("generation %d: %w", p.tracks[i].spans[0].number, err)
		}
		revoked = append(revoked, gen.Revocations...)
		if p.tracks[i].stream != "" {
			held = append(held, gen.HeldBack...)
		}
	}
	if i := slices.IndexFunc(held, func(h layout.HeldBack) bool { return h.Update == proof.Update.ID }); i >= 0 {
		proof.HeldBack = &held[i]
	}
	if i := slices.IndexFunc(revoked, func(r layout.Revoked) bool { return r.SHA256 == proof.File.SHA256 }); i >= 0 {
		proof.Revoked = &revoked[i]
	}
	return nil
}

// pins gathers the pins by which the proof is believed.
func (p *Prover) pins(proof *Proof) {
	add := func(pin verify.Pin) {
		if !slices.Contains(proof.Pins, pin) {
			proof.Pins = append(proof.Pins, pin)
		}
	}
	signers := [][]verify.Signer{proof.Newest.State.Signed.Signers, proof.First.State.Signed.Signers}
	for _, s := range proof.Between {
		signers = append(signers, s.Signed)
	}
	for _, e := range []*Edition{proof.Newest, proof.First} {
		signers = append(signers, e.Signed.Signers)
		if e.Header != nil {
			signers = append(signers, e.Header.Signed.Signers)
		}
	}
	for _, s := range slices.Concat(signers...) {
		add(s.Pin)
	}
	for i := range proof.Rotations {
		for _, f := range [...]string{proof.Rotations[i].Old, proof.Rotations[i].New} {
			if pin, ok := p.origins.OriginPin(verify.Fingerprint(f)); ok {
				add(pin)
			}
		}
	}
	for i := range proof.Bulletins {
		for _, pin := range p.Trust.Pins.For(verify.PurposeBulletin) {
			if string(pin.Fingerprint) == proof.Bulletins[i].Notice.Signer {
				add(pin)
			}
		}
	}
	for _, f := range proof.Fingerprints() {
		var certificate bytes.Buffer
		if err := proof.Keys.WriteCertificate(&certificate, f); errors.Is(err, fs.ErrNotExist) {
			proof.Missing = append(proof.Missing, f)
		}
	}
}

// Fingerprints returns the certificates that the proof needs, each once: those
// of the pins, then those of bulletins whose keys are not pinned any more.
func (p *Proof) Fingerprints() []verify.Fingerprint {
	var all []verify.Fingerprint
	add := func(f verify.Fingerprint) {
		if f != "" && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	for _, pin := range p.Pins {
		add(pin.Fingerprint)
	}
	for i := range p.Bulletins {
		add(verify.Fingerprint(p.Bulletins[i].Notice.Signer))
	}
	return all
}
