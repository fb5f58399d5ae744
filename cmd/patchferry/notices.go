package main

import (
	"context"
	"fmt"

	"patchferry/layout"
)

// notices returns what publishers announced, as the edition has it.
func (s *site) notices(ctx context.Context, e *edition) ([]*layout.Notice, error) {
	var all []*layout.Notice
	for n, err := range s.reader.Notices(ctx, e.generation) {
		if err != nil {
			return nil, fmt.Errorf("read what publishers announced: %w", err)
		}
		all = append(all, n)
	}
	return all, nil
}
