package main

import (
	"context"
	"fmt"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// edition opens what the near side has published.
func (d *demo) edition(ctx context.Context) (*edition, error) {
	s, err := d.openSite()
	if err != nil {
		return nil, err
	}
	defer s.Close() // it was only read
	return s.mustNewest(ctx)
}

func (d *demo) openSite() (*site, error) {
	l, err := config.Load(config.Request{File: d.config, Dir: d.dir})
	if err != nil {
		return nil, err
	}
	return openSite(&l.Config)
}

// catalog counts what the near side has published, and returns its held files
// by update and name.
func (d *demo) catalog(ctx context.Context) (demoReport, map[heldKey]heldFile, error) {
	var r demoReport
	held := make(map[heldKey]heldFile)
	s, err := d.openSite()
	if err != nil {
		return r, nil, err
	}
	defer s.Close() // it was only read
	e, err := s.mustNewest(ctx)
	if err != nil {
		return r, nil, err
	}
	for u, err := range s.updates(ctx, e) {
		if err != nil {
			return r, nil, fmt.Errorf("read the catalog: %w", err)
		}
		r.Updates++
		for i := range u.Files {
			f := &u.Files[i]
			if !f.Held {
				r.Refused++
				continue
			}
			r.Files++
			r.Bytes += f.Size
			held[heldKey{u.ID, f.Entry()}] = heldFile{f.Path(u), f.SHA256, f.Size}
		}
	}
	return r, held, nil
}

// heldKey names a file of the catalog.
type heldKey struct{ update, name string }

// heldFile is what the catalog says of a file.
type heldFile struct {
	path   string // below the root of the tree
	sha256 layout.Digest
	size   int64
}
