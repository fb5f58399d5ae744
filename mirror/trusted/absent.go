package trusted

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/verify"
)

// AbsentOf returns the contents that a generation refers to and that a bundle of
// the catalog alone did not bring, as far as nothing has brought them since. It
// is empty for every other generation.
func (r *Reader) AbsentOf(ctx context.Context, p layout.Position) (map[layout.Digest]bool, error) {
	absent := make(map[layout.Digest]bool)
	return absent, r.addAbsent(ctx, absent, p)
}

// Absent is AbsentOf for all that a state publishes.
func (r *Reader) Absent(ctx context.Context, state *State) (map[layout.Digest]bool, error) {
	absent := make(map[layout.Digest]bool)
	for _, p := range state.Positions() {
		if err := r.addAbsent(ctx, absent, p); err != nil {
			return nil, fmt.Errorf("generation %d of state %d: %w", p.Number, state.Number, err)
		}
	}
	return absent, nil
}

func (r *Reader) addAbsent(ctx context.Context, absent map[layout.Digest]bool, p layout.Position) (err error) {
	if p.Absent.IsZero() {
		return nil
	}
	in, err := r.openObject(ctx, p.Absent)
	if err != nil {
		return fmt.Errorf("what is absent: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	lines := bufio.NewScanner(layout.NewVerifyReader(in, p.Absent.Size, p.Absent.SHA256))
	for lines.Scan() {
		d, err := layout.ParseDigest(strings.TrimSpace(lines.Text()))
		if err != nil {
			return &verify.TrustError{Code: verify.CodeFormat, Subject: "object " + p.Absent.SHA256.String(), Reason: "it is no list of digests", Err: err}
		}
		switch _, err := r.Store.Stat(ctx, d); {
		case errors.Is(err, fs.ErrNotExist):
			absent[d] = true
		case errors.Is(err, store.ErrAway): // nobody knows: who asks for it is told so
		case err != nil:
			return fmt.Errorf("look for object %s: %w", d, err)
		}
	}
	if err := lines.Err(); err != nil {
		return mismatch(p.Absent, err)
	}
	return nil
}

// WithoutAbsent yields updates with files whose content is absent as listed, not
// held: nobody can be given them.
func WithoutAbsent(all iter.Seq2[*layout.Update, error], absent map[layout.Digest]bool) iter.Seq2[*layout.Update, error] {
	if len(absent) == 0 {
		return all
	}
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range all {
			if err == nil {
				for i := range u.Files {
					u.Files[i].Held = u.Files[i].Held && !absent[u.Files[i].SHA256]
				}
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}
