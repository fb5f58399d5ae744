package layout

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

// maxSigned is the largest state or generation in bytes, the same as
// store.MaxDocument.
const maxSigned = 4 << 20

// ParseState reads a state: the text that was signed, never the file that
// holds it. It demands the format and a version that it knows, and refuses
// members that stand twice, bytes after the object and more than 4 MiB; other
// members that it does not know are ignored.
func ParseState(b []byte) (*State, error) {
	s := new(State)
	if err := decodeDocument("state", b, s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// ParseGeneration reads a generation, as strictly as ParseState.
func ParseGeneration(b []byte) (*Generation, error) {
	g := new(Generation)
	if err := decodeDocument("generation", b, g); err != nil {
		return nil, err
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	return g, nil
}

// Encode returns the state as indented JSON with a newline at its end; equal
// states make equal bytes. What ParseState would refuse is an error.
func (s *State) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return encodeDocument("state", s)
}

// Encode returns the generation as indented JSON with a newline at its end;
// equal generations make equal bytes. What ParseGeneration would refuse is an
// error.
func (g *Generation) Encode() ([]byte, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	return encodeDocument("generation", g)
}

func decodeDocument(what string, b []byte, v any) error {
	if len(b) > maxSigned {
		return fmt.Errorf("parse %s: %d bytes, more than %d", what, len(b), maxSigned)
	}
	// encoding/json takes null for an empty object.
	if !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		return fmt.Errorf("parse %s: not a JSON object", what)
	}
	if err := decodeJSON(b, v, true); err != nil {
		return fmt.Errorf("parse %s: %w", what, err)
	}
	return nil
}

func encodeDocument(what string, v any) ([]byte, error) {
	b, err := appendJSON(nil, v, "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if len(b) > maxSigned {
		return nil, fmt.Errorf("encode %s: %d bytes, more than %d", what, len(b), maxSigned)
	}
	return b, nil
}

func (s *State) check() error {
	if err := checkHead("state", s.Format, FormatState, s.Version); err != nil {
		return err
	}
	if s.Number == 0 {
		return errors.New("state has no number")
	}
	if (s.Number == 1) != s.Previous.IsZero() {
		return fmt.Errorf("state %d: the first state, and no other, has no previous", s.Number)
	}
	return s.checkRings()
}

func (g *Generation) check() error {
	if err := checkHead("generation", g.Format, FormatGeneration, g.Version); err != nil {
		return err
	}
	if g.Number == 0 {
		return errors.New("generation has no number")
	}
	return nil
}

func checkHead(what, format, want string, version int) error {
	if format != want {
		return fmt.Errorf("%s has the format %q, want %q", what, clip(format), want)
	}
	if version != Version {
		return fmt.Errorf("%s has version %d, want %d", what, version, Version)
	}
	return nil
}

// StateRoot returns the SHA-256 over one line "<sha256> <size>\n" for every
// object that a generation refers to: one value that two sites can compare
// over the phone (docs/trust.md). The objects must come in strictly
// ascending order of digest; else it is an error, so that one digest with two
// sizes is one too.
func StateRoot(refs iter.Seq[ObjectRef]) (Digest, error) {
	hash := sha256.New()
	var last Digest
	first := true
	line := make([]byte, 0, 96)
	for ref := range refs {
		if !first && bytes.Compare(ref.SHA256[:], last[:]) <= 0 {
			return Digest{}, fmt.Errorf("state root: object %s comes after %s", ref.SHA256, last)
		}
		first, last = false, ref.SHA256
		line = append(line[:0], hexText(ref.SHA256[:])...)
		line = append(line, ' ')
		line = strconv.AppendInt(line, ref.Size, 10)
		line = append(line, '\n')
		hash.Write(line)
	}
	var root Digest
	hash.Sum(root[:0])
	return root, nil
}
