package csaf

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// folder is a provider in a local folder. It is read as if it were the
// provider: a URL leads to the file that a copy of the provider's has for it.
// No symbolic link leads out of it.
type folder struct {
	root *os.Root
	path string
	// canonical is the folder of the URL where the metadata says that it
	// stands, and below the folder in which it is here. nil without metadata.
	canonical *url.URL
	below     string
}

// folderHost stands for the folder in URLs; no host has its name (RFC 2606).
const folderHost = "folder.invalid"

// folderURL returns the URL of a file by its path below the folder.
func folderURL(rel string) string {
	return (&url.URL{Scheme: "https", Host: folderHost, Path: "/" + rel}).String()
}

func openFolder(path string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("CSAF folder: %w", err)
	}
	return &folder{root: root, path: path}, nil
}

func (f *folder) close() error { return f.root.Close() }

// candidates are the paths at which a copy may have the file of a URL: beside
// the metadata as the provider has it, in a copy of the provider's web root, or
// in one of several hosts.
func (f *folder) candidates(u *url.URL) []string {
	plain := strings.TrimPrefix(u.Path, "/")
	if u.Host == folderHost {
		return []string{plain}
	}
	var all []string
	if f.canonical != nil && u.Host == f.canonical.Host {
		if rest, ok := strings.CutPrefix(u.Path, f.canonical.Path); ok {
			all = append(all, path.Join(f.below, rest))
		}
	}
	return append(all, plain, path.Join(u.Hostname(), plain))
}

// locate returns the path of the file of a URL, and what it is. Devices and
// pipes are refused before they are opened: to open one may wait for ever.
func (f *folder) locate(raw string) (string, fs.FileInfo, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", nil, err
	}
	for _, rel := range f.candidates(u) {
		if !fs.ValidPath(rel) {
			continue
		}
		info, err := f.root.Stat(filepath.FromSlash(rel))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if !info.Mode().IsRegular() {
			return "", nil, &fs.PathError{Op: "read", Path: f.full(rel), Err: errors.New("not a file")}
		}
		return rel, info, nil
	}
	return "", nil, &fs.PathError{Op: "find the file of", Path: f.place(raw), Err: fs.ErrNotExist}
}

func (f *folder) full(rel string) string { return filepath.Join(f.path, filepath.FromSlash(rel)) }

func (f *folder) place(raw string) string {
	if rel, ok := strings.CutPrefix(raw, folderURL("")); ok {
		return f.full(rel)
	}
	return raw
}

// allows lets every URL be looked for in the folder: none leads out of it.
func (f *folder) allows(*url.URL) error { return nil }

// read is always the whole file: its time and size are looked at elsewhere.
func (f *folder) read(ctx context.Context, raw string, _ layout.Validators, limit int64) ([]byte, layout.Document, error) {
	if ctx.Err() != nil {
		return nil, layout.Document{}, context.Cause(ctx)
	}
	rel, _, err := f.locate(raw)
	if err != nil {
		return nil, layout.Document{}, err
	}
	file, err := f.root.Open(filepath.FromSlash(rel))
	if err != nil {
		return nil, layout.Document{}, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, layout.Document{}, err
	}
	if int64(len(b)) > limit {
		return nil, layout.Document{}, &upstream.LimitError{URL: f.full(rel), Limit: limit}
	}
	return b, layout.Document{SHA256: layout.DigestOf(b), Size: int64(len(b)), URL: raw, At: layout.At(time.Now())}, nil
}

