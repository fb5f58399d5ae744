package unlisted

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// maxQueries is how many queries of one file are remembered.
const maxQueries = 8

// queries is the origin of one file, asked with what hosts sent behind "?". Each host
// brings a query of its own, which lets it have the file for some time. One that works
// is used until it does not; then the newest is. So neither an old query nor one that
// somebody made up ends what others read.
type queries struct {
	url string // without a query

	mu     sync.Mutex
	origin fill.Origin
	all    []query // the newest last
	etag   string  // of what first came with date and total
	date   string
	total  int64
	told   bool // some part had a validator
}

type query struct {
	text    string
	refused bool
}

// offer takes the query of one more who asks.
func (s *queries) offer(origin fill.Origin, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.origin = origin
	for _, q := range s.all {
		if q.text == text {
			return
		}
	}
	s.all = append(s.all, query{text: text})
	if len(s.all) > maxQueries {
		s.all = append(s.all[:1], s.all[2:]...)
	}
}

// best returns the query to ask with: the first, while it works, else the newest that
// was not refused, else the newest.
func (s *queries) best() (fill.Origin, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.all[0].refused {
		return s.origin, s.all[0].text
	}
	for i := len(s.all) - 1; i >= 0; i-- {
		if q := s.all[i]; !q.refused {
			s.all[0], s.all[i] = q, s.all[0]
			break
		}
	}
	if !s.all[0].refused {
		return s.origin, s.all[0].text
	}
	return s.origin, s.all[len(s.all)-1].text
}

// untried reports whether nobody has refused a query yet.
func (s *queries) untried(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.all {
		if q.text == text {
			return !q.refused
		}
	}
	return false
}

// refuse notes that a query did not help, and reports whether another one may.
func (s *queries) refuse(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := false
	for i := range s.all {
		if s.all[i].text == text {
			s.all[i].refused = true
		}
		left = left || !s.all[i].refused
	}
	return left
}

// Part implements fill.Origin. A query that its origin does not accept is not used
// again as long as there are others.
func (s *queries) Part(ctx context.Context, r layout.PartRequest) (layout.Part, error) {
	for {
		origin, text := s.best()
		r.URL, r.If = s.url, layout.Validators{}
		if text != "" {
			r.URL += "?" + text
		}
		part, err := origin.Part(ctx, r)
		if !errors.Is(err, fs.ErrPermission) || !s.refuse(text) {
			if err == nil {
				err = s.settle(&part)
			}
			return part, err
		}
	}
}

// errLost ends a fill rather than that parts of two versions become one file.
var errLost = errors.New("the origin no longer tells which version of the file it sends")

// settle gives a part the ETag that others of the same date and length came with: each
// machine of a delivery network may have its own. For the same reason no ETag is put
// to the origin; whoever asks compares.
func (s *queries) settle(p *layout.Part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &p.Validators
	switch {
	case v.IsZero() && s.told:
		return errors.Join(errLost, p.Body.Close())
	case v.LastModified == "" || s.date != v.LastModified || s.total != p.Total:
		s.etag, s.date, s.total = v.ETag, v.LastModified, p.Total
	}
	s.told = s.told || !v.IsZero()
	v.ETag = s.etag
	return nil
}
