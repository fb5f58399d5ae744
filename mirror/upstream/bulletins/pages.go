package bulletins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/verify/envelope"
)

// Pages is a source of bulletins at one URL or several, each of which is one
// document: an advisory, a mail of an archive, a month of CVRF. A mailbox is
// none: its mails are read from a local copy (Folder). It may be used
// concurrently.
//
// A signature is looked for at the URL with .asc appended to its path, then with
// .sig, unless the document carries its own; digests, at .sha256 and .sha512,
// beside a document that has a signature there.
type Pages struct {
	Publisher *upstream.Publisher // fetches, within what the operator allowed
	URLs      []string
	// Unsigned: no signatures are looked for, for the publisher makes none.
	// Digests are. Documents may have layout.MaxUnsigned bytes then.
	Unsigned bool
}

// List lists the URLs, which costs no request: a page has no stamp, and Get
// tells whether it changed. One that cannot be used is a problem.
func (p *Pages) List(ctx context.Context, _ json.RawMessage) (*layout.AnnouncedList, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	list := &layout.AnnouncedList{}
	seen := map[string]bool{}
	for _, raw := range p.URLs {
		u, err := upstream.List{}.URL(raw)
		if err == nil {
			err = p.Publisher.Origin.Allows(u)
		}
		if err == nil && seen[u.String()] {
			err = fmt.Errorf("%s stands twice", u.Redacted())
		}
		if err != nil {
			list.Problems = append(list.Problems, err)
			continue
		}
		seen[u.String()] = true
		list.Items = append(list.Items, layout.Announced{Name: u.String(), File: fileOf(u), By: u.String()})
	}
	return list, nil
}

// fileOf returns the name to hand a page out under.
func fileOf(u *url.URL) string {
	if name, err := upstream.NameOf(u); err == nil {
		return name
	}
	return u.Hostname()
}

// Get gets a page with what stands beside it, in one request if it is still the
// one that prev belongs to. A signature that is not there is none. One that
// cannot be had for another reason, even if that is a page for people in its
// place, is an error where none is found, so that a server in trouble does not
// make a signed document an unsigned one. Digests that cannot be had are none:
// they prove nothing.
func (p *Pages) Get(ctx context.Context, item layout.Announced, prev layout.Validators) (*layout.Announcement, error) {
	limit := int64(MaxDocument)
	if p.Unsigned {
		limit = layout.MaxUnsigned
	}
	body, doc, err := p.Publisher.Read(ctx, item.By, prev, limit)
	if err != nil {
		return nil, err
	}
	if doc.NotModified {
		return &layout.Announcement{NotModified: true}, nil
	}
	if envelope.IsMailbox(body) {
		return nil, fmt.Errorf("%s is a mailbox; its mails can be read from a local copy (path)", item.By)
	}
	a := &layout.Announcement{Original: body, Validators: doc.Validators, TLSKey: doc.TLSKey, At: doc.At}
	if !p.Unsigned && !carriesSignature(body) {
		if err := p.signature(ctx, a, item); err != nil {
			return nil, err
		}
	}
	if p.Unsigned || a.Signature != nil {
		err = p.sums(ctx, a, item)
	}
	return a, err
}

// carriesSignature reports whether something in a document is signed, well or
// not.
func carriesSignature(doc []byte) bool {
	parts, err := envelope.Open(doc)
	return err != nil || len(parts) > 0
}

func (p *Pages) signature(ctx context.Context, a *layout.Announcement, item layout.Announced) error {
	var failed error
	for _, suffix := range signatureSuffixes {
		body, err := p.beside(ctx, item.By, suffix)
		if err == nil {
			a.Signature, a.SigFile = append([]byte{}, body...), item.File+suffix // an empty one is there, and wrong
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("look for a signature: %w", failed)
	}
	return nil
}

func (p *Pages) sums(ctx context.Context, a *layout.Announcement, item layout.Announced) error {
	for _, suffix := range sumSuffixes {
		body, err := p.beside(ctx, item.By, suffix)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			a.Sums = append(a.Sums, layout.Sum{Name: item.File + suffix, Text: body})
		}
	}
	return nil
}

// beside gets what stands at a URL with a suffix to its path.
func (p *Pages) beside(ctx context.Context, at, suffix string) ([]byte, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	u.Path += suffix
	if u.RawPath != "" {
		u.RawPath += suffix
	}
	body, _, err := p.Publisher.Read(ctx, u.String(), layout.Validators{}, MaxDocument)
	return body, err
}