// listFolder lists the folder as List does a provider. Where neither metadata
// nor an index says what there is, every JSON document below the folder is
// listed. A stamp is made of time and size of the document and its signature.
func (p *Provider) listFolder(ctx context.Context, prev json.RawMessage) (*layout.AnnouncedList, error) {
	f, err := openFolder(p.Path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	s := newSurvey(f, memory{}, p.Path, p.time())
	lists, problems, err := s.folderLists(ctx, f)
	if err != nil {
		return nil, err
	}
	t := s.items(lists)
	missing := f.settle(t)
	keys, noKeys := s.keys(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p.remember(t.files)
	list := &layout.AnnouncedList{Items: t.all, Keys: keys}
	for _, part := range [][]error{problems, t.problems, missing, noKeys} {
		list.Problems = append(list.Problems, part...)
	}
	now := memory{Version: memoryVersion, Place: p.Path, Folder: digestOf(t.all, keys)}
	if was := recall(prev, p.Path); was.Folder == now.Folder {
		list.NotModified, list.Items, list.Keys = true, nil, nil
	}
	list.Memory, err = json.Marshal(&now)
	return list, err
}

// folderLists reads what lists there are in the folder.
func (s *survey) folderLists(ctx context.Context, f *folder) ([]listing, []error, error) {
	here := distribution{URL: folderURL("")}
	s.is.Distributions = []distribution{here}
	odd, err := s.folderMetadata(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	lists, _, problems, err := s.gather(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return lists, append(odd, problems...), err
	}
	if f.canonical != nil {
		odd = append(odd, err) // the metadata names what is not here
	}
	s.is.Distributions = []distribution{here}
	entries, err := f.walk(ctx)
	return []listing{{of: here, entries: entries}}, odd, err
}

// folderMetadata reads the metadata in the folder, where there is one.
func (s *survey) folderMetadata(ctx context.Context, f *folder) ([]error, error) {
	for _, below := range []string{"", ".well-known/csaf"} {
		at := folderURL(path.Join(below, metadataName))
		b, err := s.body(ctx, at, maxMetadata)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		m, bad, err := parseMetadata(b, u)
		if err != nil {
			return nil, fmt.Errorf("%s %w", f.place(at), err)
		}
		f.below, f.canonical = below, m.canonical.ResolveReference(&url.URL{Path: "."})
		s.is.Distributions, s.is.Keys = m.distributions, m.keys
		if len(m.distributions) == 0 {
			return nil, fmt.Errorf("%s names no directory and no feed that is for everybody", f.place(at))
		}
		return bad.of(f.place(at)), nil
	}
	return nil, nil
}

// walk finds every JSON document in the folder.
func (f *folder) walk(ctx context.Context) ([]entry, error) {
	var entries []entry
	err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case d.IsDir() || !isDocument(name) || isBeside(name):
			return nil
		case len(entries) == maxItems:
			return fmt.Errorf("CSAF folder %s: more than %d documents", f.path, maxItems)
		}
		entries = append(entries, entry{url: folderURL(name)})
		return nil
	})
	return entries, err
}

// settle replaces URLs by where the files are, and drops documents that are
// listed and not here.
func (f *folder) settle(t *items) []error {
	bad := new(problems)
	kept := t.all[:0]
	for _, item := range t.all {
		rel, info, err := f.locate(item.By)
		if err != nil {
			bad.add(err)
			delete(t.files, item.Name)
			continue
		}
		near, special := t.files[item.Name]
		signature := near.signature
		if signature == "" {
			signature = folderURL(rel + signatureSuffix)
		}
		item.By, item.Stamp = f.full(rel), stat(info)
		if _, info, err := f.locate(signature); err == nil {
			item.Stamp += " " + stat(info)
		}
		if special {
			t.files[item.Name] = f.near(near)
		}
		kept = append(kept, item)
	}
	t.all = kept
	return bad.of(f.path)
}

// near brings the places of files beside a document to those in the folder, so
// that they can be found without the metadata.
func (f *folder) near(was files) files {
	is := files{}
	if rel, _, err := f.locate(was.signature); was.signature != "" && err == nil {
		is.signature = folderURL(rel)
	}
	for _, sum := range was.sums {
		if rel, _, err := f.locate(sum); err == nil {
			is.sums = append(is.sums, folderURL(rel))
		}
	}
	return is
}

func stat(info fs.FileInfo) string {
	return fmt.Sprintf("%d@%d", info.Size(), info.ModTime().UnixNano())
}

// digestOf tells one list of a folder from another.
func digestOf(all []layout.Announced, keys []layout.OfferedKey) layout.Digest {
	h := sha256.New()
	for _, a := range all {
		fmt.Fprintf(h, "%q %q\n", a.Name, a.Stamp)
	}
	for _, k := range keys {
		fmt.Fprintf(h, "%q %s\n", k.Claimed, layout.DigestOf(k.Data))
	}
	return layout.Digest(h.Sum(nil))
}

// getLocal is Get for a folder.
func (p *Provider) getLocal(ctx context.Context, item layout.Announced) (*layout.Announcement, error) {
	rel, err := filepath.Rel(p.Path, item.By)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, fmt.Errorf("%s is not in the CSAF folder %s", item.By, p.Path)
	}
	f, err := openFolder(p.Path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	item.By = folderURL(filepath.ToSlash(rel))
	return p.get(ctx, f, item, layout.Validators{})
}
