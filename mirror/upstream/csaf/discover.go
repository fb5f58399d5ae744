package csaf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"patchferry/layout"
)

// discover finds out from the operator's address what the provider offers. It
// returns the parts of the metadata that cannot be used.
func (s *survey) discover(ctx context.Context, address *url.URL) ([]error, error) {
	s.is.Metadata, s.is.Canonical, s.is.Distributions, s.is.Keys = "", "", nil, nil
	s.is.Asked = layout.At(s.now)
	if isDomain(address) {
		return s.search(ctx, address)
	}
	if !isDocument(address.Path) {
		d, err := directory(nil, address.String())
		s.is.Distributions = []distribution{d}
		return nil, err
	}
	u := address.String()
	b, err := s.body(ctx, u, maxIndex)
	if err != nil {
		return nil, s.moved(err)
	}
	var probe struct {
		Feed *struct{} `json:"feed"`
	}
	if err := decode(b, &probe); err != nil {
		return nil, fmt.Errorf("%s %w", u, err)
	}
	if probe.Feed != nil {
		s.is.Distributions = []distribution{{URL: u, Feed: true}}
		return nil, nil
	}
	return s.describe(ctx, address)
}

// moved adds to the news that metadata is no longer there where it last said
// that it belongs.
func (s *survey) moved(err error) error {
	if !errors.Is(err, fs.ErrNotExist) || s.was.Canonical == "" || s.was.Canonical == s.was.Metadata {
		return err
	}
	return fmt.Errorf("%w; it last said that its place is %s", err, s.was.Canonical)
}

// search looks for the metadata of a host: at its well-known place, where its
// security.txt says, and on the host that the domain sets aside for it where
// the operator allowed that. The first that can be read is taken.
func (s *survey) search(ctx context.Context, host *url.URL) ([]error, error) {
	bad, err := s.describe(ctx, wellKnown(host))
	if err == nil || ctx.Err() != nil {
		return bad, err
	}
	failed := []error{err}
	for _, u := range s.elsewhere(ctx, host) {
		bad, err := s.describe(ctx, u)
		if err == nil || ctx.Err() != nil {
			return bad, err
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("no provider metadata of %s: %w", host.Host, errors.Join(failed...))
}

// elsewhere returns where else than at its well-known place a host's metadata
// may be.
func (s *survey) elsewhere(ctx context.Context, host *url.URL) []*url.URL {
	var places []*url.URL
	for _, u := range securityTexts(host) {
		b, _, err := s.from.read(ctx, u.String(), layout.Validators{}, maxSecurity)
		if err == nil {
			places = parseSecurity(b)
			break
		}
	}
	if u := dataHost(host); s.from.allows(u) == nil {
		places = append(places, u)
	}
	return places
}

// describe reads the provider metadata at a place.
func (s *survey) describe(ctx context.Context, at *url.URL) ([]error, error) {
	u := at.String()
	b, err := s.body(ctx, u, maxMetadata)
	if err != nil {
		return nil, s.moved(err)
	}
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("%s: provider metadata of %d bytes, more than %d", u, len(b), maxMetadata)
	}
	m, bad, err := parseMetadata(b, at)
	if err != nil {
		return nil, fmt.Errorf("%s %w", u, err)
	}
	if len(m.distributions) == 0 {
		return nil, errors.Join(append([]error{fmt.Errorf("%s names no directory and no feed that is for everybody", u)}, bad.of(u)...)...)
	}
	s.is.Metadata, s.is.Canonical = u, m.canonical.String()
	s.is.Distributions, s.is.Keys = m.distributions, m.keys
	return bad.of(u), nil
}
