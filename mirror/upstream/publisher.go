package upstream

import (
	"context"
	"errors"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// Publisher is a Client for one source: it talks to what the source's Origin
// allows and to nothing else. It is safe for concurrent use.
type Publisher struct {
	Client *Client
	Origin *Origin
}

// Refresh is Client.Refresh for the source.
func (p *Publisher) Refresh(ctx context.Context, url string, prev layout.Validators, dst string) (layout.Document, error) {
	return p.Client.Refresh(ctx, p.Origin, url, prev, dst)
}

// Fetch is Client.Fetch for the source.
func (p *Publisher) Fetch(ctx context.Context, w layout.Want) (layout.Got, error) {
	return p.Client.Fetch(ctx, p.Origin, w)
}

// Discard removes the file that a call of Fetch left at path, and what is
// remembered of it.
func (p *Publisher) Discard(path string) error {
	return errors.Join(durable.Remove(path), durable.Remove(path+journalSuffix))
}
