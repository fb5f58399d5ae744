package csaf

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// texts is a provider of texts by URL.
type texts map[string]string

func (x texts) read(_ context.Context, u string, _ layout.Validators, limit int64) ([]byte, layout.Document, error) {
	text, ok := x[u]
	switch {
	case !ok:
		return nil, layout.Document{}, &fs.PathError{Op: "read", Path: u, Err: fs.ErrNotExist}
	case int64(len(text)) > limit:
		return nil, layout.Document{}, &upstream.LimitError{URL: u, Limit: limit}
	}
	return []byte(text), layout.Document{SHA256: layout.DigestOf([]byte(text))}, nil
}

func (x texts) allows(*url.URL) error { return nil }

func (x texts) place(u string) string { return u }

// survey looks at a provider of texts whose metadata names these directories
// below https://a.example/.
func (x texts) survey(directories ...string) *survey {
	var named []string
	for _, d := range directories {
		named = append(named, fmt.Sprintf(`{"directory_url":"https://a.example/%s/"}`, d))
	}
	x[textsAt] = `{"canonical_url":"` + textsAt + `","distributions":[` + strings.Join(named, ",") + `]}`
	return newSurvey(x, memory{}, textsAt, time.Now())
}

const textsAt = "https://a.example/p.json"

func list(t *testing.T, s *survey) *layout.AnnouncedList {
	t.Helper()
	list, _, err := s.whole(t.Context(), parse(t, textsAt))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantText(t *testing.T, errs []error, want string) {
	t.Helper()
	for _, err := range errs {
		if strings.Contains(err.Error(), want) {
			return
		}
	}
	t.Errorf("got problems %.1000v, want one with %q", errs, want)
}

// TestManyDocuments lists more than may be taken, in one list and in many.
func TestManyDocuments(t *testing.T) {
	s := newSurvey(texts{}, memory{}, "", time.Now())
	s.is.Distributions = []distribution{{URL: "https://a.example/f.json", Feed: true}}
	l := listing{of: s.is.Distributions[0]}
	for i := range maxItems + 1 {
		l.entries = append(l.entries, entry{url: fmt.Sprintf("https://a.example/%d.json", i)})
	}
	got := s.items([]listing{l})
	if len(got.all) != maxItems {
		t.Errorf("got %d documents", len(got.all))
	}
	wantText(t, got.problems, "more than 200000 documents are listed; the rest is left out")

	x := texts{}
	for i := range 3 {
		x[fmt.Sprintf("https://a.example/%d/index.txt", i)] = fmt.Sprintf("%d-a.json\n%[1]d-b.json\n", i)
	}
	s = x.survey("0", "1", "2")
	if s.most != maxListed {
		t.Errorf("lists are read up to %d documents, want %d", s.most, maxListed)
	}
	s.most = 4
	some := list(t, s)
	if len(some.Items) != 4 {
		t.Errorf("got %v", some.Items)
	}
	wantText(t, some.Problems, "https://a.example/2/ is not read: 4 documents are listed before it")
}

// TestMuchText lists less than may be taken in more bytes than may be read.
func TestMuchText(t *testing.T) {
	x := texts{}
	full := strings.Repeat("\n", maxIndex-len("a.json\n")) + "a.json\n"
	for i := range 5 {
		x[fmt.Sprintf("https://a.example/%d/index.txt", i)] = full
	}
	got := list(t, x.survey("0", "1", "2", "3", "4"))
	wantText(t, got.Problems, "bytes; all lists together may have 67108864")
	if len(got.Items) != 0 {
		t.Errorf("got %v", got.Items)
	}
}

// TestManyHosts lists documents on more hosts than are told one by one.
func TestManyHosts(t *testing.T) {
	s := newSurvey(strict{}, memory{}, "", time.Now())
	s.is.Distributions = []distribution{{URL: "https://a.example/f.json", Feed: true}}
	l := listing{of: s.is.Distributions[0]}
	for i := range 100 {
		l.entries = append(l.entries, entry{url: fmt.Sprintf("https://%d.example/a.json", i)}, entry{url: fmt.Sprintf("https://%d.example/b.json", i)})
	}
	got := s.items([]listing{l})
	if len(got.all) != 0 || len(got.problems) != 2*maxProblems+1 {
		t.Errorf("got %d documents and %d problems", len(got.all), len(got.problems))
	}
	wantText(t, got.problems, "2 documents are not asked for: 0.example")
	wantText(t, got.problems, "140 more parts")
}

// strict allows nothing.
type strict struct{ texts }

func (strict) allows(u *url.URL) error { return fmt.Errorf("%s is not allowed", u.Host) }

// TestNames holds the names of documents to be stable and unambiguous.
func TestNames(t *testing.T) {
	s := newSurvey(texts{}, memory{}, "", time.Now())
	s.is.Distributions = []distribution{
		{URL: "https://a.example/csaf/"}, {URL: "https://a.example/csaf/white/"}, {URL: "https://a.example/feeds/w.json?at=/x/", Feed: true},
	}
	tests := []struct{ url, name, err string }{
		{url: "https://a.example/csaf/x.json", name: "x.json"},
		{url: "https://a.example/csaf/white/2024/x.json", name: "2024/x.json"},
		{url: "https://a.example/csaf/2024/x.json?v=2", name: "2024/x.json"},
		{url: "https://a.example/feeds/2024/y.json", name: "2024/y.json"},
		{url: "https://a.example/other/x.json", name: "a.example/other/x.json"},
		{url: "https://b.example:8443/x.json", name: "b.example_8443/x.json"},
		{url: "https://a.example/csaf/a%20b.json", name: "a b.json"},
		{url: "https://a.example/csaf/%2e%2e/x.json", err: "component"},
		{url: "https://a.example/csaf/2024%2fz.json", name: "2024/z.json"},
		{url: "https://a.example/csaf/a%00.json", err: "path"},
		{url: "https://a.example/csaf/a%5cb.json", err: "path"},
	}
	for _, tt := range tests {
		got := s.items([]listing{{of: s.is.Distributions[0], entries: []entry{{url: tt.url}}}})
		if tt.err != "" {
			wantText(t, got.problems, tt.err)
			continue
		}
		if len(got.all) != 1 || got.all[0].Name != tt.name || got.all[0].By != tt.url {
			t.Errorf("%s: got %+v, problems %v, want %s", tt.url, got.all, got.problems, tt.name)
		}
	}
}

// TestDataHost looks for the metadata of a domain on the host that it sets
// aside for that, where the operator allowed it.
func TestDataHost(t *testing.T) {
	x := texts{
		"https://csaf.data.security.a.example/": `{"canonical_url":"https://a.example/provider-metadata.json","distributions":[{"directory_url":"https://a.example/csaf"}]}`,
		"https://a.example/csaf/index.txt":      "a.json\n",
	}
	got, _, err := newSurvey(x, memory{}, "", time.Now()).whole(t.Context(), parse(t, "https://a.example:443"))
	if err != nil || len(got.Items) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, _, err = newSurvey(strict{x}, memory{}, "", time.Now()).whole(t.Context(), parse(t, "https://a.example/")); err == nil {
		t.Error("a host that is not allowed was asked")
	}
}

func TestWithSuffix(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/x.json":          "https://a.example/x.json.asc",
		"https://a.example/x.json?v=2":      "https://a.example/x.json.asc?v=2",
		"https://a.example/%c3%a4%2fx.json": "https://a.example/%c3%a4%2fx.json.asc",
	} {
		if got := withSuffix(in, ".asc"); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
