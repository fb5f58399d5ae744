package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/distribute"
	"patchferry/layout"
)

// visit fetches every file that the far side shows, and checks each against
// the near side's catalog: end to end.
func (d *demo) visit(ctx context.Context, h *host) error {
	held, _, err := d.catalog(ctx)
	if err != nil {
		return err
	}
	d.step("A host lists the tree and fetches every file: whole, in four ranges at once,\n   or cut off half-way and resumed; and checks each against the SHA-256 that the near side published.")
	entries, err := h.tree(ctx)
	if err != nil {
		return err
	}
	if err := d.fetch(ctx, h, entries, held); err != nil {
		return err
	}
	var example distribute.Entry
	for _, e := range entries {
		if strings.HasPrefix(e.URL, exampleFolder) && e.Bytes() > example.Bytes() {
			example = e
		}
	}
	d.say("   %d files are right. One of them lies in the tree at\n   %s\n   $ curl -C - -O %s%s", d.report.Fetched, example.URL, h.base, example.URL)
	return nil
}

// revisit fetches what the next day brought, and demands that what the near
// side refused is nowhere.
func (d *demo) revisit(ctx context.Context, h *host, changed, wrong sample.File) error {
	held, listed, err := d.catalog(ctx)
	if err != nil {
		return err
	}
	if d.report.Refused = listed; listed != 1 {
		return fmt.Errorf("the catalog lists %d files that are not held, want %s alone", listed, wrong.Name)
	}
	if err := h.appears(ctx, "/objects/sha256/"+changed.SHA256.String()); err != nil {
		return err
	}
	entries, err := h.tree(ctx)
	if err != nil {
		return err
	}
	before := d.report.Fetched
	if err := d.fetch(ctx, h, entries, held); err != nil {
		return err
	}
	if err := h.missing(ctx, "/objects/sha256/"+wrong.SHA256.String()); err != nil {
		return fmt.Errorf("the refused file %s: %w", wrong.Name, err)
	}
	d.say("   The host fetches %s, the only one that is new, and it is right.", plural(d.report.Fetched-before, "file", "files"))
	return nil
}

// fetch fetches the files that the host does not have, and holds each to the
// catalog, which must have no others.
func (d *demo) fetch(ctx context.Context, h *host, entries []distribute.Entry, held map[heldKey]heldFile) error {
	for i, e := range entries {
		want, ok := held[heldKey{e.Update, e.Name}]
		if !ok {
			return fmt.Errorf("the tree has %s of %s, which the catalog does not hold", e.Name, e.Update)
		}
		if h.has[want.sha256] {
			continue
		}
		if err := h.check(ctx, i, e, want); err != nil {
			return err
		}
		h.has[want.sha256] = true
		d.report.Fetched++
	}
	if len(entries) != d.report.Files || d.report.Fetched != d.report.Files {
		return fmt.Errorf("the tree has %d files, of which %d were fetched; the catalog holds %d", len(entries), d.report.Fetched, d.report.Files)
	}
	return nil
}

// exampleFolder has the file that people are told of, the largest there: one
// that most of them can read of, and worth several connections.
const exampleFolder = "/Software/EN/"

// followWithin is how long the host waits for what was released, on a machine
// that is busy with other things.
const followWithin = 30 * time.Second

// maxListing is the largest listing the host reads, in bytes.
const maxListing = 8 << 20

// host is a machine of the LAN.
type host struct {
	client *http.Client
	base   string // without a slash at the end
	has    map[layout.Digest]bool
}

func newHost(url string) *host {
	return &host{
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}, Timeout: time.Minute},
		base:   strings.TrimSuffix(url, "/"),
		has:    make(map[layout.Digest]bool),
	}
}

// tree returns every file of the catalog that the tree has, once, whichever folders
// show it.
func (h *host) tree(ctx context.Context) ([]distribute.Entry, error) {
	var files []distribute.Entry
	seen := make(map[heldKey]bool)
	folders := []string{"/Software/", "/Drivers/"}
	for len(folders) > 0 {
		folder := folders[0]
		folders = folders[1:]
		entries, err := h.list(ctx, folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			key := heldKey{e.Update, e.Name}
			switch {
			case e.Dir():
				folders = append(folders, e.URL)
			case e.Update == "": // a script, made for the folder
			case !seen[key]:
				seen[key] = true
				files = append(files, e)
			}
		}
	}
	return files, nil
}

