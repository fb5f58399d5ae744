package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/verify"
)

// The format of evidence.json.
const (
	evidenceFormat  = "patchferry-evidence"
	evidenceVersion = 1
)

// evidenceReport is evidence.json, and the line of evidence with --json
// (docs/json.md). Paths are below the folder.
type evidenceReport struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Dir     string `json:"dir,omitempty"` // printed, not written: it is of this machine alone

	Update   *layout.Update    `json:"update"`
	File     string            `json:"file"` // its name in the update's folder
	Path     string            `json:"path"` // in the catalog tree
	Size     int64             `json:"size"`
	SHA256   layout.Digest     `json:"sha256"`
	Content  string            `json:"content,omitempty"` // the file; none with --no-content
	Evidence []layout.Evidence `json:"evidence"`          // what vouches for the file
	Weakest  string            `json:"weakest"`           // the weakest link, in words
	HeldBack *layout.HeldBack  `json:"held_back,omitempty"`
	Revoked  *layout.Revoked   `json:"revoked,omitempty"`

	Stream        string             `json:"stream,omitempty"` // UUID; on a far side
	Newest        evidenceEdition    `json:"newest"`
	First         evidenceEdition    `json:"first"`
	Pruned        bool               `json:"pruned,omitempty"`
	Between       []evidenceState    `json:"between"`
	Bulletins     []evidenceBulletin `json:"bulletins"`
	MoreBulletins int                `json:"more_bulletins,omitempty"`
	Compare       []evidenceKey      `json:"compare"`
	Pins          []pinReport        `json:"pins"`
	Rotations     []evidenceRotation `json:"rotations,omitempty"` // of the origin's key, that lead to one that signed
}

// evidenceEdition is a state and the generation that it publishes.
type evidenceEdition struct {
	State       uint64             `json:"state"`
	At          layout.Time        `json:"at"`
	Actor       string             `json:"actor"`
	Why         string             `json:"why"`
	StateFile   string             `json:"state_file"`
	StateSHA256 layout.Digest      `json:"state_sha256"`
	Site        verify.Fingerprint `json:"site"` // the key that signed the state
	Generation  uint64             `json:"generation"`
	Created     layout.Time        `json:"created"`
	Origin      verify.Fingerprint `json:"origin"` // the key that signed the generation
	Document    string             `json:"document"`
	Signature   string             `json:"signature"`
	Catalog     string             `json:"catalog"`
	Line        string             `json:"line"`
	StateRoot   layout.Digest      `json:"state_root"`
	Bundle      string             `json:"bundle,omitempty"`  // in which it came; on a far side
	Header      string             `json:"header,omitempty"`  // its HEADER.json in the folder; its signatures end in .asc
	Accepted    layout.Time        `json:"accepted,omitzero"` // when that was imported
}

// evidenceState is a state of the log between two editions.
type evidenceState struct {
	State  uint64        `json:"state"`
	SHA256 layout.Digest `json:"sha256"`
	File   string        `json:"file,omitempty"` // none where there are too many
}

// evidenceBulletin is a document that concerns the file.
type evidenceBulletin struct {
	Notice    string         `json:"notice"`
	Names     []string       `json:"names"` // of its bulletins
	Verdict   layout.Verdict `json:"verdict"`
	Signer    string         `json:"signer,omitempty"`
	SignedAt  layout.Time    `json:"signed_at,omitzero"`
	By        string         `json:"by"`
	Captured  layout.Time    `json:"captured,omitzero"`
	TLSKey    layout.Digest  `json:"tls_key,omitzero"`
	Original  string         `json:"original"`
	Signature string         `json:"signature,omitempty"`
	States    bool           `json:"states"` // it states the file's digest
}

// evidenceKey is a key whose fingerprint is to be compared with a second source.
type evidenceKey struct {
	Fingerprint verify.Fingerprint `json:"fingerprint"`
	Role        string             `json:"role"`
	UserIDs     []string           `json:"user_ids"`
	Key         string             `json:"key,omitempty"` // the file; none where the key is not here
}

