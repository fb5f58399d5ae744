package csaf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// maxLinks is how many links of one entry of a feed are looked at.
const maxLinks = 64

// entry is a document that a feed or a directory lists.
type entry struct {
	url   string // where it is
	stamp string // when it was last changed, "" for unknown
	files files
}

// files says where the files beside a document are, where a feed says so. The
// zero value stands for the names that CSAF 2.0 gives them.
type files struct {
	signature string
	sums      []string
}

func (f files) isZero() bool { return f.signature == "" && len(f.sums) == 0 }

type rawFeed struct {
	Feed *struct {
		Entry json.RawMessage `json:"entry"`
	} `json:"feed"`
}

type rawEntry struct {
	ID      string          `json:"id"`
	Updated string          `json:"updated"`
	Link    json.RawMessage `json:"link"`
	Content struct {
		Src string `json:"src"`
	} `json:"content"`
}

type rawLink struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// parseFeed reads a ROLIE feed (CSAF 2.0, section 7.1.15; RFC 8322) that came
// from the place at. An entry that cannot be used is a problem; of a document
// that comes twice the later entry counts.
func parseFeed(b []byte, at *url.URL) ([]entry, *problems, error) {
	var raw rawFeed
	if err := decode(b, &raw); err != nil {
		return nil, nil, err
	}
	if raw.Feed == nil {
		return nil, nil, errors.New("is not a ROLIE feed")
	}
	bad := new(problems)
	list, err := decodeList[rawEntry](raw.Feed.Entry, maxItems)
	if err != nil {
		return nil, nil, fmt.Errorf("entries: %w", err)
	}
	var entries []entry
	seen := map[string]int{}
	for i := range list {
		e, err := list[i].entry(at)
		if err != nil {
			bad.add(fmt.Errorf("entry %.80q: %w", list[i].ID, err))
			continue
		}
		first, again := seen[e.url]
		if !again {
			seen[e.url] = len(entries)
			entries = append(entries, e)
			continue
		}
		if moment(entries[first].stamp).Before(moment(e.stamp)) {
			entries[first] = e
		}
	}
	return entries, bad, nil
}

// entry reads an entry. The document is where its link "self" leads; without
// one, where the content is. Where its time cannot be read it has none: it is asked
// for each time, which costs a request and loses nothing.
func (r *rawEntry) entry(at *url.URL) (entry, error) {
	links, err := decodeList[rawLink](r.Link, maxLinks)
	if err != nil {
		return entry{}, fmt.Errorf("links: %w", err)
	}
	e := entry{stamp: stamp(r.Updated)}
	self := r.Content.Src
	for _, l := range links {
		switch l.Rel {
		case "self":
			self = l.Href
		case "signature":
			err = e.files.sign(at, l.Href)
		case "hash":
			err = e.files.sum(at, l.Href)
		}
		if err != nil {
			return entry{}, err
		}
	}
	u, err := web(at, self)
	if err != nil {
		return entry{}, err
	}
	if !isDocument(u.Path) {
		return entry{}, fmt.Errorf("%s names no JSON document", u.Redacted())
	}
	e.url = u.String()
	e.files.shorten(e.url)
	return e, nil
}

func (f *files) sign(at *url.URL, href string) error {
	u, err := web(at, href)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	f.signature = u.String()
	return nil
}

// sum takes a file of digests of a kind that is used.
func (f *files) sum(at *url.URL, href string) error {
	u, err := web(at, href)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	ext := strings.ToLower(path.Ext(u.Path))
	if len(f.sums) < len(sumSuffixes) && (ext == ".sha256" || ext == ".sha512") {
		f.sums = append(f.sums, u.String())
	}
	return nil
}

// shorten forgets places that are where the rule puts them. A list of digests
// that names only some of the possible is kept: the others need no request.
func (f *files) shorten(document string) {
	if f.signature == document+signatureSuffix {
		f.signature = ""
	}
	if len(f.sums) == len(sumSuffixes) && f.sums[0] == document+sumSuffixes[0] && f.sums[1] == document+sumSuffixes[1] {
		f.sums = nil
	}
}

// decodeList reads a JSON array of at most so many elements, one by one: an
// array of empty objects is a hundred times as large in memory as in its text.
// No array at all is an empty one. Members of a wrong type count as missing.
func decodeList[T any](raw json.RawMessage, most int) ([]T, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("are not a JSON array")
	}
	var list []T
	for dec.More() {
		if len(list) == most {
			return nil, fmt.Errorf("are more than %d", most)
		}
		var v T
		var wrong *json.UnmarshalTypeError
		if err := dec.Decode(&v); err != nil && !errors.As(err, &wrong) {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
