package csaf

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"path"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// The names of what stands beside a document (CSAF 2.0, sections 7.1.18 and
// 7.1.19).
const signatureSuffix = ".asc"

var sumSuffixes = [...]string{".sha256", ".sha512"}

// Get gets a document that List returned, with its signature and its files of
// digests, each of at most 4 MiB and byte for byte. They are where the feed
// says, as far as this Provider's last List read one, and else where CSAF puts
// them. It may be called concurrently.
//
// prev counts for a document without Stamp alone: a new stamp may mean a new
// signature of the same bytes. A signature or file of digests that is not there
// is none; a signature that cannot be had for another reason is an error, so
// that a server in trouble does not make a signed document an unsigned one.
func (p *Provider) Get(ctx context.Context, item layout.Announced, prev layout.Validators) (*layout.Announcement, error) {
	if item.By == "" {
		return nil, errNoURL
	}
	if item.Stamp != "" {
		prev = layout.Validators{}
	}
	if p.Path != "" {
		return p.getLocal(ctx, item)
	}
	return p.get(ctx, network{p.Publisher}, item, prev)
}

// get gets a document whose place is its item's By.
func (p *Provider) get(ctx context.Context, from reader, item layout.Announced, prev layout.Validators) (*layout.Announcement, error) {
	body, doc, err := from.read(ctx, item.By, prev, maxDocument)
	if err != nil {
		return nil, err
	}
	if doc.NotModified {
		return &layout.Announcement{NotModified: true}, nil
	}
	a := &layout.Announcement{Original: body, Validators: doc.Validators, TLSKey: doc.TLSKey, At: doc.At}
	if p.Unsigned {
		return a, nil
	}
	near := p.beside(item.Name)
	if near.signature == "" {
		near.signature = withSuffix(item.By, signatureSuffix)
	}
	if len(near.sums) == 0 {
		for _, suffix := range sumSuffixes {
			near.sums = append(near.sums, withSuffix(item.By, suffix))
		}
	}
	signature, _, err := from.read(ctx, near.signature, layout.Validators{}, maxDocument)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		a.Signature = append([]byte{}, signature...) // an empty file is there, and wrong
		a.SigFile = nameOf(near.signature, item.File+signatureSuffix)
	}
	if a.Sums, err = sums(ctx, from, near.sums); err != nil {
		return nil, err
	}
	return a, nil
}

// sums gets the files of digests that are there.
func sums(ctx context.Context, from reader, places []string) ([]layout.Sum, error) {
	var all []layout.Sum
	for _, place := range places {
		text, _, err := from.read(ctx, place, layout.Validators{}, maxDocument)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, layout.Sum{Name: nameOf(place, path.Base(place)), Text: text})
	}
	return all, nil
}

// isAbsent reports whether err says that there is no such file, in the ways in
// which static sites do: object stores answer 403, single-page sites a page.
// That is good enough for digests, which prove nothing that a signature does
// not.
func isAbsent(err error) bool {
	var status *upstream.StatusError
	var content *upstream.ContentError
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &content) ||
		errors.As(err, &status) && status.Code == http.StatusForbidden
}

// withSuffix appends to the path of a URL.
func withSuffix(place, suffix string) string {
	u, err := url.Parse(place)
	if err != nil {
		return place + suffix
	}
	u.Path += suffix
	if u.RawPath != "" {
		u.RawPath += suffix
	}
	return u.String()
}

// nameOf returns the file name that a URL ends in, or other where that is none.
func nameOf(place, other string) string {
	u, err := url.Parse(place)
	if err != nil {
		return other
	}
	name, err := upstream.NameOf(u)
	if err != nil {
		return other
	}
	return name
}
