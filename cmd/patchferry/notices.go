package main

import (
	"context"
	"fmt"

	"patchferry/layout"
	"patchferry/verify"
)

// maxNotices is the largest list of notices in bytes, compressed.
const maxNotices = 256 << 20

// notices returns what publishers announced, as the edition has it.
func (s *site) notices(ctx context.Context, e *edition) ([]*layout.Notice, error) {
	list := e.generation.Notices
	if list.IsZero() {
		return nil, nil
	}
	subject := fmt.Sprintf("notices of generation %d", e.generation.Number)
	if list.List.Size > maxNotices {
		return nil, &verify.TrustError{Code: verify.CodeLimit, Subject: subject, Reason: fmt.Sprintf("%d bytes, where at most %d are read", list.List.Size, maxNotices)}
	}
	in, err := s.store.Open(ctx, list.List.SHA256, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	defer in.Close()
	lines := layout.NewCatalogReader(layout.NewVerifyReader(in, list.List.Size, list.List.SHA256), layout.Limits{})
	var all []*layout.Notice
	for line, err := range lines.Lines() {
		if err != nil {
			return nil, &verify.TrustError{Code: verify.CodeFormat, Subject: subject, Reason: "its lines cannot be read", Err: err}
		}
		n, err := layout.ParseNotice(line)
		if err != nil {
			return nil, &verify.TrustError{Code: verify.CodeFormat, Subject: subject, Reason: "its lines cannot be read", Err: err}
		}
		all = append(all, n)
	}
	sum, err := lines.Summary()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if sum.Lines != list.Lines || sum.Count != list.Count {
		return nil, &verify.TrustError{Code: verify.CodeDigest, Subject: subject, Reason: "its lines are not the ones that were signed"}
	}
	return all, nil
}
