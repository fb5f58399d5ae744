package upstream

import (
	"context"
	"fmt"
	"time"

	"patchferry/layout"
)

// Refresh gets the list at url into the file dst, which is replaced as a
// whole, unless it is still the one that prev belongs to: then dst is left
// alone. It is one request where nothing fails. A list larger than MaxList is
// a *LimitError.
func (c *Client) Refresh(ctx context.Context, o *Origin, url string, prev layout.Validators, dst string) (layout.Document, error) {
	t := &transfer{
		c: c, o: o, list: true,
		w:     layout.Want{URL: url, Path: dst, If: prev},
		limit: orDefault(c.MaxList, DefaultMaxList),
	}
	got, err := t.fetch(ctx)
	doc := layout.Document{
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