func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// report says what the folder holds.
func (c *evidenceCase) report() *evidenceReport {
	r := &evidenceReport{
		Format: evidenceFormat, Version: evidenceVersion,
		Update: c.Update, File: c.File.Entry(), Path: c.File.Path(c.Update), Size: c.File.Size, SHA256: c.File.SHA256,
		Evidence: append([]layout.Evidence{}, c.File.Evidence...), Weakest: c.weakest(), HeldBack: c.HeldBack, Revoked: c.Revoked,
		Stream: c.Stream, Newest: c.edition("", c.Newest), First: c.edition("", c.First), Pruned: c.Pruned,
		Between: []evidenceState{}, Bulletins: []evidenceBulletin{}, MoreBulletins: c.MoreBulletins, Compare: []evidenceKey{}, Pins: []pinReport{},
	}
	if c.First != c.Newest {
		r.First = c.edition(firstEdition, c.First)
	}
	if !c.noContent {
		r.Content = c.contentName()
	}
	for _, s := range c.Between {
		one := evidenceState{State: s.Number, SHA256: s.Digest}
		if s.Bytes != nil {
			one.File = store.StateKey(s.Number)
		}
		r.Between = append(r.Between, one)
	}
	for i := range c.Bulletins {
		r.Bulletins = append(r.Bulletins, reportBulletin(i, &c.Bulletins[i]))
	}
	for _, f := range c.Fingerprints() {
		k := evidenceKey{Fingerprint: f, Role: c.role(f), UserIDs: append([]string{}, c.keys.Names(f)...)}
		if !slices.Contains(c.Missing, f) {
			k.Key = keyName(f)
		}
		r.Compare = append(r.Compare, k)
	}
	for i := range c.Rotations {
		r.Rotations = append(r.Rotations, evidenceRotation{c.Rotations[i].RotationReport, rotationName(i), rotationName(i) + ".asc"})
	}
	for _, p := range c.Pins {
		r.Pins = append(r.Pins, reportPin(p))
	}
	return r
}

func (c *evidenceCase) edition(below string, e *mirror.Edition) evidenceEdition {
	r := evidenceEdition{
		State: e.State.Number, At: e.State.At, Actor: e.State.Actor, Why: e.State.Why,
		StateFile: store.StateKey(e.State.Number), StateSHA256: e.State.Digest, Site: e.State.Signed.Fingerprint,
		Generation: e.Generation.Number, Created: e.Generation.Created, Origin: e.Signed.Fingerprint,
		Document: below + generationName, Signature: below + signatureName, Catalog: below + catalogName, Line: below + lineName,
		StateRoot: e.Generation.StateRoot,
	}
	if s, follows := e.State.Streams[c.Stream]; follows {
		r.Bundle, r.Header, r.Accepted = bundleName(&s), c.headerName(e), s.Accepted
	}
	return r
}

func reportBulletin(i int, b *mirror.BulletinProof) evidenceBulletin {
	n := b.Notice
	r := evidenceBulletin{
		Notice: n.ID, Names: []string{}, Verdict: n.Verdict, Signer: n.Signer, SignedAt: n.SignedAt,
		By: n.By, Captured: n.Captured, TLSKey: n.TLSKey, States: b.States,
	}
	r.Original, r.Signature = bulletinNames(i, b)
	for k := range n.Bulletins {
		r.Names = append(r.Names, n.Bulletins[k].Name)
	}
	return r
}

// role says what a key of the proof stands for.
func (c *evidenceCase) role(f verify.Fingerprint) string {
	roles := map[verify.Purpose]string{
		verify.PurposeSite:     "this site: the log of states",
		verify.PurposeOrigin:   "the origin: generations of the catalog",
		verify.PurposeBulletin: "a publisher: bulletins",
	}
	text := ""
	for _, p := range c.Pins {
		if p.Fingerprint == f && text == "" {
			text = roles[p.Purpose]
		} else if p.Fingerprint == f {
			text = fmt.Sprintf("%s; %s", text, roles[p.Purpose])
		}
	}
	if text == "" {
		return "a publisher: bulletins; not pinned here"
	}
	return text
}
