package main

import (
	"context"
	"fmt"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// edition opens what the near side has published.
func (d *demo) edition(ctx context.Context) (*edition, error) {
	s, err := d.openSite(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close() // it was only read
	return s.mustNewest(ctx)
}

func (d *demo) openSite(ctx context.Context) (*site, error) {
	l, err := config.Load(config.Request{File: d.near.config, Dir: d.near.dir})
	if err != nil {
		return nil, err
	}
	return openSite(ctx, &l.Config)
}

// catalog counts what the near side has published, and returns its held files
// by update and name, and how many it only lists.
func (d *demo) catalog(ctx context.Context) (held map[heldKey]heldFile, listed int, err error) {
	r := &d.report
	r.Updates, r.Files, r.Bytes = 0, 0, 0
	held = make(map[heldKey]heldFile)
	s, err := d.openSite(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer s.Close() // it was only read
	e, err := s.mustNewest(ctx)
	if err != nil {
		return nil, 0, err
	}
	for u, err := range s.updates(ctx, e) {
		if err != nil {
			return nil, 0, fmt.Errorf("read the catalog: %w", err)
		}
		r.Updates++
		for i := range u.Files {
			f := &u.Files[i]
			if !f.Held {
				listed++
				continue
			}
			r.Files++
			r.Bytes += f.Size
			held[heldKey{u.ID, f.Entry()}] = heldFile{f.SHA256, f.Size}
		}
	}
	return held, listed, nil
}

// heldKey names a file of the catalog.
type heldKey struct{ update, name string }

// heldFile is what the catalog says of a file.
type heldFile struct {
	sha256 layout.Digest
	size   int64
}
