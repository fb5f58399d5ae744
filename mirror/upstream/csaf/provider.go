package csaf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// maxDocument is the most bytes of a document, and of each file beside it.
const maxDocument = 4 << 20

// maxKey is the most bytes of an offered certificate.
const maxKey = 4 << 20

// Provider is a CSAF provider as a source of bulletins. It is configured by its
// exported fields, which must not change after the first use. It is safe for
// concurrent use and must not be copied.
type Provider struct {
	// Publisher asks; its Origin says which hosts may be asked. It is not used
	// where Path is set.
	Publisher *upstream.Publisher
	// URL is that of provider metadata, of a ROLIE feed or of a directory, or a
	// domain, as Address reads it.
	URL string
	// Path is a local folder in place of URL: a copy of what a provider
	// publishes, or any folder with documents and what belongs beside them.
	Path string
	// Unsigned says that the provider signs nothing. Then the documents alone
	// are fetched, one request each. False: a signature and files of digests
	// are looked for beside each document.
	Unsigned bool
	// Clock tells the time; nil is time.Now.
	Clock func() time.Time

	mu    sync.Mutex
	files map[string]files // by name of the document, from the last list
}

// network is a provider that is asked over HTTP.
type network struct{ *upstream.Publisher }

func (n network) read(ctx context.Context, url string, prev layout.Validators, limit int64) ([]byte, layout.Document, error) {
	return n.Read(ctx, url, prev, limit)
}

func (n network) allows(u *url.URL) error { return n.Origin.Allows(u) }

func (n network) place(url string) string { return url }

// List asks for the provider's documents. prev is the Memory of a list before;
// nil, or what cannot be read, is none.
//
// Where nothing changed, it is one conditional request for each directory and
// feed, and once a day one for each list there is. A document that stands in
// index.txt but not in changes.csv has no Stamp; where there is such a one, the
// whole list is returned once a day even if it did not change.
//
// A list that cannot be had is a problem, unless it is the only one; so are a
// key and a line. The error of a host that the operator did not name matches
// *upstream.HostError.
func (p *Provider) List(ctx context.Context, prev json.RawMessage) (*layout.AnnouncedList, error) {
	if p.Path != "" {
		return p.listFolder(ctx, prev)
	}
	address, err := Address(p.URL)
	if err != nil {
		return nil, err
	}
	s := newSurvey(network{p.Publisher}, recall(prev, p.URL), p.URL, p.time())
	same, problems, err := s.unchanged(ctx)
	if err != nil {
		return nil, err
	}
	if same {
		memory, err := json.Marshal(&s.is)
		return &layout.AnnouncedList{NotModified: true, Memory: memory, Problems: problems}, err
	}
	list, files, err := s.whole(ctx, address)
	if err != nil {
		return nil, err
	}
	p.remember(files)
	return list, nil
}

// whole gets the full list, and what the provider says of itself where that was
// not asked for lately, or where what it said is no longer so.
func (s *survey) whole(ctx context.Context, address *url.URL) (*layout.AnnouncedList, map[string]files, error) {
	odd, fresh, err := s.describeOrRecall(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	lists, gone, problems, err := s.gather(ctx)
	if gone && !fresh {
		if odd, err = s.discover(ctx, address); err != nil {
			return nil, nil, err
		}
		lists, _, problems, err = s.gather(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	t := s.items(lists)
	s.is.Unstamped, s.is.Shadowed = t.unstamped(), t.shadowed
	keys, missing := s.keys(ctx)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	list := &layout.AnnouncedList{Items: t.all, Keys: keys}
	for _, part := range [][]error{odd, problems, t.problems, missing} {
		list.Problems = append(list.Problems, part...)
	}
	list.Memory, err = json.Marshal(&s.is)
	return list, t.files, err
}

// describeOrRecall finds out what the provider offers, where that is due. One
// that cannot say so now is taken at its last word, but not one that moved away.
func (s *survey) describeOrRecall(ctx context.Context, address *url.URL) (odd []error, fresh bool, err error) {
	first := len(s.was.Distributions) == 0
	if !first && !s.was.due(s.now) {
		s.known()
		return nil, false, nil
	}
	odd, err = s.discover(ctx, address)
	if err == nil || first || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) {
		return odd, true, err
	}
	s.known()
	return []error{err}, true, nil
}

// keys gets the certificates that the provider offers.
func (s *survey) keys(ctx context.Context) (keys []layout.OfferedKey, problems []error) {
	for _, k := range s.is.Keys {
		b, _, err := s.from.read(ctx, k.URL, layout.Validators{}, maxKey)
		if err != nil {
			problems = append(problems, fmt.Errorf("key %s: %w", k.Claimed, err))
			continue
		}
		keys = append(keys, layout.OfferedKey{Claimed: k.Claimed, URL: k.URL, Data: b})
	}
	return keys, problems
}

// remember keeps where the files beside documents are until the next list.
func (p *Provider) remember(files map[string]files) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files = files
}

func (p *Provider) beside(name string) files {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[name]
}

func (p *Provider) time() time.Time {
	if p.Clock == nil {
		return time.Now()
	}
	return p.Clock()
}

// errNoURL is an item that is not of this provider.
var errNoURL = errors.New("the item names no place")
