package distribute

import (
	"context"

	"patchferry/layout"
)

// Filler fetches files from outside, each of them once, for all who ask. Its methods
// may be called concurrently. They return when the length and the validators of the
// file are fixed, and the Filling outlives their context; the caller closes it. Errors:
// layout.ErrNoFill where nothing may be fetched, fs.ErrNotExist where the publisher does
// not have the file, *layout.LaterError where it may be had later, *layout.MismatchError
// where what the publisher handed out was another file.
type Filler interface {
	// Fill hands out a file of the catalog. One that came here since the catalog was made
	// is handed out as any other.
	Fill(ctx context.Context, f layout.Listed) (layout.Filling, error)
	// Unlisted hands out a file that no catalog lists. Whether its origin may be asked at
	// all is for the Filler to decide.
	Unlisted(ctx context.Context, q layout.PathRequest) (layout.Filling, error)
}

// Miss is a file that a host asked for, and that is not here and was not fetched: one
// that the catalog lists, or one that the request names by a digest.
type Miss struct {
	Update string // its id; empty: the catalog does not list the file
	File   string // its name in the update's folder
	SHA256 layout.Digest
	SHA1   layout.SHA1
	// URL is the publisher's: the catalog's, else the path that was asked for, behind
	// "//" and the origin where the request named one.
	URL string
}

func (s *Server) missed(m Miss) {
	if s.Missed != nil && m != (Miss{}) {
		s.Missed(m)
	}
}

// missedFile names a file of the catalog.
func (v *View) missedFile(f *file) Miss {
	return Miss{Update: v.text.get(v.updates[f.update]), File: v.text.get(f.name), SHA256: f.sha256, SHA1: f.sha1, URL: v.url(f)}
}

// missedPath names a file by the digest in its path; it is zero where there is none: of
// any other path nobody can say whether it is a file's.
func missedPath(w wish) Miss {
	d, _, ok := sumInName(w.path)
	if !ok {
		return Miss{}
	}
	m := Miss{SHA1: d, URL: w.path}
	if w.origin != "" {
		m.URL = "//" + w.origin + w.path
	}
	return m
}
