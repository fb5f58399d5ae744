package upstream

import (
	"context"
	"fmt"
	"time"

	"patchferry/layout"
)

// Document is a list as it was fetched.
type Document struct {
	NotModified bool // the list is the one that prev belongs to; SHA256 and Size are then zero
	Validators  Validators
	SHA256      layout.Digest
	Size        int64         // bytes
	URL         string        // as asked for: where it was redirected to does not count
	TLSKey      layout.Digest // SHA-256 of the SubjectPublicKeyInfo of the server that gave the bytes; zero without TLS
	At          layout.Time
	Fetched     int64 // bytes of bodies that came over the wire
}

// Refresh gets the list at url into the file dst, which is replaced as a
// whole, unless it is still the one that prev belongs to: then dst is left
// alone. It is one request where nothing fails. A list larger than MaxList is
// a *LimitError.
func (c *Client) Refresh(ctx context.Context, o *Origin, url string, prev Validators, dst string) (Document, error) {
	t := &transfer{
		c: c, o: o, list: true,
		w:     Want{URL: url, Path: dst, If: prev},
		limit: orDefault(c.MaxList, DefaultMaxList),
	}
	got, err := t.fetch(ctx)
	doc := Document{
		NotModified: got.NotModified,
		Validators:  got.Validators,
		SHA256:      got.SHA256,
		Size:        got.Size,
		URL:         url,
		TLSKey:      got.TLSKey,
		At:          layout.At(time.Now()),
		Fetched:     got.Fetched,
	}
	if err != nil {
		return doc, fmt.Errorf("refresh %w", err)
	}
	return doc, nil
}
