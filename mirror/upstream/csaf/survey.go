package csaf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// reader gets what a provider publishes, from the network or from a folder.
type reader interface {
	// read gets the file at a URL unless it is the one that prev belongs to.
	// One that is not there matches fs.ErrNotExist; more than limit bytes are
	// an error.
	read(ctx context.Context, url string, prev layout.Validators, limit int64) ([]byte, layout.Document, error)
	// allows returns why nothing may be read at u, nil where it may.
	allows(u *url.URL) error
	// place says where a URL leads to, for messages.
	place(url string) string
}

// survey is one call of List.
type survey struct {
	from   reader
	now    time.Time
	was    memory // of the last call
	is     memory // of this one
	bodies map[string][]byte
	left   int64 // bytes of lists that may still be read
	most   int   // documents after which no further list is read
}

func newSurvey(from reader, was memory, place string, now time.Time) *survey {
	return &survey{
		from: from, now: now, was: was,
		is:     memory{Version: memoryVersion, Place: place, Pages: map[string]page{}},
		bodies: map[string][]byte{},
		left:   maxTotal,
		most:   maxListed,
	}
}

// unchanged reports whether everything is as it was at the last call. What
// could not be asked counts as unchanged, and is told in problems, unless
// nothing could be.
func (s *survey) unchanged(ctx context.Context) (same bool, problems []error, err error) {
	due := s.was.due(s.now)
	if len(s.was.Distributions) == 0 || due && s.was.Unstamped {
		return false, nil, nil
	}
	questions := s.was.questions(due)
	for _, u := range questions {
		changed, err := s.changed(ctx, u)
		if ctx.Err() != nil {
			return false, nil, context.Cause(ctx)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if changed {
			return false, nil, nil
		}
	}
	if len(problems) == len(questions) {
		return false, nil, errors.Join(problems...)
	}
	pages := s.is.Pages
	s.is = s.was
	for u, p := range pages {
		s.is.Pages[u] = p
	}
	if due && len(problems) == 0 {
		s.is.Asked = layout.At(s.now)
	}
	return true, problems, nil
}

// changed asks whether a list is another one than at the last call, and keeps
// it if it came. Servers that know no validators are found out by the digest.
func (s *survey) changed(ctx context.Context, u string) (bool, error) {
	was := s.was.Pages[u]
	body, doc, err := s.read(ctx, u, was.Validators, s.limit())
	if errors.Is(err, fs.ErrNotExist) {
		s.is.Pages[u] = page{Missing: true}
		return !was.Missing, nil
	}
	if err != nil {
		return false, err
	}
	if doc.NotModified {
		s.is.Pages[u] = was
		return false, nil
	}
	s.keep(u, body, doc)
	return doc.SHA256 != was.SHA256, nil
}

// body gets a list, once in a call.
func (s *survey) body(ctx context.Context, u string, limit int64) ([]byte, error) {
	if b, ok := s.bodies[u]; ok {
		return b, nil
	}
	if s.is.Pages[u].Missing {
		return nil, &fs.PathError{Op: "read", Path: u, Err: fs.ErrNotExist}
	}
	body, doc, err := s.read(ctx, u, layout.Validators{}, min(limit, s.limit()))
	if errors.Is(err, fs.ErrNotExist) {
		s.is.Pages[u] = page{Missing: true}
	}
	if err != nil {
		return nil, err
	}
	s.keep(u, body, doc)
	return body, nil
}

// read reads a list. A page for people in its place says that there is none:
// some sites answer 200 to everything.
func (s *survey) read(ctx context.Context, u string, prev layout.Validators, limit int64) ([]byte, layout.Document, error) {
	body, doc, err := s.from.read(ctx, u, prev, limit)
	var page *upstream.ContentError
	if errors.As(err, &page) {
		err = fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	var large *upstream.LimitError
	if errors.As(err, &large) && s.left < maxIndex {
		err = fmt.Errorf("%w; all lists together may have %d", err, maxTotal)
	}
	return body, doc, err
}

func (s *survey) limit() int64 { return max(min(maxIndex, s.left), 1) }

func (s *survey) keep(u string, body []byte, doc layout.Document) {
	s.left -= int64(len(body))
	s.bodies[u] = body
	s.is.Pages[u] = page{Validators: doc.Validators, SHA256: doc.SHA256}
}

// known takes over what was said of the provider at the last call.
func (s *survey) known() {
	s.is.Asked, s.is.Metadata, s.is.Canonical = s.was.Asked, s.was.Metadata, s.was.Canonical
	s.is.Distributions, s.is.Keys = s.was.Distributions, s.was.Keys
	if p, ok := s.was.Pages[s.was.Metadata]; ok {
		s.is.Pages[s.was.Metadata] = p
	}
}

// listing is what one distribution lists.
type listing struct {
	of      distribution
	entries []entry
}

// gather reads all distributions. Those that cannot be read are told in
// problems; gone says that one of them is no longer where it was.
func (s *survey) gather(ctx context.Context) (lists []listing, gone bool, problems []error, err error) {
	var failed []error
	listed := 0
	for _, d := range s.is.Distributions {
		if listed >= s.most {
			failed = append(failed, fmt.Errorf("%s is not read: %d documents are listed before it", d.URL, listed))
			continue
		}
		entries, bad, err := s.list(ctx, d)
		if ctx.Err() != nil {
			return nil, false, nil, context.Cause(ctx)
		}
		if err != nil {
			gone = gone || errors.Is(err, fs.ErrNotExist)
			failed = append(failed, err)
			continue
		}
		problems = append(problems, bad...)
		lists = append(lists, listing{of: d, entries: entries})
		listed += len(entries)
	}
	if len(lists) == 0 {
		err = errors.Join(failed...)
	}
	return lists, gone, append(failed, problems...), err
}

func (s *survey) list(ctx context.Context, d distribution) ([]entry, []error, error) {
	if d.Feed {
		return s.listFeed(ctx, d)
	}
	return s.listDirectory(ctx, d)
}

func (s *survey) listFeed(ctx context.Context, d distribution) ([]entry, []error, error) {
	b, err := s.body(ctx, d.URL, maxIndex)
	if err != nil {
		return nil, nil, err
	}
	at, err := url.Parse(d.URL)
	if err != nil {
		return nil, nil, err
	}
	entries, bad, err := parseFeed(b, at)
	if err != nil {
		delete(s.is.Pages, d.URL) // it may be better the next time
		return nil, nil, fmt.Errorf("%s %w", s.from.place(d.URL), err)
	}
	return entries, bad.of(s.from.place(d.URL)), nil
}

// listDirectory joins changes.csv, which has the times, and index.txt, which
// has every document. Either may be missing.
func (s *survey) listDirectory(ctx context.Context, d distribution) ([]entry, []error, error) {
	base, err := url.Parse(d.URL)
	if err != nil {
		return nil, nil, err
	}
	var problems []error
	changesBody, err1 := s.body(ctx, d.URL+changesName, maxIndex)
	indexBody, err2 := s.body(ctx, d.URL+indexName, maxIndex)
	if err1 != nil && err2 != nil {
		return nil, nil, neither(d, err1, err2)
	}
	for _, err := range []error{err1, err2} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	changes, bad := parseChanges(changesBody)
	problems = append(problems, bad.of(s.from.place(d.URL+changesName))...)
	paths, bad := parseIndex(indexBody)
	problems = append(problems, bad.of(s.from.place(d.URL+indexName))...)
	var entries []entry
	seen := map[string]bool{}
	for _, c := range changes {
		seen[c.path] = true
		entries = append(entries, entry{url: below(base, c.path), stamp: c.stamp})
	}
	for _, p := range paths {
		if !seen[p] {
			entries = append(entries, entry{url: below(base, p)})
		}
	}
	return entries, problems, nil
}

// neither says why a directory has no index: only where the provider says that
// it has none is it missing.
func neither(d distribution, changes, index error) error {
	if errors.Is(changes, fs.ErrNotExist) && errors.Is(index, fs.ErrNotExist) {
		return &fs.PathError{Op: "read " + changesName + " or " + indexName + " in", Path: d.URL, Err: fs.ErrNotExist}
	}
	if errors.Is(changes, fs.ErrNotExist) {
		return index
	}
	return changes
}

// below returns the URL of a path that documentPath let through.
func below(base *url.URL, path string) string {
	return base.ResolveReference(&url.URL{Path: path}).String()
}
