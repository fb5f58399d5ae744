package main

import (
	"context"
	"fmt"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// notices returns what publishers announced, as the generations of the edition
// have it. What came over a gap is judged again by the keys and pins of this
// side: the list is the origin's, and says whom the origin believes.
func (s *site) notices(ctx context.Context, e *edition) ([]*layout.Notice, error) {
	return s.announced(ctx, e.generations)
}

// announced is notices of generations.
func (s *site) announced(ctx context.Context, generations []*layout.Generation) ([]*layout.Notice, error) {
	var all []*layout.Notice
	known := make(map[string]bool)
	for _, g := range generations {
		for n, err := range s.reader.Notices(ctx, g) {
			if err != nil {
				return nil, fmt.Errorf("read what publishers announced: %w", err)
			}
			if known[n.ID] {
				continue
			}
			known[n.ID] = true
			if s.judge != nil {
				if n, err = s.judged(ctx, n); err != nil {
					return nil, fmt.Errorf("judge %s: %w", n.ID, err)
				}
			}
			all = append(all, n)
		}
	}
	return all, nil
}

// judged returns a notice as this side sees it. A document that does not count
// here announces nothing; one that counts for the origin no more than here
// stays as it is.
func (s *site) judged(ctx context.Context, n *layout.Notice) (*layout.Notice, error) {
	if n.Verdict == layout.Unsigned || len(n.Bulletins) == 0 {
		return n, nil
	}
	doc := verify.Document{Name: n.File}
	var err error
	if doc.Original, err = s.reader.Document(ctx, n.Original); err != nil {
		return n, err
	}
	if !n.Signature.IsZero() {
		if doc.Signature, err = s.reader.Document(ctx, n.Signature); err != nil {
			return n, err
		}
	}
	source, _, _ := strings.Cut(n.ID, ":")
	j := s.judge(source, verify.Profile(n.Profile)).Document(doc)
	if j.Verdict == n.Verdict {
		return n, nil
	}
	here := *n
	here.Verdict, here.Bulletins, here.Reason = j.Verdict, nil, strings.Join(j.Reasons, "; ")
	return &here, nil
}
