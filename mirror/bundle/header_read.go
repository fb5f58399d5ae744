package bundle

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"patchferry/layout"
)

// Limits of what a header may say. They bound what its reader allocates and
// keep sums of sizes from overflowing.
const (
	maxDocument = 4 << 20 // bytes of a generation
	maxBytes    = 1 << 60 // of everything that a bundle speaks of
	maxSkipped  = 10_000
	maxAudience = 256
	maxTool     = 128 // bytes
)

// ParseHeader reads a header: bytes whose signatures were verified. It demands
// the format, a version that it can read, and what the header says of itself;
// a member that this version does not know is ignored unless "critical" names
// it. Every error is an *Error.
func ParseHeader(doc []byte) (*Header, error) {
	if len(doc) > MaxHeader {
		return nil, refuseHeader(CodeLimit, fmt.Sprintf("has %d bytes, more than %d", len(doc), MaxHeader))
	}
	h := new(Header)
	if err := decodeStrict(doc, h); err != nil {
		return nil, &Error{Code: CodeFormat, Where: HeaderFile, Reason: "is not a header", Err: err}
	}
	for _, check := range [...]func() error{h.checkVersion, h.checkIDs, h.checkPosition, h.checkLists, h.checkVolumes} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func refuseHeader(code Code, reason string) *Error {
	return &Error{Code: code, Where: HeaderFile, Reason: reason}
}

// members are those that this version understands, also where "critical" names
// them.
func isMember(name string) bool {
	return slices.Contains([]string{
		"format", "version", "min_reader", "bundle", "origin", "stream", "stream_name", "audience", "epoch", "seq", "prev",
		"kind", "since_seq", "generation", "state_root", "objects", "bytes", "entries", "requires", "volumes", "skipped",
		"created", "expected_next", "tool", "critical",
	}, name)
}

func (h *Header) checkVersion() error {
	switch {
	case h.Format != FormatBundle:
		return refuseHeader(CodeFormat, fmt.Sprintf("has the format %q, want %q", clip(h.Format), FormatBundle))
	case h.MinReader > Version:
		return refuseHeader(CodeVersion, fmt.Sprintf("needs a reader of version %d, this one has %d", h.MinReader, Version))
	case h.Version < 1 || h.MinReader < 1 || h.MinReader > h.Version:
		return refuseHeader(CodeVersion, fmt.Sprintf("has version %d for readers of %d, which no bundle has", h.Version, h.MinReader))
	}
	for _, name := range h.Critical {
		if !isMember(name) {
			return refuseHeader(CodeVersion, fmt.Sprintf("needs a reader that understands %q", clip(name)))
		}
	}
	return nil
}

func (h *Header) checkIDs() error {
	for _, id := range [...]struct{ what, id string }{{"bundle", h.Bundle}, {"origin", h.Origin}, {"stream", h.Stream}} {
		if !isUUID(id.id) {
			return refuseHeader(CodeFormat, fmt.Sprintf("%s %q is not a UUID", id.what, clip(id.id)))
		}
	}
	if !isPlainName(h.StreamName) {
		return refuseHeader(CodeFormat, fmt.Sprintf("%q is not the name of a stream", clip(h.StreamName)))
	}
	if len(h.Audience) > maxAudience {
		return refuseHeader(CodeLimit, fmt.Sprintf("names %d destinations, more than %d", len(h.Audience), maxAudience))
	}
	for _, name := range h.Audience {
		if !isPlainName(name) {
			return refuseHeader(CodeFormat, fmt.Sprintf("%q is not the name of a destination", clip(name)))
		}
	}
	if len(h.Tool) > maxTool || bytes.ContainsFunc([]byte(h.Tool), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return refuseHeader(CodeFormat, fmt.Sprintf("tool %q is not a name", clip(h.Tool)))
	}
	return nil
}

func (h *Header) checkPosition() error {
	if h.Epoch == 0 || h.Seq == 0 {
		return refuseHeader(CodeFormat, fmt.Sprintf("has epoch %d and seq %d, which begin at 1", h.Epoch, h.Seq))
	}
	if p := h.Prev; p != nil {
		earlier := p.Epoch < h.Epoch || p.Epoch == h.Epoch && p.Seq < h.Seq
		if !earlier || p.Epoch == 0 || p.Seq == 0 || p.Header.IsZero() {
			return refuseHeader(CodeFormat, fmt.Sprintf("names epoch %d seq %d as the bundle before epoch %d seq %d", p.Epoch, p.Seq, h.Epoch, h.Seq))
		}
	}
	switch h.Kind {
	case Full, Incremental, CatalogOnly:
	default:
		return refuseHeader(CodeFormat, fmt.Sprintf("%q is not a kind of bundle", clip(string(h.Kind))))
	}
	if h.SinceSeq >= h.Seq || h.Kind == Full && h.SinceSeq != 0 {
		return refuseHeader(CodeFormat, fmt.Sprintf("is %s since seq %d at seq %d", h.Kind, h.SinceSeq, h.Seq))
	}
	if len(h.Skipped) > maxSkipped {
		return refuseHeader(CodeLimit, fmt.Sprintf("skips %d seqs, more than %d", len(h.Skipped), maxSkipped))
	}
	last := uint64(0)
	for _, seq := range h.Skipped {
		if seq <= last || seq >= h.Seq {
			return refuseHeader(CodeFormat, fmt.Sprintf("skips seq %d after %d before %d", seq, last, h.Seq))
		}
		last = seq
	}
	if h.Created.IsZero() {
		return refuseHeader(CodeFormat, "does not say when it was created")
	}
	if !h.ExpectedNext.IsZero() && h.ExpectedNext.Time().Before(h.Created.Time()) {
		return refuseHeader(CodeFormat, fmt.Sprintf("was created at %s and expects the next at %s", h.Created, h.ExpectedNext))
	}
	return nil
}

func (h *Header) checkLists() error {
	g := h.Generation
	if g.Number == 0 || g.SHA256.IsZero() || g.Size < 1 || g.Size > maxDocument {
		return refuseHeader(CodeFormat, fmt.Sprintf("names generation %d of %d bytes", g.Number, g.Size))
	}
	if h.StateRoot.IsZero() {
		return refuseHeader(CodeFormat, "has no state root")
	}
	if !counts(h.Objects, h.Bytes) {
		return refuseHeader(CodeCount, fmt.Sprintf("counts %d objects of %d bytes", h.Objects, h.Bytes))
	}
	for _, list := range [...]struct {
		what string
		ref  CountedRef
	}{{"entries", h.Entries}, {"requires", h.Requires}} {
		r := list.ref
		if r.SHA256.IsZero() || r.Size < 0 || r.Size > maxBytes || !counts(r.Count, r.Bytes) {
			return refuseHeader(CodeCount, fmt.Sprintf("counts %d %s of %d bytes in a list of %d bytes", r.Count, list.what, r.Bytes, r.Size))
		}
	}
	return nil
}

// counts reports whether so many things can have so many bytes.
func counts(n int, bytes int64) bool {
	return n >= 0 && bytes >= 0 && bytes <= maxBytes && (n > 0 || bytes == 0)
}

func (h *Header) checkVolumes() error {
	if n := len(h.Volumes); n == 0 || n > MaxVolumes {
		return refuseHeader(CodeCount, fmt.Sprintf("has %d volumes, want 1 to %d", n, MaxVolumes))
	}
	seen := make(map[layout.Digest]int)
	total := int64(0)
	for i, v := range h.Volumes {
		if v.Index != i+1 {
			return refuseHeader(CodeCount, fmt.Sprintf("has volume %d in the place of volume %d", v.Index, i+1))
		}
		if v.SHA256.IsZero() || !counts(v.Files, v.Bytes) || v.Bytes > maxBytes-total {
			return refuseHeader(CodeCount, fmt.Sprintf("counts %d files of %d bytes in volume %d", v.Files, v.Bytes, v.Index))
		}
		if other := seen[v.SHA256]; other != 0 {
			return refuseHeader(CodeFormat, fmt.Sprintf("has one list for the volumes %d and %d", other, v.Index))
		}
		seen[v.SHA256] = v.Index
		total += v.Bytes
	}
	return nil
}

// isUUID reports whether s is a UUID in lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// isPlainName reports whether s can name a stream or a destination: it stands in
// file names.
func isPlainName(s string) bool {
	return !strings.Contains(s, "/") && CheckPayloadName(s) == nil
}