// list returns the entries of a folder, of all its pages.
func (h *host) list(ctx context.Context, folder string) ([]distribute.Entry, error) {
	var all []distribute.Entry
	for page := ""; ; {
		resp, err := h.get(ctx, folder+page, http.Header{"Accept": {"application/json"}}, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var l distribute.Listing
		err = json.NewDecoder(io.LimitReader(resp.Body, maxListing)).Decode(&l)
		resp.Body.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("read the listing of %s: %w", folder, err)
		}
		all = append(all, l.Entries...)
		if page = l.Next; page == "" {
			return all, nil
		}
	}
}

// check fetches a file in one of three ways and holds it to the catalog.
func (h *host) check(ctx context.Context, way int, e distribute.Entry, want heldFile) error {
	fetch := []func(context.Context, string, int64) ([]byte, error){h.whole, h.pieces, h.resumed}[way%3]
	body, err := fetch(ctx, e.URL, want.size)
	if err != nil {
		return err
	}
	if got := layout.Digest(sha256.Sum256(body)); got != want.sha256 {
		return fmt.Errorf("%s has SHA-256 %s, the catalog says %s", e.URL, got, want.sha256)
	}
	return nil
}

// whole fetches a file in one piece.
func (h *host) whole(ctx context.Context, path string, size int64) ([]byte, error) {
	resp, err := h.get(ctx, path, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() // it was only read
	return readBody(path, resp, size)
}

// pieces fetches a file in four ranges at once, as aria2c -x4 does.
func (h *host) pieces(ctx context.Context, path string, size int64) ([]byte, error) {
	const n = 4
	var parts [n][]byte
	group, ctx := errgroup.WithContext(ctx)
	for i := range int64(n) {
		first, next := size*i/n, size*(i+1)/n
		group.Go(func() error {
			var err error
			parts[i], err = h.part(ctx, path, first, next, nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return bytes.Join(parts[:], nil), nil
}

// resumed fetches a file as far as its middle, drops the connection, and
// fetches the rest, if the file is still the same.
func (h *host) resumed(ctx context.Context, path string, size int64) ([]byte, error) {
	resp, err := h.get(ctx, path, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	start := make([]byte, size/2)
	_, err = io.ReadFull(resp.Body, start)
	resp.Body.Close() // with the rest unread it closes the connection
	if err != nil {
		return nil, fmt.Errorf("fetch the first half of %s: %w", path, err)
	}
	rest, err := h.part(ctx, path, size/2, size, http.Header{"If-Range": {resp.Header.Get("ETag")}})
	if err != nil {
		return nil, err
	}
	return append(start, rest...), nil
}

// part fetches the bytes from first up to next.
func (h *host) part(ctx context.Context, path string, first, next int64, header http.Header) ([]byte, error) {
	if header == nil {
		header = make(http.Header)
	}
	header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, next-1))
	resp, err := h.get(ctx, path, header, http.StatusPartialContent)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() // it was only read
	return readBody(path, resp, next-first)
}

// readBody reads an answer that must have n bytes.
func readBody(path string, resp *http.Response, n int64) ([]byte, error) {
	if resp.ContentLength != n {
		return nil, fmt.Errorf("fetch %s: Content-Length %d, want %d", path, resp.ContentLength, n)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", path, err)
	}
	return body, nil
}

// missing demands that there is nothing at path.
func (h *host) missing(ctx context.Context, path string) error {
	resp, err := h.get(ctx, path, nil, http.StatusNotFound)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// appears waits until there is something at path: a server follows what was
// published within a second.
func (h *host) appears(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	for {
		resp, err := h.get(ctx, path, nil, http.StatusOK)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for what was released: %w", errors.Join(context.Cause(ctx), err))
		case <-time.After(followEvery / 10):
		}
	}
}

// get asks for a path and demands a status. The caller closes the body.
func (h *host) get(ctx context.Context, path string, header http.Header, status int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	if resp.StatusCode != status {
		return nil, errors.Join(fmt.Errorf("ask for %s: got %s, want %d", path, resp.Status, status), resp.Body.Close())
	}
	return resp, nil
}
